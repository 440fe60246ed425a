//! What a line has already told: a failing gate, the step it fails and the roll-back that follows share one cause, and
//! a reader wants it once.

use crate::rollout::{Cause, Check, Event, Outcome};

/// The cause an event gives, so that the next does not repeat it.
pub(super) fn cause_given(event: &Event) -> Option<Cause> {
    match event {
        Event::StepFailed { cause, .. }
        | Event::Held { cause }
        | Event::RollbackStarted { cause, .. } => Some(cause.clone()),
        Event::DriftFound { target, .. } => Some(Cause::Drift { target: target.clone() }),
        Event::CallFailed { target, problem, retry_at: None } => {
            Some(Cause::CallFailed { target: target.clone(), problem: problem.clone() })
        }
        Event::Read { check: Check::Gate(gate), reading } if reading.outcome == Outcome::Fail => {
            Some(Cause::GateFailed { gate: gate.clone(), because: reading.because.clone() })
        }
        Event::CallFailed { .. }
        | Event::Read { .. }
        | Event::RunStarted { .. }
        | Event::RunnerStarted { .. }
        | Event::ClockJumped { .. }
        | Event::StepStarted { .. }
        | Event::StepCleared { .. }
        | Event::Observed { .. }
        | Event::ChangeIntended { .. }
        | Event::CallReturned { .. }
        | Event::Learned { .. }
        | Event::ChangeConfirmed { .. }
        | Event::BakeStarted { .. }
        | Event::StepDone { .. }
        | Event::Approved { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::CommandRefused { .. }
        | Event::Interrupted { .. }
        | Event::WentBack
        | Event::RestoreStarted { .. }
        | Event::Restored { .. }
        | Event::Vanished { .. }
        | Event::AttentionNeeded { .. }
        | Event::OverwriteAllowed { .. }
        | Event::RunEnded { .. } => None,
    }
}
