//! What was read of a target, when, and how long is waited for a call to show: the terms in which a change is followed,
//! whatever it is a change of.

use std::time::Duration;

use super::{CallProblem, ProblemKind, State, Target, Timestamp};

/// How long a call that has returned may stay invisible before it counts as failed.
pub(super) const CONFIRM_PATIENCE: Duration = Duration::from_mins(2);

/// How often a target is read while a change of it is confirmed or in doubt.
pub(super) const READ_BACK_EVERY: Duration = Duration::from_secs(2);

/// How often a replacement or a replay that AWS carries out is looked at: it takes minutes.
const FOLLOW_EVERY: Duration = Duration::from_secs(10);

/// How often a target is read whose change is not confirmed.
pub(super) fn follow_every(target: &Target) -> Duration {
    match target {
        Target::Route(_) | Target::Fleet { .. } | Target::TestRoute(_) | Target::Candidate(_) => {
            READ_BACK_EVERY
        }
        // Who uses a version is told by several listings.
        Target::Software(_) | Target::OldVersions(_) | Target::Replay(_) => FOLLOW_EVERY,
    }
}

/// What a reading says about a change that has not been confirmed.
pub(super) enum Seen {
    Nothing,
    Done,
    /// It took effect, and what it began goes on.
    Progress,
    /// It did not take effect, and may be tried again.
    CallAgain,
    /// The call returned long ago and still does not show.
    Invisible,
    /// It did not take effect and will not.
    Failed(CallProblem),
    /// Neither before nor after: somebody else was here.
    Foreign,
}

pub(super) fn invisible(target: &Target) -> CallProblem {
    CallProblem {
        kind: ProblemKind::Passing,
        message: format!(
            "the call to change {target} returned, but {} s later it still does not show",
            CONFIRM_PATIENCE.as_secs()
        ),
    }
}

pub(super) fn known_since(state: &State, target: &Target, since: Timestamp) -> bool {
    state.known_at.get(target).is_some_and(|at| *at >= since)
}
