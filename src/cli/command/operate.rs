//! What people ask of a run. A run that somebody drives gets the request in its inbox; where nobody does, `resume`,
//! `abort` and `rollback` become the driver themselves.

use std::time::Duration;

use super::{found::Found, run::take_over};
use crate::{
    cli::{
        args::{Format, Global, RunName, Takeover},
        exit::{Exit, Failure},
        output::Output,
        settings, wire,
    },
    journal::{Request, Store, requests, send as put},
    report::approvals_awaited,
    rollout::{Command, Ending, Event, Mode, Vote},
    runner::{Clock, WhenAwaiting},
};

/// How long to wait for the driver's answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn resume(
    takeover: &Takeover,
    global: &Global,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let found = Found::find(&takeover.name, global)?;
    if found.driver()?.is_some() {
        return deliver(&found, Command::Resume, output).await;
    }
    if let Mode::Ended(ending) = &found.state.mode {
        return Err(over(&found, *ending));
    }
    let held = matches!(found.state.mode, Mode::Held(_)) || found.state.paused.is_some();
    let then = held.then_some(Command::Resume);
    let leave = if takeover.no_wait { WhenAwaiting::Leave } else { WhenAwaiting::Stay };
    take_over(&found, then, leave, global, output).await
}

pub(super) async fn go_back(
    name: &RunName,
    command: Command,
    global: &Global,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let found = Found::find(name, global)?;
    if found.driver()?.is_some() {
        return deliver(&found, command, output).await;
    }
    let then = match (&found.state.mode, &command) {
        (Mode::Ended(ending @ Ending::RolledBack), _)
        | (Mode::Ended(ending), Command::Abort { .. }) => return Err(over(&found, *ending)),
        // It was going back already when its driver went away.
        (Mode::RollingBack { .. }, _) => None,
        _ => Some(command),
    };
    take_over(&found, then, WhenAwaiting::Stay, global, output).await
}

fn over(found: &Found, ending: Ending) -> Failure {
    let (words, hint) = match ending {
        Ending::Promoted => {
            ("promoted", "`tidegate rollback` puts everything back as it was before")
        }
        Ending::RolledBack => ("rolled back", "`tidegate run` starts a new run"),
        Ending::NeedsAttention => {
            ("over, with its roll-back incomplete", "`tidegate rollback` tries again")
        }
    };
    Failure::usage(format!("run {} is {words}", found.run), hint)
}

/// For commands that do not make anybody a driver.
pub(super) async fn send(
    name: &RunName,
    command: Command,
    global: &Global,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let found = Found::find(name, global)?;
    if let Mode::Ended(ending) = &found.state.mode {
        return Err(over(&found, *ending));
    }
    deliver(&found, command, output).await
}

/// A yes or a no about what can be seen now: this plan, and the step that waits. Who says it is told by AWS, where that
/// can be reached.
pub(super) async fn vote(
    name: &RunName,
    vote: Vote,
    command: fn(Vote) -> Command,
    global: &Global,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let found = Found::find(name, global)?;
    if let Mode::Ended(ending) = &found.state.mode {
        return Err(over(&found, *ending));
    }
    let identity = tokio::time::timeout(PATIENCE, wire::identity(&found.plan, global)).await;
    let identity = match identity {
        Ok(Ok(caller)) => Some(caller.arn),
        Ok(Err(failure)) => {
            let error = failure.error;
            output.talk(&format!("AWS does not tell who you are ({error}); going by your name"));
            None
        }
        Err(_) => {
            output.talk("AWS does not tell who you are in time; going by your name");
            None
        }
    };
    let step = vote.step.or_else(|| match &approvals_awaited(&found.plan, &found.state)[..] {
        [only] => Some(only.clone()),
        _ => None,
    });
    let digest = vote.digest.or_else(|| Some(found.plan.digest.clone()));
    deliver(&found, command(Vote { step, identity, digest, ..vote }), output).await
}

async fn deliver(found: &Found, command: Command, output: &Output) -> Result<Exit, Failure> {
    let clock = Clock::System;
    let (by, at, what) = (settings::actor(), clock.now(), command.name());
    let request = Request { id: what.to_owned(), by: by.clone(), at, command };
    let ticket = put(found.files.as_ref(), &found.run, &request)?;
    let Some(driver) = found.driver()? else {
        output.talk(&format!(
            "{what} is in the inbox of run {}, which nobody drives at the moment; `tidegate resume {}` takes it in",
            found.run, found.run
        ));
        return Ok(Exit::Success);
    };
    while clock.now() < at.plus(PATIENCE) {
        let waiting = requests::<Command>(found.files.as_ref(), &found.run)?;
        if !waiting.iter().any(|message| message.ticket == ticket) {
            return answer(found, &by, what, at, output);
        }
        clock.sleep(Duration::from_millis(100)).await;
    }
    output.talk(&format!(
        "{what} is in the inbox of run {}; {driver} has not taken it in yet",
        found.run
    ));
    Ok(Exit::Success)
}

fn answer(
    found: &Found,
    by: &crate::rollout::Actor,
    what: &str,
    at: crate::rollout::Timestamp,
    output: &Output,
) -> Result<Exit, Failure> {
    let journal = found.files.load(&found.run)?;
    let refusal = journal.iter().rev().take_while(|e| e.at >= at).find_map(|e| match &e.event {
        Event::CommandRefused { by: who, command, refusal } if who == by && command == what => {
            Some(refusal.clone())
        }
        _ => None,
    });
    if let Some(refusal) = refusal {
        return Err(Failure::usage(
            format!("run {} refuses {what}: {refusal}", found.run),
            "`tidegate status` shows where it stands",
        ));
    }
    if output.format == Format::Text {
        output.data(&format!("run {} accepts {what}", found.run));
    }
    Ok(Exit::Success)
}
