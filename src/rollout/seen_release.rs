//! What a reading of a candidate says about a version, or a deployment, that was asked for. It becomes ready by itself, and the name that
//! AWS gave it does not matter: there is one.

use super::{
    CallProblem, Change, Doubt, Picture, ProblemKind, Progress, Readiness, Release, Timestamp,
    seen::{CONFIRM_PATIENCE, Seen},
};

/// What a reading says about a version that was asked for.
pub(super) fn seen(change: &Change, live: &Release, now: Timestamp) -> Seen {
    if matches!(change.progress, Progress::Calling | Progress::Confirmed) {
        return Seen::Nothing;
    }
    match live {
        Release::Version { readiness: Readiness::Ready, .. }
        | Release::Deployed { side: Some(_) } => Seen::Done,
        Release::Version { readiness: Readiness::Pending { .. }, .. } => Seen::Progress,
        Release::Version { number, readiness: Readiness::Failed { reason } } => {
            let message = format!("version {number} has failed: {reason}");
            Seen::Failed(CallProblem { kind: ProblemKind::Final, message })
        }
        Release::Published | Release::Deployed { side: None } => Seen::Nothing,
        Release::Uploaded { .. } | Release::Undeployed
            if change.before != Picture::Release(live.clone()) =>
        {
            Seen::Foreign
        }
        Release::Uploaded { .. } | Release::Undeployed => match &change.progress {
            Progress::Confirming { since } if now.since(*since) >= CONFIRM_PATIENCE => {
                Seen::Invisible
            }
            Progress::InDoubt(Doubt::RetryAt(at)) if now >= *at => Seen::CallAgain,
            Progress::InDoubt(Doubt::GivenUp(problem)) => Seen::Failed(problem.clone()),
            Progress::Calling
            | Progress::Confirmed
            | Progress::Confirming { .. }
            | Progress::InDoubt(Doubt::RetryAt(_)) => Seen::Nothing,
        },
    }
}
