//! Why a run is where it is, in words: for `status`, for the last line of a run, and for whoever is called at night.

use std::fmt;

use super::{
    Cause, Ending, Mode, Restore, Signal, Stage, State, Timestamp, decide::active_steps, watch,
};
use crate::plan::Plan;

/// What the run is waiting for or has come to, one sentence each; never empty.
pub fn why(plan: &Plan, state: &State, now: Timestamp) -> Vec<String> {
    match &state.mode {
        Mode::NotStarted => vec!["not started".to_owned()],
        Mode::Ended(Ending::Promoted) => vec!["every step is done".to_owned()],
        Mode::Ended(Ending::RolledBack) => {
            vec!["everything this run touched is as it was before".to_owned()]
        }
        Mode::Ended(Ending::NeedsAttention) => state
            .restores
            .iter()
            .filter(|(_, restore)| **restore == Restore::NeedsAttention)
            .map(|(target, _)| format!("{target} could not be restored"))
            .collect(),
        Mode::Held(cause) => vec![format!("held: {cause}")],
        Mode::RollingBack { cause, .. } => {
            let open: Vec<String> = state
                .trails
                .keys()
                .filter(|target| state.restores.get(*target) != Some(&Restore::Restored))
                .map(ToString::to_string)
                .collect();
            vec![format!("rolling back because {cause}; still to restore: {}", open.join(", "))]
        }
        Mode::Forward => {
            let paused = state.paused.map(|at| format!("paused since {at}"));
            let steps = active_steps(plan, state).map(|(_, step, active)| {
                let doing = match active.stage {
                    Stage::Baking { .. } => "bakes, waiting for",
                    _ => "waits for",
                };
                format!(
                    "{} {doing} {}",
                    step.id,
                    watch::waiting_for(plan, state, step, active, now)
                )
            });
            let shut = watch::shut_out(plan, state, now).map(|(step, opens)| {
                format!("{} may not start before its window opens at {opens}", step.id)
            });
            paused.into_iter().chain(steps).chain(shut).collect()
        }
    }
}

/// Whether the run waits for a person and for nothing else.
pub fn awaits_person(plan: &Plan, state: &State) -> bool {
    let mut active = active_steps(plan, state).peekable();
    state.paused.is_some()
        || (active.peek().is_some()
            && active.all(|(_, step, _)| {
                matches!(
                    step.verb,
                    crate::plan::Verb::Approve { .. } | crate::plan::Verb::Pause { duration: None }
                )
            }))
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GateFailed { gate, because } => write!(f, "gate {gate} failed: {because}"),
            Self::GateUnknown { gate, because } => {
                write!(f, "gate {gate} was unknown for too long: {because}")
            }
            Self::TimedOut { step, waiting_for } => {
                write!(f, "{step} ran out of time waiting for {waiting_for}")
            }
            Self::CallFailed { target, problem } => {
                write!(f, "{target} could not be changed: {}", problem.message)
            }
            Self::ApprovalExpired { step } => write!(f, "nobody approved {step} in time"),
            Self::Denied { step, voter, reason: None } => write!(f, "{voter} denied {step}"),
            Self::Denied { step, voter, reason: Some(reason) } => {
                write!(f, "{voter} denied {step}: {reason}")
            }
            Self::Drift { target } => write!(f, "somebody else changed {target}"),
            Self::Asked { by, reason: None } => write!(f, "{by} asked for it"),
            Self::Asked { by, reason: Some(reason) } => write!(f, "{by} asked for it: {reason}"),
            Self::Interrupted { signal } => write!(f, "it was interrupted by {signal}"),
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SigInt => "SIGINT",
            Self::SigTerm => "SIGTERM",
        })
    }
}
