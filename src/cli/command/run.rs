//! `tidegate run`: settle, lock, journal, drive, tell. And the part that `resume` and its kin share: taking a run over.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow};
use tokio::sync::mpsc;

use super::{
    attempts, check,
    found::Found,
    home::Home,
    marks, preface,
    witness::{Bounded, Effort, Witness},
};
use crate::{
    action::{Objection, Unsettled, settle},
    cli::{
        args::{Format, Global, RunCommand, Simulation},
        exit::{Exit, Failure},
        files,
        output::Output,
        settings,
        wire::{self, Wiring},
    },
    cloud,
    journal::{self, Claim, Hold, RunId, holder},
    plan::{Plan, units::format_duration},
    report::{self, Offers, RunView},
    rollout::{ActingAs, Bindings, Command, Event, Mode},
    runner::{Begin, Clock, Observers, Ownership, Runner, Signals, WhenAwaiting},
};

/// How much of its own time a simulation may take; see also [`Effort`].
const LONGEST_STORY: Duration = Duration::from_hours(30 * 24);
/// How long the last sign of life in AWS is waited for.
const LAST_BEAT: Duration = Duration::from_millis(200);

pub(super) async fn run(
    command: &RunCommand,
    global: &Global,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let mut signals = listen()?;
    let opened = check::open(&command.file);
    let (source, params) = unless_interrupted(&mut signals, UNMARKED, opened).await?;
    let plan = check::read(&source, &params, output)?.plan;
    // Sessions of roles are named after the run; a simulated one has the simulation's time.
    let id = (!command.simulation.simulate)
        .then(|| RunId::new(&plan.name, Clock::system().now(), chance()));
    // Nothing is touched yet, so whoever interrupts need not wait for an answer that may never come.
    let asked = async {
        let wiring = wire::run(&plan, global, &command.simulation, id.as_ref()).await?;
        let acting_as = introduce(&wiring, global, output)
            .await
            .map_err(|error| refused(&plan, &[Objection::from(&error)], output))?;
        match settle(&plan, &wiring.cloud.reads()).await {
            Ok(settled) => Ok((wiring, acting_as, settled)),
            // What another run has half done speaks against this one in many ways, and that run is the reason.
            Err(Unsettled { objections, bindings }) => {
                let rival = at_work(&wiring, &plan, &bindings).await;
                Err(rival.unwrap_or_else(|| refused(&plan, &objections, output)))
            }
        }
    };
    let (wiring, acting_as, settled) =
        Box::pin(unless_interrupted(&mut signals, UNMARKED, asked)).await?;
    for warning in acting_as.iter().filter_map(|told| told.as_ref().err()).chain(&settled.warnings)
    {
        output.say("warning", warning);
    }
    let now = wiring.clock.now();
    let run = id.unwrap_or_else(|| RunId::new(&plan.name, now, 0));
    let hold = claim(&wiring, &run, &settled.plan, &settled.bindings).await?;
    let plan = settled.plan;
    let attempts = attempts::earlier(&plan, &wiring.store, output).await?;
    let marks = marks::take(&wiring, (&run, now), &settled.bindings, global, output);
    let marks = unless_interrupted(&mut signals, MARKING, marks).await?;
    let kept = async {
        wiring.store.create(&run, source.text()).await?;
        wiring.store.attach(&run, &source.files()).await
    };
    if let Err(error) = kept.await {
        marks::release(marks, output).await;
        return Err(error.into());
    }
    let owned = Owned { hold, marks };
    let by = settings::actor();
    let mut bindings = settled.bindings;
    bindings.sign(&plan, &run.to_string());
    let begin = Begin::Run(Box::new(Event::RunStarted {
        plan: plan.name.clone(),
        digest: plan.digest.clone(),
        params,
        by,
        bindings,
        found: settled.found,
        excused: settled.excused,
        attempts,
        acting_as: acting_as.and_then(Result::ok),
    }));
    let leave = if command.no_wait { WhenAwaiting::Leave } else { WhenAwaiting::Stay };
    let exit = drive(&plan, &wiring, run, owned, (begin, signals), leave, output).await?;
    if command.count_calls {
        for (operation, calls) in wiring.calls.by_operation() {
            output.talk(&format!("calls: {calls:6} {operation}"));
        }
    }
    if let Some(simulated) = &wiring.simulated {
        output.talk(&format!("simulated users saw: {}", simulated.world.ledger()));
        for violation in simulated.world.violations() {
            output.talk(&format!("the simulated cloud objects: {violation}"));
        }
    }
    Ok(exit)
}

/// What a run holds while it is driven: the locks of its folder, and its marks in AWS for all others.
struct Owned {
    hold: Box<dyn Hold>,
    marks: Ownership,
}

