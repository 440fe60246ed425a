//! What people ask of a run. A run that somebody drives gets the request in its inbox; where nobody does, `resume`,
//! `abort` and `rollback` become the driver themselves.

use std::time::Duration;

use anyhow::anyhow;

use super::{
    found::{Asks, Found},
    run::take_over,
};
use crate::{
    cli::{
        args::{Format, Global, Overwrite, RunName, Takeover},
        exit::{Exit, Failure},
        output::Output,
        settings, wire,
    },
    journal::{Request, send as put},
    report::approvals_awaited,
    rollout::{Beside, Command, Ending, Event, Mode, Vote},
    runner::{Clock, WhenAwaiting},
};

/// How long to wait for the driver's answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn resume(
    takeover: &Takeover,
    global: &Global,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let mut found = Found::meant(&takeover.name, ("resume", Asks::GoOn), global).await?;
    let over_foreign = takeover.overwrite.asked();
    if found.driver().await?.is_some() && over_foreign.is_none() {
        match deliver(&found, Command::Resume, output).await? {
            Sent::Answered(exit) => return Ok(exit),
            Sent::Undriven(again) => found = *again,
        }
    }
    let held = match &found.state.mode {
        // What made its roll-back give up has been put right.
        Mode::Ended(Ending::NeedsAttention) | Mode::Held(_) => true,
        Mode::Ended(
            ending @ (Ending::Promoted | Ending::PartlyRolledBack | Ending::RolledBack),
        ) => {
            return Err(over(&found, *ending));
        }
        Mode::NotStarted | Mode::Forward | Mode::RollingBack { .. } => found.state.paused.is_some(),
    };
    let then = overwriting(&found, over_foreign)?.into_iter();
    let then = then.chain(held.then_some(Command::Resume)).collect();
    let leave = if takeover.no_wait { WhenAwaiting::Leave } else { WhenAwaiting::Stay };
    take_over(&found, then, leave, global, output).await
}

pub(super) async fn go_back(
    name: &RunName,
    (command, asks): (Command, Asks),
    overwrite: Overwrite,
    global: &Global,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let mut found = Found::meant(name, (command.name(), asks), global).await?;
    let over_foreign = overwrite.asked();
    if found.driver().await?.is_some() && over_foreign.is_none() {
        match deliver(&found, command.clone(), output).await? {
            Sent::Answered(_) => return follow(&found, output).await,
            // Whoever would have obeyed is gone, so this process does it.
            Sent::Undriven(again) => found = *again,
        }
    }
    let then = match (&found.state.mode, &command) {
        (Mode::Ended(ending @ Ending::RolledBack), _)
        | (Mode::Ended(ending), Command::Abort { .. }) => return Err(over(&found, *ending)),
        // It was going back already when its driver went away.
        (Mode::RollingBack { beside: Beside::Nobody, .. }, _) => None,
        _ => Some(command),
    };
    let then = overwriting(&found, over_foreign)?.into_iter().chain(then).collect();
    take_over(&found, then, WhenAwaiting::Stay, global, output).await
}

/// What somebody else has changed is written over only where the run has found it, and has stopped because of it.
fn overwriting(found: &Found, asked: Option<Command>) -> Result<Option<Command>, Failure> {
    let stopped = matches!(found.state.mode, Mode::Held(_) | Mode::Ended(Ending::NeedsAttention));
    if asked.is_some() && (!stopped || found.state.foreign.is_empty()) {
        return Err(Failure::usage(
            format!(
                "nothing that somebody else has changed stands in the way of run {}",
                found.run
            ),
            "the same command without `--overwrite`",
        ));
    }
    Ok(asked)
}

