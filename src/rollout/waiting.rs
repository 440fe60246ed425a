//! In words, what a step waits for: for `status`, and for the cause of one that ran out of time.

use super::{
    Check, Outcome, Stage, State, StepState, Timestamp, approvals_of,
    watch::{checks_of, fresh_since, outcome},
};
use crate::plan::{Plan, Step, Verb};

/// A check with its last answer.
pub(super) fn told(state: &State, check: &Check) -> String {
    match state.readings.get(check) {
        Some(reading) => format!("{check} ({}: {})", reading.outcome, reading.because),
        None => format!("{check} (not answered yet)"),
    }
}

/// In words, what keeps a step from going on.
pub(super) fn waiting_for(
    plan: &Plan,
    state: &State,
    step: &Step,
    active: &StepState,
    now: Timestamp,
) -> String {
    let since = fresh_since(active, now);
    let open: Vec<String> = checks_of(plan, state, step, active)
        .filter(|check| outcome(state, check, since) != Some(Outcome::Pass))
        .map(|check| told(state, &check))
        .collect();
    match (&step.verb, &active.stage) {
        (Verb::Approve { message, approvers, .. }, _) if approvers.quorum > 1 => {
            let (given, needed) = (approvals_of(state, &step.id), approvers.quorum);
            format!("approval ({given} of {needed} given): {message}")
        }
        (Verb::Approve { message, .. }, _) => format!("approval: {message}"),
        (Verb::Pause { duration: None }, _) => "`tidegate resume`".to_owned(),
        (Verb::Pause { duration: Some(_) }, _) => {
            let until = active.deadline.map(|at| format!(" at {at}")).unwrap_or_default();
            match plan.kept_by(&step.id) {
                Some(fleet) => format!(
                    "the pause to end{until}; until then the old fleet of {fleet} is kept, ready to serve again"
                ),
                None => format!("the pause to end{until}"),
            }
        }
        (Verb::Replace(_), Stage::Changing) if open.is_empty() => {
            "the replacement to come so far".to_owned()
        }
        (Verb::Replace(_), Stage::Changing) => open.join("; "),
        (_, Stage::Changing) => "the change to be read back".to_owned(),
        (Verb::TestRoute { .. }, Stage::Baking { until }) => {
            format!("the load balancer's nodes to follow, until {until}")
        }
        (_, Stage::Baking { until }) if now < *until => format!("the bake to end at {until}"),
        _ if open.is_empty() => "its target to be read".to_owned(),
        _ => open.join("; "),
    }
}
