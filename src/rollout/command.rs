//! What a person may ask of a run. Every command is answered by events or by a refusal; none is ignored.

use serde::{Deserialize, Serialize};

use super::{
    Actor, Beside, Cause, Ending, Event, Mode, Picture, Refusal, Scope, State, Target, Vote, Voter,
    approval, reach, step::active_steps,
};
use crate::plan::{Ends, Plan, Step, StepId};

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Lets an `approve` step pass, once enough people have said so.
    Approve(Vote),
    /// Fails an `approve` step.
    Deny(Vote),
    /// Starts nothing new; gates stay armed.
    Pause,
    /// Ends a pause, goes on after a hold by taking the failed step again, or with a roll-back that gave up.
    Resume,
    /// Lets the run write over what somebody else has made of its targets, as it was found; what follows is asked for by
    /// the command after it.
    Overwrite,
    /// Rolls an unfinished run back.
    Abort {
        #[serde(default)]
        reason: Option<String>,
    },
    /// Rolls any run back, a promoted one too.
    Rollback {
        #[serde(default)]
        reason: Option<String>,
    },
}

impl Command {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Approve(_) => "approve",
            Self::Deny(_) => "deny",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Overwrite => "overwrite",
            Self::Abort { .. } => "abort",
            Self::Rollback { .. } => "rollback",
        }
    }

    /// The answer to whoever asked for what cannot be done now.
    pub fn refused(&self, by: &Actor, refusal: &Refusal) -> Event {
        Event::CommandRefused {
            by: by.clone(),
            command: self.name().to_owned(),
            refusal: refusal.to_string(),
        }
    }
}

/// The events a command leads to.
pub(super) fn obey(
    plan: &Plan,
    state: &State,
    by: &Actor,
    command: &Command,
) -> Result<Vec<Event>, Refusal> {
    let by = by.clone();
    let asked = |reason: &Option<String>, scope: Option<Scope>| {
        let cause = Cause::Asked { by: by.clone(), reason: reason.clone() };
        vec![Event::RollbackStarted { cause, scope }]
    };
    match (&state.mode, command) {
        (Mode::NotStarted, _) => Err(Refusal::NotStarted),
        (Mode::Held(_) | Mode::Ended(Ending::NeedsAttention), Command::Overwrite)
            if !state.foreign.is_empty() =>
        {
            let allowed = |(target, found): (&Target, &Picture)| Event::OverwriteAllowed {
                by: by.clone(),
                target: target.clone(),
                found: found.clone(),
            };
            Ok(state.foreign.iter().map(allowed).collect())
        }
        (Mode::Forward | Mode::Held(_), Command::Overwrite) => Err(Refusal::NothingForeign),
        (
            Mode::Forward
            | Mode::Held(_)
            | Mode::RollingBack { beside: Beside::Held(_) | Beside::Forward, .. },
            Command::Abort { reason } | Command::Rollback { reason },
        )
        | (
            Mode::Ended(Ending::Promoted | Ending::PartlyRolledBack | Ending::NeedsAttention),
            Command::Rollback { reason },
        ) => Ok(asked(reason, None)),
        // What made the roll-back give up has been put right, so it goes on.
        (Mode::Ended(Ending::NeedsAttention), Command::Resume) => {
            Ok(asked(&None, reach::once_more(state)))
        }
        (Mode::Ended(ending), _) => Err(Refusal::Ended(*ending)),
        (Mode::RollingBack { beside: Beside::Nobody | Beside::Held(_), .. }, _)
        | (Mode::RollingBack { beside: Beside::Forward, .. }, Command::Overwrite) => {
            Err(Refusal::RollingBack)
        }
        (Mode::Held(_), Command::Resume) => Ok(vec![Event::Resumed { by }]),
        (Mode::Held(_), Command::Approve(_) | Command::Deny(_) | Command::Pause) => {
            Err(Refusal::IsHeld)
        }
        (Mode::Forward | Mode::RollingBack { beside: Beside::Forward, .. }, Command::Pause) => {
            match state.paused {
                Some(_) => Err(Refusal::AlreadyPaused),
                None => Ok(vec![Event::Paused { by }]),
            }
        }
        (Mode::Forward | Mode::RollingBack { beside: Beside::Forward, .. }, Command::Resume) => {
            let waiting =
                waiting(plan, state, |ends| matches!(ends, Ends::OnTime(_) | Ends::OnWord));
            if state.paused.is_some() {
                Ok(vec![Event::Resumed { by }])
            } else if waiting.is_empty() {
                Err(Refusal::NotPaused)
            } else {
                let done = waiting.into_iter().map(|step| Event::StepDone { step });
                Ok(done.chain([Event::Resumed { by }]).collect())
            }
        }
        (
            Mode::Forward | Mode::RollingBack { beside: Beside::Forward, .. },
            Command::Approve(vote),
        ) => {
            approval::is_about(plan, vote)?;
            let step = asked_about(plan, state, vote)?;
            let voter = Voter { by, identity: vote.identity.clone() };
            approval::may_approve(state, step, &voter)?;
            let (step, digest) = (step.id.clone(), plan.digest.clone());
            Ok(vec![Event::Approved { step, voter, reason: vote.reason.clone(), digest }])
        }
        (
            Mode::Forward | Mode::RollingBack { beside: Beside::Forward, .. },
            Command::Deny(vote),
        ) => {
            approval::is_about(plan, vote)?;
            let step = asked_about(plan, state, vote)?.id.clone();
            let voter = Voter { by, identity: vote.identity.clone() };
            let reason = vote.reason.clone();
            let cause = Cause::Denied { step: step.clone(), voter, reason };
            Ok(vec![Event::StepFailed { step, cause }])
        }
    }
}

/// The step that a vote is about.
fn asked_about<'a>(plan: &'a Plan, state: &State, vote: &Vote) -> Result<&'a Step, Refusal> {
    let waiting = waiting(plan, state, |ends| matches!(ends, Ends::OnVotes(_)));
    let step = match (&vote.step, waiting.as_slice()) {
        (_, []) => return Err(Refusal::NothingToApprove),
        (Some(step), all) if all.contains(step) => step,
        (Some(step), _) => return Err(Refusal::NotAwaiting(step.clone())),
        (None, [only]) => only,
        (None, several) => return Err(Refusal::Ambiguous(several.to_vec())),
    };
    plan.step(step).map(|(_, step)| step).ok_or(Refusal::NothingToApprove)
}

fn waiting(plan: &Plan, state: &State, wanted: impl Fn(Ends<'_>) -> bool) -> Vec<StepId> {
    active_steps(plan, state)
        .filter(|(_, step, _)| wanted(step.conduct().ends))
        .map(|(_, step, _)| step.id.clone())
        .collect()
}
