//! `tidegate run`: settle, lock, journal, drive, tell. And the part that `resume` and its kin share: taking a run over.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, Hasher, RandomState},
};

use anyhow::{Context, anyhow};

use super::{attempts, check, found::Found, witness::Witness};
use crate::{
    action::{Objection, preflight},
    cli::{
        args::{Format, Global, RunCommand, Simulation},
        exit::{Exit, Failure},
        output::Output,
        settings,
        wire::{self, Wiring},
    },
    journal::{Claim, Hold, RunId, holder},
    plan::{Plan, SourceFile},
    report,
    rollout::{Bindings, Command, Event, Mode},
    runner::{Begin, Runner, Signals, WhenAwaiting},
};

pub(super) async fn run(
    command: &RunCommand,
    global: &Global,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let (source, params) = check::open(&command.file)?;
    let plan = check::read(&source, &params, output)?.plan;
    let wiring = wire::run(&plan, global, &command.simulation).await?;
    let settled = preflight(&plan, &wiring.cloud.reads)
        .await
        .map_err(|objections| refused(&plan, &objections, output))?;
    for warning in &settled.warnings {
        output.talk(&format!("warning: {warning}"));
    }
    let now = wiring.clock.now();
    let run = RunId::new(&plan.name, now, chance(&wiring));
    let hold = claim(&wiring, &run, &settled.bindings)?;
    let attempts = attempts::earlier(&plan, wiring.store.as_ref(), output)?;
    wiring.store.create(&run, source.text())?;
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
    }));
    let leave = if command.no_wait { WhenAwaiting::Leave } else { WhenAwaiting::Stay };
    let exit = drive(&plan, &wiring, run, hold, begin, leave, output).await?;
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

/// A run id needs to differ from those of the same second; in a simulation it is always the same.
fn chance(wiring: &Wiring) -> u16 {
    if wiring.simulated.is_some() {
        return 0;
    }
    let bits = RandomState::new().build_hasher().finish();
    u16::try_from(bits & 0xffff).unwrap_or_default()
}

fn claim(wiring: &Wiring, run: &RunId, bindings: &Bindings) -> Result<Box<dyn Hold>, Failure> {
    Ok(wiring.locks.acquire(&Claim {
        run: run.clone(),
        resources: bindings.resources(),
        holder: holder(&settings::user()),
        at: wiring.clock.now(),
    })?)
}

fn refused(plan: &Plan, objections: &[Objection], output: &Output) -> Failure {
    for objection in objections {
        output.talk(&format!("refused: {}\n   hint: {}", objection.problem, objection.hint));
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
    then: Option<Command>,
    leave: WhenAwaiting,
    global: &Global,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let simulation = Simulation { simulate: false, scenario: None };
    let wiring = wire::run(&found.plan, global, &simulation).await?;
    let hold = claim(&wiring, &found.run, &found.state.bindings)?;
    let begin = Begin::TakeOver { by: settings::actor(), then };
    drive(&found.plan, &wiring, found.run.clone(), hold, begin, leave, output).await
}

async fn drive(
    plan: &Plan,
    wiring: &Wiring,
    run: RunId,
    hold: Box<dyn Hold>,
    begin: Begin,
    leave: WhenAwaiting,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let before = match &begin {
        Begin::Run(_) => Vec::new(),
        Begin::TakeOver { .. } => wiring.store.load(&run)?,
    };
    let runner = Runner {
        plan: plan.clone(),
        run: run.clone(),
        store: wiring.store.clone(),
        hold,
        cloud: wiring.cloud.clone(),
        clock: wiring.clock,
        when_awaiting: wiring.when_awaiting(leave),
    };
    let mut signals = Signals::of_process().context("cannot listen for signals")?;
    let mut witness = Witness::new(plan, output, before);
    if let Some(simulated) = &wiring.simulated {
        let (operators, plan, run) = (simulated.operators.clone(), plan.clone(), run.clone());
        let (store, clock) = (wiring.store.clone(), wiring.clock);
        tokio::spawn(async move { operators.speak(&plan, &run, store.as_ref(), clock).await });
    }
    let (state, _) = runner.drive(begin, &mut signals, &mut witness).await?;
    let view = witness.view(wiring.clock.now());
    output.progress(None);
    if output.format == Format::Text {
        output.data(&format!("\n{}", report::ending(&view, output.style).trim_end()));
    }
    if matches!(state.mode, Mode::Ended(_)) {
        runner.hold.release()?;
    }
    Ok(Exit::of(&state))
}

/// Reads the plan of a run as it was journaled.
pub(super) fn journaled_plan(
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
