//! `tidegate run`: settle, lock, journal, drive, tell. And the part that `resume` and its kin share: taking a run over.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow};
use tokio::sync::mpsc;

use super::{
    attempts, check,
    found::Found,
    marks, preface,
    witness::{Effort, Witness},
};
use crate::{
    action::{Objection, preflight},
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
    report,
    rollout::{ActingAs, Bindings, Command, Event, Mode},
    runner::{Begin, Ownership, Runner, Signals, WhenAwaiting},
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
    let (source, params) = check::open(&command.file)?;
    let plan = check::read(&source, &params, output)?.plan;
    // Nothing is touched yet, so whoever interrupts need not wait for an answer that may never come.
    let asked = async {
        let wiring = wire::run(&plan, global, &command.simulation).await?;
        let acting_as = introduce(&wiring, global, output)
            .await
            .map_err(|error| refused(&plan, &[Objection::from(&error)], output))?;
        let settled = preflight(&plan, &wiring.cloud.reads)
            .await
            .map_err(|objections| refused(&plan, &objections, output))?;
        Ok::<_, Failure>((wiring, acting_as, settled))
    };
    let (wiring, acting_as, settled) = Box::pin(unless_interrupted(&mut signals, asked)).await?;
    for warning in acting_as.iter().filter_map(|told| told.as_ref().err()).chain(&settled.warnings)
    {
        output.say("warning", warning);
    }
    let now = wiring.clock.now();
    let run = RunId::new(&plan.name, now, chance(&wiring));
    let hold = claim(&wiring, &run, &settled.bindings)?;
    let plan = settled.plan;
    let attempts = attempts::earlier(&plan, wiring.store.as_ref(), output)?;
    let marks = marks::take(&plan, &wiring, (&run, now), &settled.bindings, global, output);
    let marks = unless_interrupted(&mut signals, marks).await?;
    if let Err(error) = wiring.store.create(&run, source.text()) {
        marks::release(marks, output).await;
        return Err(error.into());
    }
    let owned = Owned { hold, marks };
    let by = settings::actor();
    let begin = Begin::Run(Box::new(Event::RunStarted {
        plan: plan.name.clone(),
        digest: plan.digest.clone(),
        params,
        by,
        bindings: settled.bindings,
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
    let acting_as = preface::acting_as(&wiring.cloud.reads, output).await?;
    preface::journal(global, output);
    Ok(Some(acting_as))
}

/// A run id needs to differ from those of the same second; in a simulation it is always the same.
fn chance(wiring: &Wiring) -> u16 {
    if wiring.simulated.is_some() {
        return 0;
    }
    let bits = RandomState::new().build_hasher().finish();
    u16::try_from(bits & 0xffff).unwrap_or_default()
}

fn claim(wiring: &Wiring, run: &RunId, bindings: &Bindings) -> Result<Box<dyn Hold>, Failure> {
    let claim = Claim {
        run: run.clone(),
        resources: bindings.resources(),
        holder: holder(&settings::user()),
        at: wiring.clock.now(),
    };
    wiring.locks.acquire(&claim).map_err(|error| owned(wiring, error))
}

/// Whoever is refused because of another run should know what that run has left behind.
fn owned(wiring: &Wiring, error: journal::Error) -> Failure {
    let left = match &error {
        journal::Error::Owned(held) => {
            let journal = wiring.store.begun(&held.info.run).unwrap_or_default();
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
    Failure {
        exit: Exit::Refused,
        error: anyhow!("preflight refuses to run plan {}: {all}; nothing was touched", plan.name),
        hint: None,
    }
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
    let wiring = wire::run(&found.plan, global, &simulation).await?;
    let mut signals = listen()?;
    let introduced = async { Ok::<_, Failure>(introduce(&wiring, global, output).await?) };
    if let Some(Err(unknown)) = unless_interrupted(&mut signals, introduced).await? {
        output.say("warning", &unknown);
    }
    let (run, bindings) = (&found.run, &found.state.bindings);
    let hold = claim(&wiring, run, bindings)?;
    let since = found.journal.first().map_or_else(|| wiring.clock.now(), |first| first.at);
    let marks = marks::take(&found.plan, &wiring, (run, since), bindings, global, output);
    let marks = unless_interrupted(&mut signals, marks).await?;
    let owned = Owned { hold, marks };
    let begin = Begin::TakeOver { by: settings::actor(), then };
    drive(&found.plan, &wiring, found.run.clone(), owned, (begin, signals), leave, output).await
}

fn never_ending(took: Duration, looks: u64, why: &str) -> Failure {
    let took = format_duration(Duration::from_secs(took.as_secs()));
    Failure {
        exit: Exit::Held,
        error: anyhow!(
            "after {took} of its own time, in which it looked {looks} times, the simulated run still goes on: {why}"
        ),
        hint: Some(format!(
            "a simulation is given up after {} of its own time, a million looks, or two minutes of yours; shorten the \
             longest `pause` or `bake`, by parameters perhaps, or look less often (`every`)",
            format_duration(LONGEST_STORY)
        )),
    }
}

fn listen() -> Result<Signals, Failure> {
    Ok(Signals::of_process(files::at_hangup()).context("cannot listen for signals")?)
}

/// What comes before a runner has anything to journal ends at once when somebody asks for it.
async fn unless_interrupted<T>(
    signals: &mut Signals,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        signal = signals.next() => Err(Failure {
            exit: Exit::by(signal),
            error: anyhow!("interrupted by {signal} before anything was changed"),
            hint: Some(
                "the same command begins anew; marks it may have left in AWS are stale after three minutes".to_owned(),
            ),
        }),
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
        Begin::TakeOver { .. } => wiring.store.load(&run)?,
    };
    let Owned { hold, marks } = owned;
    let runner = Runner {
        plan: Arc::new(plan.clone()),
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
    let mut witness = Witness::new(plan, output, &before, told);
    if let Some(simulated) = &wiring.simulated {
        let (operators, plan, run) = (simulated.operators.clone(), plan.clone(), run.clone());
        let (store, clock) = (wiring.store.clone(), wiring.clock.clone());
        tokio::spawn(async move { operators.speak(&plan, &run, store.as_ref(), clock).await });
    }
    let is_story = wiring.simulated.is_some();
    let effort = Effort::new();
    let spent = Arc::clone(&effort.spent);
    if is_story {
        witness = witness.bounded(effort);
    }
    let begun_at = wiring.clock.undisturbed();
    let driven = tokio::select! {
        biased;
        driven = runner.drive(begin, &mut signals, &mut witness) => Some(driven),
        () = wiring.clock.sleep(LONGEST_STORY), if is_story => None,
        () = spent.notified(), if is_story => None,
    };
    let Some(driven) = driven else {
        let why = witness.view(wiring.clock.now()).why.join("; ");
        let took = wiring.clock.undisturbed().since(begun_at);
        return Err(never_ending(took, witness.looks(), &why));
    };
    let view = witness.view(wiring.clock.now());
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
    output.progress(None);
    if output.format == Format::Text {
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
        runner.hold.release()?;
    }
    Ok(Exit::of(&state))
}