/// The first lines. A simulation acts as nobody, and has no journal.
async fn introduce(
    wiring: &Wiring,
    global: &Global,
    output: &Output,
) -> Result<Option<Result<ActingAs, String>>, cloud::Error> {
    if wiring.simulated.is_some() {
        return Ok(None);
    }
    let acting_as = preface::acting_as(&wiring.cloud.reads(), output).await?;
    preface::journal(global, output);
    Ok(Some(acting_as))
}

/// A run id needs to differ from those of the same second.
fn chance() -> u16 {
    let bits = RandomState::new().build_hasher().finish();
    u16::try_from(bits & 0xffff).unwrap_or_default()
}

async fn claim(
    wiring: &Wiring,
    run: &RunId,
    plan: &Plan,
    bindings: &Bindings,
) -> Result<Box<dyn Hold>, Failure> {
    let claim = Claim {
        run: run.clone(),
        resources: resources(plan, bindings),
        holder: holder(&settings::user()),
        at: wiring.clock.now(),
    };
    match wiring.locks.acquire(&claim).await {
        Ok(hold) => Ok(hold),
        Err(error) => Err(owned(wiring, error).await),
    }
}

/// All that a run owns while it lasts: what it may change, and what its plan shares by name with others.
fn resources(plan: &Plan, bindings: &Bindings) -> BTreeSet<String> {
    let shared = plan.locks.iter().map(|lock| format!("lock {lock}"));
    bindings.resources().into_iter().chain(shared).collect()
}

/// Another run that owns something of this plan, whichever folder it is in.
async fn at_work(wiring: &Wiring, plan: &Plan, bindings: &Bindings) -> Option<Failure> {
    let resources = resources(plan, bindings);
    let held = wiring.locks.held().await.unwrap_or_default();
    match held.into_iter().find(|held| resources.contains(&held.info.resource)) {
        Some(held) => Some(owned(wiring, journal::Error::Owned(Box::new(held))).await),
        None => marks::at_work(&wiring.cloud.reads(), bindings, wiring.clock.now()).await,
    }
}

/// Whoever is refused because of another run should know what that run has left behind.
async fn owned(wiring: &Wiring, error: journal::Error) -> Failure {
    let left = match &error {
        journal::Error::Owned(held) => {
            let journal = wiring.store.begun(&held.info.run).await.unwrap_or_default();
            report::traffic(&journal)
        }
        _ => Vec::new(),
    };
    let failure = Failure::from(error);
    if left.is_empty() {
        return failure;
    }
    let error = anyhow!("{}; its traffic: {}", failure.error, left.join("; "));
    Failure { error, ..failure }
}

fn refused(plan: &Plan, objections: &[Objection], output: &Output) -> Failure {
    for objection in objections {
        output.advise("refused", &objection.problem, Some(&objection.hint));
    }
    let all = match objections.len() {
        1 => "1 objection".to_owned(),
        n => format!("{n} objections"),
    };
    Failure::new(
        Exit::Refused,
        anyhow!("preflight refuses to run plan {}: {all}; nothing was touched", plan.name),
        None,
    )
}

/// Takes an unfinished run over, or a promoted one that is to go back.
pub(super) async fn take_over(
    found: &Found,
    then: Vec<Command>,
    leave: WhenAwaiting,
    global: &Global,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let simulation = Simulation { simulate: false, scenario: None };
    let home = Home::of(&found.run, &found.journal);
    let global = &home.within(global)?;
    let mut signals = listen()?;
    let wired = wire::run(&found.plan, global, &simulation, Some(&found.run));
    let wiring = unless_interrupted(&mut signals, UNTAKEN, wired).await?;
    let introduced = async { Ok::<_, Failure>(introduce(&wiring, global, output).await?) };
    match unless_interrupted(&mut signals, UNTAKEN, introduced).await? {
        Some(Ok(acting_as)) => home.admit(&acting_as)?,
        Some(Err(unknown)) => output.say("warning", &unknown),
        None => {}
    }
    let (run, bindings) = (&found.run, &found.state.bindings);
    let hold = claim(&wiring, run, &found.plan, bindings).await?;
    let since = found.journal.first().map_or_else(|| wiring.clock.now(), |first| first.at);
    let marks = marks::take(&wiring, (run, since), bindings, global, output);
    let marks = unless_interrupted(&mut signals, MARKING, marks).await?;
    let owned = Owned { hold, marks };
    let begin = Begin::TakeOver { by: settings::actor(), then };
    drive(&found.plan, &wiring, found.run.clone(), owned, (begin, signals), leave, output).await
}

fn never_ending(took: Duration, looks: u64, why: &str) -> Failure {
    let took = format_duration(Duration::from_secs(took.as_secs()));
    Failure::new(
        Exit::Held,
        anyhow!(
            "after {took} of its own time, in which it looked {looks} times, the simulated run still goes on: {why}"
        ),
        Some(format!(
            "a simulation is given up after {} of its own time, a million looks, or two minutes of yours; shorten the \
             longest `pause` or `bake`, by parameters perhaps, or look less often (`every`)",
            format_duration(LONGEST_STORY)
        )),
    )
}