fn over(found: &Found, ending: Ending) -> Failure {
    let (words, hint) = match ending {
        Ending::Promoted => {
            ("promoted", "`tidegate rollback` puts everything back as it was before")
        }
        Ending::PartlyRolledBack => (
            "partly rolled back, and the rest is promoted",
            "`tidegate rollback` puts everything back as it was before",
        ),
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
    let found = Found::meant(name, (command.name(), Asks::UnderWay), global).await?;
    if let Mode::Ended(ending) = &found.state.mode {
        return Err(over(&found, *ending));
    }
    deliver_or_leave(&found, command, output).await
}

/// A yes or a no about what can be seen now: this plan, and the step that waits. Who says it is told by AWS, where that
/// can be reached.
pub(super) async fn vote(
    name: &RunName,
    vote: Vote,
    (verb, command): (&str, fn(Vote) -> Command),
    global: &Global,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let found = Found::meant(name, (verb, Asks::Vote), global).await?;
    if let Mode::Ended(ending) = &found.state.mode {
        return Err(over(&found, *ending));
    }
    let identity = tokio::time::timeout(PATIENCE, wire::identity(&found.plan, global)).await;
    let identity = match identity {
        Ok(Ok(caller)) => Some(caller.arn),
        Ok(Err(failure)) => {
            let error = failure.error;
            output.say(
                "note",
                &format!("AWS does not tell who you are ({error}); going by your name"),
            );
            None
        }
        Err(_) => {
            output.say("note", "AWS does not tell who you are in time; going by your name");
            None
        }
    };
    let step = vote.step.or_else(|| match &approvals_awaited(&found.plan, &found.state)[..] {
        [only] => Some(only.clone()),
        _ => None,
    });
    let digest = vote.digest.or_else(|| Some(found.plan.digest.clone()));
    deliver_or_leave(&found, command(Vote { step, identity, digest, ..vote }), output).await
}

/// What came of a request.
enum Sent {
    Answered(Exit),
    /// Nobody is there to take it in, and it is not in the inbox any more.
    Undriven(Box<Found>),
}

/// Puts a request into the inbox and waits until it is taken in. Where nobody is there to do that, it is taken out again.
async fn deliver(found: &Found, command: Command, output: &Output) -> Result<Sent, Failure> {
    let clock = Clock::system();
    let (by, at, what) = (settings::actor(), clock.now(), command.name());
    let request = Request { id: what.to_owned(), by: by.clone(), at, command };
    let known = found.store.load(&found.run).await?.len();
    let ticket = put(&found.store, &found.run, &request).await?;
    loop {
        // Asked in this order: what still waits once its driver is gone is not taken in any more.
        let driver = found.driver().await?;
        if !found.store.is_waiting(&found.run, &ticket).await? {
            return answer(found, &by, what, known, output).await.map(Sent::Answered);
        }
        let Some(driver) = driver else {
            found.store.discard(&found.run, &ticket).await?;
            let again = found.again().await?;
            return match again.state.mode {
                Mode::Ended(ending) => Err(over(&again, ending)),
                Mode::NotStarted | Mode::Forward | Mode::Held(_) | Mode::RollingBack { .. } => {
                    Ok(Sent::Undriven(Box::new(again)))
                }
            };
        };
        if clock.now() >= at.plus(PATIENCE) {
            let (run, seconds) = (&found.run, PATIENCE.as_secs());
            return Err(Failure::new(
                Exit::Trouble,
                anyhow!(
                    "{what} is in the inbox of run {run}, and {driver} has not taken it in for {seconds} s"
                ),
                Some(format!("`tidegate status {run}` tells whether that process lives")),
            ));
        }
        clock.sleep(Duration::from_millis(100)).await;
    }
}

/// Leaves a request to whoever drives the run next.
async fn leave(found: &Found, command: Command, output: &Output) -> Result<Exit, Failure> {
    let (run, what) = (&found.run, command.name());
    let (by, at) = (settings::actor(), Clock::system().now());
    put(&found.store, run, &Request { id: what.to_owned(), by, at, command }).await?;
    output.talk(&format!(
        "{what} is in the inbox of run {run}, which nobody drives at the moment; `tidegate resume {run}` takes it in"
    ));
    Ok(Exit::Success)
}

/// How often the journal of a run that goes back is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Waits until the run that goes back has come to rest, so that the exit code means the same whoever drives it.
async fn follow(found: &Found, output: &Output) -> Result<Exit, Failure> {
    let clock = Clock::system();
    if output.format == Format::Text {
        output.talk("waiting until it has gone back; Ctrl-C ends the waiting only");
    }
    loop {
        // In this order: whoever drove it has written its end before leaving.
        let driver = found.driver().await?;
        let state = found.again().await?.state;
        let ended = match &state.mode {
            Mode::Ended(ending) => Some(*ending),
            Mode::Held(_) | Mode::NotStarted | Mode::Forward | Mode::RollingBack { .. } => None,
        };
        if let Some(ending) = ended {
            if output.format == Format::Text {
                output.data(&format!("run {} has {}", found.run, ended_as(ending)));
            }
            return Ok(Exit::of(&state));
        }
        if driver.is_none() {
            output.talk(&format!(
                "run {} has not gone back, and nobody drives it any more; `tidegate resume {}` goes on",
                found.run, found.run
            ));
            return Ok(Exit::of(&state));
        }
        clock.sleep(LOOK_EVERY).await;
    }
}

fn ended_as(ending: Ending) -> &'static str {
    match ending {
        Ending::Promoted => "been promoted",
        Ending::PartlyRolledBack => "rolled back in part; `tidegate status` says what is promoted",
        Ending::RolledBack => "rolled back, completely",
        Ending::NeedsAttention => "not rolled back completely; `tidegate status` says what is left",
    }
}

async fn deliver_or_leave(
    found: &Found,
    command: Command,
    output: &Output,
) -> Result<Exit, Failure> {
    if found.driver().await?.is_none() {
        return leave(found, command, output).await;
    }
    match deliver(found, command.clone(), output).await? {
        Sent::Answered(exit) => Ok(exit),
        Sent::Undriven(again) => leave(&again, command, output).await,
    }
}

async fn answer(
    found: &Found,
    by: &crate::rollout::Actor,
    what: &str,
    known: usize,
    output: &Output,
) -> Result<Exit, Failure> {
    let journal = found.store.load(&found.run).await?;
    let refusal = journal.iter().skip(known).find_map(|e| match &e.event {
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
