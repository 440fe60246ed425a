//! How far things are, as the state keeps it: the run as a whole, a step, a change of one target from intent to
//! read-back, and what a roll-back needs to know of every target that was ever to be changed.

use std::collections::BTreeSet;

use super::{Bindings, CallProblem, Cause, Ending, Picture, Purpose, Target, Timestamp, Version};
use crate::plan::StepId;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    #[default]
    NotStarted,
    Forward,
    /// Frozen until a person decides.
    Held(Cause),
    RollingBack {
        cause: Cause,
        since: Timestamp,
        beside: Beside,
    },
    Ended(Ending),
}

/// What those components do that do not go back while others do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Beside {
    /// There are none: everything goes back.
    Nobody,
    /// They stand still, and a person decides about them when that is over.
    Held(Cause),
    Forward,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StepState {
    pub started: Timestamp,
    pub deadline: Option<Timestamp>,
    pub stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Waiting: for its checks to clear it, for a person, for time.
    Entered,
    /// Cleared to change its target, which is looked at once more before.
    Cleared,
    /// A change is intended and not yet read back.
    Changing,
    Baking {
        until: Timestamp,
    },
    Done,
    Failed(Cause),
    Reverted,
    NeedsAttention,
}

impl Stage {
    /// Whether the step has begun and not come to an end.
    pub fn is_active(&self) -> bool {
        match self {
            Self::Entered | Self::Cleared | Self::Changing | Self::Baking { .. } => true,
            Self::Done | Self::Failed(_) | Self::Reverted | Self::NeedsAttention => false,
        }
    }

    /// When the bake's time will be up, while the step bakes.
    pub(super) fn bakes_until(&self) -> Option<Timestamp> {
        match self {
            Self::Baking { until } => Some(*until),
            Self::Entered
            | Self::Cleared
            | Self::Changing
            | Self::Done
            | Self::Failed(_)
            | Self::Reverted
            | Self::NeedsAttention => None,
        }
    }
}

/// One change of one target, from intent to read-back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    pub purpose: Purpose,
    pub before: Picture,
    pub after: Picture,
    pub progress: Progress,
    /// Calls that failed so far.
    pub failures: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// The call is under way.
    Calling,
    /// The call has returned; the read-back has not shown it yet.
    Confirming {
        since: Timestamp,
    },
    /// Whether the call took effect is not known: it failed, or its runner died.
    InDoubt(Doubt),
    Confirmed,
}

impl Progress {
    /// From when on the call may be made again, if it did not take effect.
    pub(super) fn retry_at(&self) -> Option<Timestamp> {
        match self {
            Self::InDoubt(Doubt::RetryAt(at)) => Some(*at),
            Self::Calling
            | Self::Confirming { .. }
            | Self::InDoubt(Doubt::GivenUp(_))
            | Self::Confirmed => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// Call again from this moment on, if it did not take effect.
    RetryAt(Timestamp),
    /// If it did not take effect, it failed for good.
    GivenUp(CallProblem),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trail {
    /// What the target looked like before this run first touched it: what a roll-back restores.
    pub origin: Picture,
    /// Every picture this run has made or replaced. Anything else that is found there is somebody else's.
    pub ours: BTreeSet<Picture>,
    pub steps: Vec<StepId>,
    /// A call was made whose effect was never read back, so it may yet appear.
    pub unconfirmed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Restore {
    Started,
    Restored,
    NeedsAttention,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Armed {
    pub step: StepId,
    pub since: Timestamp,
}

impl Trail {
    /// Whether what is there now is this run's own work, or what it found.
    pub(super) fn owns(&self, (bindings, target): (&Bindings, &Target), live: &Picture) -> bool {
        let Picture::Software(live) = live else {
            let ours: Vec<&Picture> = self.ours.iter().collect();
            return ours.iter().any(|picture| picture.stands_in(live))
                || bindings.is_halfway(target, live, &ours);
        };
        let ours = |version: &Version| {
            self.ours.iter().any(
                |picture| matches!(picture, Picture::Software(ours) if ours.version == *version),
            )
        };
        ours(&live.version) && live.operation.as_ref().is_none_or(|last| ours(&last.to))
    }
}