fn listen() -> Result<Signals, Failure> {
    Ok(Signals::of_process(files::at_hangup()).context("cannot listen for signals")?)
}

/// What is said to whoever interrupts before a run has written anything, while it writes its marks, and before somebody
/// else's run is taken over: before what it was, and a hint.
const UNMARKED: (&str, &str) = ("anything was changed", "the same command begins anew");
const MARKING: (&str, &str) = (
    "anything was changed",
    "the same command begins anew; marks it may have left in AWS are stale after three minutes",
);
const UNTAKEN: (&str, &str) = ("the run was taken over", "the same command begins anew");

/// What comes before a runner has anything to journal ends at once when somebody asks for it.
async fn unless_interrupted<T>(
    signals: &mut Signals,
    (before, hint): (&str, &str),
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        signal = signals.next() => Err(Failure::new(
            Exit::by(signal),
            anyhow!("interrupted by {signal} before {before}"),
            Some(hint.to_owned()),
        )),
        done = work => done,
    }
}

async fn drive(
    plan: &Plan,
    wiring: &Wiring,
    run: RunId,
    owned: Owned,
    (begin, mut signals): (Begin, Signals),
    leave: WhenAwaiting,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let before = match &begin {
        Begin::Run(_) => Vec::new(),
        Begin::TakeOver { .. } => wiring.store.load(&run).await?,
    };
    let Owned { hold, marks } = owned;
    let plan = Arc::new(plan.clone());
    let runner = Runner {
        plan: plan.clone(),
        run: run.clone(),
        store: wiring.store.clone(),
        hold,
        cloud: wiring.cloud.clone(),
        patient: wiring.patient.clone(),
        clock: wiring.clock.clone(),
        when_awaiting: wiring.when_awaiting(leave),
    };
    let (notices, told) = mpsc::unbounded_channel();
    let beating = marks.beat(notices);
    // What is simulated leaves no journal behind.
    let offers = if wiring.simulated.is_some() { Offers::Nothing } else { output.offers() };
    let mut observers = Observers::default();
    observers.add("the terminal", Witness::new(&plan, output, (&before, &offers), told));
    if let Some(simulated) = &wiring.simulated {
        let (operators, plan, run) = (simulated.operators.clone(), plan.clone(), run.clone());
        let (store, clock) = (wiring.store.clone(), wiring.clock.clone());
        tokio::spawn(async move { operators.speak(&plan, &run, &store, clock).await });
    }
    let is_story = wiring.simulated.is_some();
    let effort = Effort::new();
    let spent = Arc::clone(&effort.spent);
    let mut watched = Bounded { observers, effort: is_story.then_some(effort) };
    let begun_at = wiring.clock.undisturbed();
    let driven = tokio::select! {
        biased;
        driven = runner.drive(begin, &mut signals, &mut watched) => Some(driven),
        () = wiring.clock.sleep(LONGEST_STORY), if is_story => None,
        () = spent.notified(), if is_story => None,
    };
    let (looks, told_at) = (watched.looks(), wiring.clock.now());
    for left in watched.observers.end().await {
        output.say("note", &left);
    }
    let view = async || -> Result<RunView, Failure> {
        let journal = wiring.store.load(&run).await?;
        Ok(RunView::of(&plan, &journal, told_at).offering(&offers))
    };
    let Some(driven) = driven else {
        let took = wiring.clock.undisturbed().since(begun_at);
        return Err(never_ending(took, looks, &view().await?.why.join("; ")));
    };
    let ended = matches!(&driven, Ok((state, _)) if matches!(state.mode, Mode::Ended(_)));
    // A beat under way may hang. A run that has not ended leaves its marks anyway, and whoever interrupts need not wait.
    let marks = if ended {
        tokio::select! {
            biased;
            _ = signals.next() => None,
            marks = beating.end() => marks,
        }
    } else {
        tokio::time::timeout(LAST_BEAT, beating.end()).await.ok().flatten()
    };
    let (state, _) = driven?;
    if output.format == Format::Text {
        let view = view().await?;
        output.page(&format!("\n{}", report::ending(&view, output.style).trim_end()));
    }
    // A run that is held or interrupted goes on owning what it may have left half changed.
    if matches!(state.mode, Mode::Ended(_)) {
        if let Some(marks) = marks {
            tokio::select! {
                biased;
                signal = signals.next() => output.say("note", &format!(
                    "{signal}: the run has ended; its marks in AWS are left, and are stale after three minutes"
                )),
                () = marks::release(marks, output) => {}
            }
        }
        runner.hold.release().await?;
    }
    Ok(Exit::of(&state))
}
