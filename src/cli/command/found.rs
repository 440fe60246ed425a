//! Finds the run a command means, and all that is known of it.

use std::{collections::BTreeMap, path::Path};

use anyhow::anyhow;

use super::{check, home::Home};
use crate::{
    cli::{
        args::{Global, RunName},
        exit::{Below, Choice, Exit, Failure},
        output::Output,
        wire::files_of,
    },
    journal::{Envelope, Files, Liveness, Locks, RunId, Store},
    plan::{Plan, PlanName, SourceFile},
    report::{self, Presence, RunView, Standing, Watch, approvals_awaited},
    rollout::{Ending, Event, Mode, State, settled},
    runner::Clock,
};

pub(super) struct Found {
    pub run: RunId,
    pub plan: Plan,
    pub journal: Vec<Envelope>,
    pub state: State,
    pub store: Store,
    pub files: Files,
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
    pub(super) async fn find(name: &RunName, global: &Global) -> Result<Self, Failure> {
        Self::read(Self::named(name, global).await?, global).await
    }

    /// The name of what [`Self::find`] finds, which may be damaged.
    pub(super) async fn named(name: &RunName, global: &Global) -> Result<RunId, Failure> {
        let runs = Store::new(files_of(global)).runs().await?;
        choose(&runs, name.run.as_deref(), global)
    }

    /// A run that is there.
    pub(super) async fn read(run: RunId, global: &Global) -> Result<Self, Failure> {
        Self::open(files_of(global), run).await
    }

    /// The same for a command that does something: without a name only one run may be meant.
    pub(super) async fn meant(
        name: &RunName,
        (verb, asks): (&str, Asks),
        global: &Global,
    ) -> Result<Self, Failure> {
        let found = Self::told_or_only(name, (verb, asks), global).await?;
        // Whoever names another region than the run's means another run.
        Home::of(&found.run, &found.journal).within(global)?;
        Ok(found)
    }

