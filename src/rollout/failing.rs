//! What becomes of calls and steps that fail: a call is made again for as long as that may help, and a step that has
//! failed says why.

use std::time::Duration;

use super::{
    CallProblem, Cause, Change, Event, Mode, ProblemKind, State, Target, Timestamp,
    state::MAX_ATTEMPTS,
};
use crate::plan::StepId;

/// From one try of a roll-back to the next, in the end.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A step has failed. What follows from that is not decided here but by `decide.rs`, so that a crash between the two
/// events changes nothing.
pub(super) fn fail(step: &StepId, cause: Cause) -> Vec<Event> {
    vec![Event::StepFailed { step: step.clone(), cause }]
}

pub(super) fn called_problem(
    state: &State,
    (target, change): (&Target, &Change),
    problem: CallProblem,
    now: Timestamp,
) -> Vec<Event> {
    let retry_at = retry_at(state, (target, change), &problem, now);
    vec![Event::CallFailed { target: target.clone(), problem, retry_at }]
}

/// Passing problems are tried again after 2, 4, 8, 16 seconds; others are not. Going forward the fifth in a row is not
/// either, and the run goes back; a roll-back has nowhere else to go, so it tries on, once a minute in the end.
fn retry_at(
    state: &State,
    (target, change): (&Target, &Change),
    problem: &CallProblem,
    now: Timestamp,
) -> Option<Timestamp> {
    let pause = Duration::from_secs(2 << change.failures.min(5)).min(LONGEST_PAUSE);
    match (problem.kind, &state.mode) {
        (ProblemKind::Final, _) => None,
        (ProblemKind::Passing, Mode::RollingBack { .. }) if state.has_back(target) => {
            Some(now.plus(pause))
        }
        (
            ProblemKind::Passing,
            Mode::NotStarted
            | Mode::Forward
            | Mode::Held(_)
            | Mode::RollingBack { .. }
            | Mode::Ended(_),
        ) => (change.failures.saturating_add(1) < MAX_ATTEMPTS).then(|| now.plus(pause)),
    }
}
