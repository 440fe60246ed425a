//! In words, what a step waits for: for `status`, and for the cause of one that ran out of time.

use super::{
    Check, Outcome, Picture, Release, Stage, State, StepState, Target, Timestamp, approvals_of,
    watch::{checks_of, fresh_since, outcome},
};
use crate::plan::{Aim, Ends, Plan, RouteName, Step};

/// A check with its last answer.
pub(super) fn told(state: &State, check: &Check) -> String {
    match state.readings.get(check) {
        Some(reading) => format!("{check} ({}: {})", reading.outcome, reading.because),
        None => format!("{check} (not answered yet)"),
    }
}

fn published(state: &State, route: &RouteName) -> String {
    match state.known.get(&Target::Candidate(route.clone())) {
        Some(Picture::Release(live @ Release::Version { .. })) => format!("{live} to be ready"),
        Some(Picture::Release(Release::Undeployed | Release::Deployed { .. })) => {
            "the deployment to be made".to_owned()
        }
        _ => "the version to be published".to_owned(),
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
    let conduct = step.conduct();
    match (conduct.ends, &active.stage) {
        (Ends::OnVotes(ballot), _) if ballot.approvers.quorum > 1 => {
            let (given, needed) = (approvals_of(state, &step.id), ballot.approvers.quorum);
            format!("approval ({given} of {needed} given): {}", ballot.message)
        }
        (Ends::OnVotes(ballot), _) => format!("approval: {}", ballot.message),
        (Ends::OnWord, _) => "`tidegate resume`".to_owned(),
        (Ends::OnTime(_), _) => {
            let until = active.deadline.map(|at| format!(" at {at}")).unwrap_or_default();
            match plan.kept_by(&step.id) {
                Some(fleet) => format!(
                    "the pause to end{until}; until then the old fleet of {fleet} is kept, ready to serve again"
                ),
                None => format!("the pause to end{until}"),
            }
        }
        (_, Stage::Changing) => match conduct.aim {
            Aim::Software(_) if open.is_empty() => "the replacement to come so far".to_owned(),
            Aim::Software(_) => open.join("; "),
            Aim::Release { route, .. } => published(state, route),
            Aim::Replay(_) => "the replay to be complete".to_owned(),
            Aim::Nothing
            | Aim::Weights { .. }
            | Aim::Capacity { .. }
            | Aim::TestRoute { .. }
            | Aim::OldVersions { .. } => "the change to be read back".to_owned(),
        },
        (Ends::WhenSettled(_), Stage::Baking { until }) => {
            format!("the load balancer's nodes to follow, until {until}")
        }
        (_, Stage::Baking { until }) if now < *until => format!("the bake to end at {until}"),
        // Whatever it is, it waits for its checks, and with none left for its target.
        _ if open.is_empty() => "its target to be read".to_owned(),
        _ => open.join("; "),
    }
}