    async fn told_or_only(
        name: &RunName,
        (verb, asks): (&str, Asks),
        global: &Global,
    ) -> Result<Self, Failure> {
        if name.run.is_some() {
            return Self::find(name, global).await;
        }
        let files = files_of(global);
        let (mut all, mut unreadable) = (Vec::new(), Vec::new());
        for run in Store::new(files.clone()).runs().await? {
            match Self::open(files.clone(), run.clone()).await {
                Ok(found) => all.push(found),
                Err(_) => unreadable.push(run),
            }
        }
        let last: BTreeMap<PlanName, RunId> =
            all.iter().map(|found| (found.plan.name.clone(), found.run.clone())).collect();
        let is_last = |found: &Self| last.get(&found.plan.name) == Some(&found.run);
        let mut meant: Vec<Self> =
            all.into_iter().filter(|found| found.may_be_meant(asks, is_last(found))).collect();
        match (meant.pop(), meant.as_slice()) {
            // The latest says why nothing can be done.
            (None, _) if unreadable.is_empty() => match (Self::find(name, global).await?, asks) {
                (latest, Asks::Vote) if !matches!(latest.state.mode, Mode::Ended(_)) => {
                    Err(Failure::usage(
                        "no run waits for an approval",
                        format!("`tidegate status {}` tells where the latest stands", latest.run),
                    ))
                }
                (latest, Asks::GoBack | Asks::GoOn | Asks::UnderWay | Asks::Vote) => Ok(latest),
            },
            (Some(only), []) if unreadable.is_empty() => Ok(only),
            (None, _) if let [only] = unreadable.as_slice() => {
                Self::open(files, only.clone()).await
            }
            (last, others) => {
                let mut choices = Vec::new();
                for found in last.iter().chain(others.iter().rev()) {
                    choices.push(found.offered(verb).await);
                }
                let store = Store::new(files);
                for run in unreadable.into_iter().rev() {
                    choices.push(told_apart(&store, run, verb).await);
                }
                let words = format!("{verb} may mean any of {} runs", choices.len());
                let hint = "name the one you mean";
                Err(Failure::usage(words, hint).with(Below::Choices(choices)))
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
    async fn offered(&self, verb: &str) -> Choice {
        let watch = watch(&self.files, &self.run).await;
        Choice {
            run: self.run.clone(),
            command: format!("tidegate {verb} {}", self.run),
            standing: Some(Standing::of(&self.plan, &self.state).under(watch)),
            traffic: report::traffic(&self.journal),
        }
    }

    async fn open(files: Files, run: RunId) -> Result<Self, Failure> {
        let store = Store::new(files.clone());
        let journal = match store.load_whole(&run).await {
            Ok(journal) => journal,
            Err(error) => {
                let begun = store.begun(&run).await.unwrap_or_default();
                return Err(by_hand(error.into(), &begun));
            }
        };
        Self::of((store, files), run, journal).await
    }

    /// A run whose journal has been read.
    pub(super) async fn of(
        (store, files): (Store, Files),
        run: RunId,
        journal: Vec<Envelope>,
    ) -> Result<Self, Failure> {
        let started = journal.iter().find_map(|envelope| match &envelope.event {
            Event::RunStarted { digest, params, .. } => Some((digest.clone(), params.clone())),
            _ => None,
        });
        let (digest, params) = started.ok_or_else(|| {
            Failure::usage(format!("run {run} has not begun"), "start it again with `tidegate run`")
        })?;
        let text = store.plan(&run).await.map_err(|error| by_hand(error.into(), &journal))?;
        let attached = store.attached(&run).await;
        let attached = attached.map_err(|error| by_hand(error.into(), &journal))?;
        let plan = journaled_plan(&run, (&text, attached), &params, &digest)
            .map_err(|failure| by_hand(failure, &journal))?;
        let state = State::fold(journal.iter().map(|envelope| (&envelope.event, envelope.at)));
        let plan = settled(&plan, &state.bindings);
        Ok(Self { run, plan, journal, state, store, files })
    }

    /// The same run, read anew.
    pub(super) async fn again(&self) -> Result<Self, Failure> {
        Self::open(self.files.clone(), self.run.clone()).await
    }

    /// Who drives the run right now, if anybody does.
    pub(super) async fn driver(&self) -> Result<Option<String>, Failure> {
        let held = self.files.driver(&self.run).await?;
        let alive = held.filter(|held| held.liveness == Liveness::Alive);
        Ok(alive.map(|held| held.info.holder))
    }

    /// Where the run stands now, and who is there. Where that cannot be found out, what the journal says is told all the
    /// same.
    pub(super) async fn view(&self, output: &Output) -> RunView {
        let now = Clock::system().now();
        let view = match self.files.driver(&self.run).await {
            Ok(driver) => {
                let looks = self.store.noted(&self.run).await;
                let presence = Presence { driver, looks };
                RunView::seen(&self.plan, &self.journal, &presence, now)
            }
            Err(error) => {
                output
                    .say("note", &format!("it cannot be told whether anybody drives it: {error}"));
                RunView::of(&self.plan, &self.journal, now)
            }
        };
        view.offering(&output.offers())
    }
}

/// A run whose journal cannot be read may be meant like any other, and says why when it is named.
async fn told_apart(store: &Store, run: RunId, verb: &str) -> Choice {
    let begun = store.begun(&run).await.unwrap_or_default();
    let (command, traffic) = (format!("tidegate {verb} {run}"), report::traffic(&begun));
    Choice { run, command, standing: None, traffic }
}

/// Whether somebody drives a run, as far as that can be told.
pub(super) async fn watch(files: &Files, run: &RunId) -> Watch {
    match files.driver(run).await {
        Ok(Some(held)) if held.liveness == Liveness::Alive => Watch::Somebody,
        Ok(_) => Watch::Nobody,
        Err(_) => Watch::Somebody,
    }
}

/// Without its plan, or all of its events, nobody can drive a run. What its first event says of before can still be put
/// back by hand.
fn by_hand(failure: Failure, journal: &[Envelope]) -> Failure {
    let lines = report::before(journal);
    let failure = Failure { exit: Exit::Trouble, ..failure };
    if lines.is_empty() {
        return failure;
    }
    let hint = failure.hint.as_ref().map(|hint| format!("{hint}; or ")).unwrap_or_default();
    let hint = format!("{hint}put everything back by hand, as it was before this run began:");
    Failure { hint: Some(hint), ..failure }.with(Below::Commands(lines))
}

fn choose(runs: &[RunId], name: Option<&str>, global: &Global) -> Result<RunId, Failure> {
    let folder = global.journal.display();
    let Some(name) = name else {
        return runs.last().cloned().ok_or_else(|| {
            Failure::usage(
                none_in(&global.journal),
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

/// That a folder holds no runs; a folder that is not there is mistyped, more often than not.
pub(super) fn none_in(folder: &Path) -> String {
    let place = folder.display();
    if folder.is_dir() {
        format!("no runs yet in {place}")
    } else {
        format!("no runs: {place} does not exist")
    }
}

/// Reads the plan of a run as it was journaled.
fn journaled_plan(
    run: &RunId,
    (text, files): (&str, BTreeMap<String, String>),
    params: &BTreeMap<String, String>,
    digest: &str,
) -> Result<Plan, Failure> {
    let files = files.into_iter().map(|(name, text)| (name, Ok(text))).collect();
    let source = SourceFile::new(format!("the plan of run {run}"), text).with(files);
    let plan = crate::plan::read(&source, params).map_err(|p| check::invalid(&p))?.plan;
    if plan.digest == digest {
        return Ok(plan);
    }
    Err(Failure::new(
        Exit::Trouble,
        anyhow!(
            "this tidegate understands the plan of run {run} differently than the one that started it"
        ),
        Some(
            "use the version of tidegate that started the run; if somebody has edited its plan.yaml, undo that"
                .to_owned(),
        ),
    ))
}
