//! Finds the run a command means, and all that is known of it.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::anyhow;

use super::check;
use crate::{
    cli::{
        args::{Global, RunName},
        exit::{Exit, Failure},
        output::Output,
        wire::files_of,
    },
    journal::{Envelope, Files, Liveness, Locks, RunId, Store},
    plan::{Plan, PlanName, SourceFile},
    report::{self, Presence, RunView, Standing, approvals_awaited},
    rollout::{Ending, Event, Mode, State, settled},
    runner::Clock,
};

pub(super) struct Found {
    pub run: RunId,
    pub plan: Plan,
    pub journal: Vec<Envelope>,
    pub state: State,
    pub files: Arc<Files>,
}

/// Which runs a command without a name may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// `rollback`: whatever is not as it was before, of promoted runs only the last of each plan.
    GoBack,
    /// `resume`: what has not come to a good end.
    GoOn,
    /// `abort`, `pause`: what is under way.
    UnderWay,
    /// `approve`, `deny`: what waits for that.
    Vote,
}

impl Found {
    /// The run with this id or the only one that begins so; without a name, the latest.
    pub(super) fn find(name: &RunName, global: &Global) -> Result<Self, Failure> {
        let files = files_of(global);
        let runs = files.runs()?;
        let run = choose(&runs, name.run.as_deref(), global)?;
        Self::open(files, run)
    }

    /// The same for a command that does something: without a name only one run may be meant.
    pub(super) fn meant(
        name: &RunName,
        (verb, asks): (&str, Asks),
        global: &Global,
    ) -> Result<Self, Failure> {
        if name.run.is_some() {
            return Self::find(name, global);
        }
        let files = files_of(global);
        // What cannot be read is not meant: nothing could be done with it.
        let open = |run| Self::open(files.clone(), run).ok();
        let all: Vec<Self> = files.runs()?.into_iter().filter_map(open).collect();
        let last: BTreeMap<PlanName, RunId> =
            all.iter().map(|found| (found.plan.name.clone(), found.run.clone())).collect();
        let is_last = |found: &Self| last.get(&found.plan.name) == Some(&found.run);
        let mut meant: Vec<Self> =
            all.into_iter().filter(|found| found.may_be_meant(asks, is_last(found))).collect();
        match (meant.pop(), meant.as_slice()) {
            // The latest says why nothing can be done.
            (None, _) => match (Self::find(name, global)?, asks) {
                (latest, Asks::Vote) if !matches!(latest.state.mode, Mode::Ended(_)) => {
                    Err(Failure::usage(
                        "no run waits for an approval",
                        format!("`tidegate status {}` tells where the latest stands", latest.run),
                    ))
                }
                (latest, Asks::GoBack | Asks::GoOn | Asks::UnderWay | Asks::Vote) => Ok(latest),
            },
            (Some(only), []) => Ok(only),
            (Some(last), others) => {
                let all = std::iter::once(&last).chain(others.iter().rev());
                let lines = all.map(|found| found.offered(verb)).collect::<String>();
                Err(Failure::usage(
                    format!("{verb} may mean any of {} runs", others.len() + 1),
                    format!("name the one you mean:{lines}"),
                ))
            }
        }
    }

    fn may_be_meant(&self, asks: Asks, is_last: bool) -> bool {
        match (asks, &self.state.mode) {
            (_, Mode::NotStarted | Mode::Ended(Ending::RolledBack))
            | (Asks::UnderWay | Asks::Vote, Mode::Ended(_)) => false,
            (Asks::GoBack, Mode::Ended(Ending::Promoted)) => is_last,
            (Asks::GoOn, Mode::Ended(ending)) => *ending == Ending::NeedsAttention,
            (Asks::GoBack | Asks::GoOn | Asks::UnderWay, _) => true,
            (Asks::Vote, _) => !approvals_awaited(&self.plan, &self.state).is_empty(),
        }
    }

    /// One of several runs that may be meant, with what tells it from the others.
    fn offered(&self, verb: &str) -> String {
        let standing = Standing::of(&self.plan, &self.state);
        let traffic = report::traffic(&self.journal).join("\n      ");
        let below = if traffic.is_empty() { "" } else { "\n      " };
        format!("\n    tidegate {verb} {}  {standing}{below}{traffic}", self.run)
    }

    fn open(files: Arc<Files>, run: RunId) -> Result<Self, Failure> {
        let journal = files.load(&run)?;
        let started = journal.iter().find_map(|envelope| match &envelope.event {
            Event::RunStarted { digest, params, .. } => Some((digest.clone(), params.clone())),
            _ => None,
        });
        let (digest, params) = started.ok_or_else(|| {
            Failure::usage(format!("run {run} has not begun"), "start it again with `tidegate run`")
        })?;
        let text = files.plan(&run).map_err(|error| by_hand(error.into(), &journal))?;
        let plan = journaled_plan(&run, &text, &params, &digest)
            .map_err(|failure| by_hand(failure, &journal))?;
        let state = State::fold(journal.iter().map(|envelope| (&envelope.event, envelope.at)));
        let plan = settled(&plan, &state.bindings);
        Ok(Self { run, plan, journal, state, files })
    }

    /// The same run, read anew.
    pub(super) fn again(&self) -> Result<Self, Failure> {
        Self::open(self.files.clone(), self.run.clone())
    }

    /// Who drives the run right now, if anybody does.
    pub(super) fn driver(&self) -> Result<Option<String>, Failure> {
        let held = self.files.driver(&self.run)?;
        let alive = held.filter(|held| held.liveness == Liveness::Alive);
        Ok(alive.map(|held| held.info.holder))
    }

    /// Where the run stands now, and who is there. Where that cannot be found out, what the journal says is told all the
    /// same.
    pub(super) fn view(&self, output: &Output) -> RunView {
        let now = Clock::system().now();
        match self.files.driver(&self.run) {
            Ok(driver) => {
                let presence = Presence { driver, looks: self.files.noted(&self.run) };
                RunView::seen(&self.plan, &self.journal, &presence, now)
            }
            Err(error) => {
                output
                    .say("note", &format!("it cannot be told whether anybody drives it: {error}"));
                RunView::of(&self.plan, &self.journal, now)
            }
        }
    }
}

/// Without its plan nobody can drive a run. What its first event says of before can still be put back by hand.
fn by_hand(failure: Failure, journal: &[Envelope]) -> Failure {
    let lines = report::before(journal).join("\n");
    let hint = failure.hint.map(|hint| hint + "; or ").unwrap_or_default();
    let hint =
        format!("{hint}put everything back by hand, as it was before this run began:\n{lines}");
    Failure { exit: Exit::Trouble, hint: Some(hint), ..failure }
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

/// Reads the plan of a run as it was journaled.
fn journaled_plan(
    run: &RunId,
    text: &str,
    params: &BTreeMap<String, String>,
    digest: &str,
) -> Result<Plan, Failure> {
    let source = SourceFile::new(format!("the plan of run {run}"), text);
    let plan = crate::plan::read(&source, params).map_err(|p| check::invalid(&p))?.plan;
    if plan.digest == digest {
        return Ok(plan);
    }
    Err(Failure {
        exit: Exit::Trouble,
        error: anyhow!(
            "this tidegate understands the plan of run {run} differently than the one that started it"
        ),
        hint: Some("use the version of tidegate that started the run".to_owned()),
    })
}
