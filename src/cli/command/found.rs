//! Finds the run a command means, and all that its journal says.

use std::sync::Arc;

use super::run::journaled_plan;
use crate::{
    cli::{
        args::{Global, RunName},
        exit::Failure,
        wire::files_of,
    },
    journal::{Envelope, Files, Liveness, Locks, RunId, Store},
    plan::Plan,
    rollout::{Event, State},
};

pub(super) struct Found {
    pub run: RunId,
    pub plan: Plan,
    pub journal: Vec<Envelope>,
    pub state: State,
    pub files: Arc<Files>,
}

impl Found {
    /// The run with this id or the only one that begins so; without a name, the latest.
    pub(super) fn find(name: &RunName, global: &Global) -> Result<Self, Failure> {
        let files = files_of(global);
        let runs = files.runs()?;
        let run = choose(&runs, name.run.as_deref(), global)?;
        let journal = files.load(&run)?;
        let started = journal.iter().find_map(|envelope| match &envelope.event {
            Event::RunStarted { digest, params, .. } => Some((digest.clone(), params.clone())),
            _ => None,
        });
        let (digest, params) = started.ok_or_else(|| {
            Failure::usage(format!("run {run} has not begun"), "start it again with `tidegate run`")
        })?;
        let plan = journaled_plan(&run, &files.plan(&run)?, &params, &digest)?;
        let state = State::fold(journal.iter().map(|envelope| (&envelope.event, envelope.at)));
        Ok(Self { run, plan, journal, state, files })
    }

    /// Who drives the run right now, if anybody does.
    pub(super) fn driver(&self) -> Result<Option<String>, Failure> {
        let resource = format!("run {}", self.run);
        let held = self.files.held()?;
        let alive = held
            .into_iter()
            .find(|held| held.info.resource == resource && held.liveness == Liveness::Alive);
        Ok(alive.map(|held| held.info.holder))
    }
}

fn choose(runs: &[RunId], name: Option<&str>, global: &Global) -> Result<RunId, Failure> {
    let folder = global.journal.display();
    let Some(name) = name else {
        return runs.last().cloned().ok_or_else(|| {
            Failure::usage(
                format!("there are no runs in {folder}"),
                "`tidegate run PLAN` starts one; `--journal DIR` looks elsewhere",
            )
        });
    };
    if let Some(run) = runs.iter().find(|run| run.as_str() == name) {
        return Ok(run.clone());
    }
    let matching: Vec<&RunId> = runs.iter().filter(|run| run.as_str().starts_with(name)).collect();
    match matching.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Failure::usage(
            format!("no run in {folder} is called {name}"),
            "`tidegate history` lists the runs",
        )),
        several => {
            let list: Vec<&str> = several.iter().map(|run| run.as_str()).collect();
            Err(Failure::usage(
                format!("{name} may be any of {}", list.join(", ")),
                "give more of its name",
            ))
        }
    }
}
