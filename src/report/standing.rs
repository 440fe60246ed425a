//! Where a run stands, in one word: the first thing a person called at night reads, and what scripts compare.

use std::fmt;

use serde::Serialize;

use super::Sign;
use crate::{
    plan::{Ends, Plan, StepId},
    rollout::{Cause, Ending, Mode, State, awaits_person},
};

/// The word for a run as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    NotStarted,
    Running,
    /// It should be running, and nobody drives it: its runner was killed.
    Abandoned,
    /// The same on its way back.
    AbandonedRollingBack,
    Paused,
    AwaitingApproval,
    Held,
    /// Held because somebody else changed what the run owns.
    Drift,
    Interrupted,
    RollingBack,
    Promoted,
    RolledBack,
    /// A part of it, and the rest is promoted.
    PartlyRolledBack,
    NeedsAttention,
}

/// Whether somebody drives a run, and so watches its gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    Somebody,
    Nobody,
}

impl Standing {
    /// As it really is, where the journal alone cannot know who is there.
    #[must_use]
    pub fn under(self, watch: Watch) -> Self {
        match (self, watch) {
            (Self::Running, Watch::Nobody) => Self::Abandoned,
            (Self::RollingBack, Watch::Nobody) => Self::AbandonedRollingBack,
            (standing, Watch::Somebody | Watch::Nobody) => standing,
        }
    }

    pub fn of(plan: &Plan, state: &State) -> Self {
        match Self::without_plan(state) {
            Self::Running if awaits_person(plan, state) => {
                if approvals_awaited(plan, state).is_empty() {
                    Self::Paused
                } else {
                    Self::AwaitingApproval
                }
            }
            standing => standing,
        }
    }

    /// As far as it can be told without the plan, which says what its steps wait for.
    pub fn without_plan(state: &State) -> Self {
        match &state.mode {
            Mode::Ended(Ending::Promoted) => Self::Promoted,
            Mode::Ended(Ending::RolledBack) => Self::RolledBack,
            Mode::Ended(Ending::PartlyRolledBack) => Self::PartlyRolledBack,
            Mode::Ended(Ending::NeedsAttention) => Self::NeedsAttention,
            Mode::NotStarted => Self::NotStarted,
            Mode::Held(Cause::Drift { .. } | Cause::NotAsAsked { .. }) => Self::Drift,
            Mode::Held(_) => Self::Held,
            Mode::Forward | Mode::RollingBack { .. } if state.interrupted.is_some() => {
                Self::Interrupted
            }
            Mode::RollingBack { .. } => Self::RollingBack,
            Mode::Forward if state.paused.is_some() => Self::Paused,
            Mode::Forward => Self::Running,
        }
    }

    /// Whether the run moves by itself.
    pub fn moves(self) -> bool {
        match self {
            Self::Running | Self::RollingBack => true,
            Self::NotStarted
            | Self::Abandoned
            | Self::AbandonedRollingBack
            | Self::Paused
            | Self::AwaitingApproval
            | Self::Held
            | Self::Drift
            | Self::Interrupted
            | Self::Promoted
            | Self::RolledBack
            | Self::PartlyRolledBack
            | Self::NeedsAttention => false,
        }
    }

    pub(super) fn sign(self) -> Sign {
        match self {
            Self::Promoted => Sign::Good,
            Self::RolledBack | Self::PartlyRolledBack | Self::RollingBack => Sign::Back,
            Self::NeedsAttention | Self::Drift | Self::Abandoned | Self::AbandonedRollingBack => {
                Sign::Bad
            }
            Self::AwaitingApproval => Sign::Question,
            Self::Paused | Self::Held | Self::Interrupted => Sign::Halt,
            Self::Running | Self::NotStarted => Sign::Note,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotStarted => "NOT STARTED",
            Self::Running => "RUNNING",
            Self::Abandoned => "ABANDONED",
            Self::AbandonedRollingBack => "ABANDONED WHILE ROLLING BACK",
            Self::Paused => "PAUSED",
            Self::AwaitingApproval => "AWAITING APPROVAL",
            Self::Held => "HELD",
            Self::Drift => "DRIFT",
            Self::Interrupted => "INTERRUPTED",
            Self::RollingBack => "ROLLING BACK",
            Self::Promoted => "PROMOTED",
            Self::RolledBack => "ROLLED BACK",
            Self::PartlyRolledBack => "PARTLY ROLLED BACK",
            Self::NeedsAttention => "NEEDS ATTENTION",
        })
    }
}

/// The word for a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentStanding {
    /// It has not begun: it waits for those it needs, for room, or for the run to go on.
    Waiting,
    /// It has not begun and does not begin in this run any more, since the run has ended or what it needs went back.
    NotBegun,
    UnderWay,
    /// It stands where it is until a person decides.
    Held,
    Failed,
    Promoted,
    GoingBack,
    TakenBack,
    NeedsAttention,
}

impl ComponentStanding {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waits",
            Self::NotBegun => "not begun",
            Self::UnderWay => "under way",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Promoted => "promoted",
            Self::GoingBack => "going back",
            Self::TakenBack => "taken back",
            Self::NeedsAttention => "needs attention",
        }
    }

    pub(super) fn sign(self) -> Sign {
        match self {
            Self::Waiting | Self::NotBegun => Sign::None,
            Self::UnderWay => Sign::Note,
            Self::Held => Sign::Halt,
            Self::Failed | Self::NeedsAttention => Sign::Bad,
            Self::Promoted => Sign::Good,
            Self::GoingBack | Self::TakenBack => Sign::Back,
        }
    }
}

/// The steps under way that wait for somebody's approval.
pub fn approvals_awaited(plan: &Plan, state: &State) -> Vec<StepId> {
    plan.steps()
        .filter(|(component, _)| !state.reach.covers(&component.name))
        .filter(|(_, step)| matches!(step.conduct().ends, Ends::OnVotes(_)))
        .filter(|(_, step)| state.steps.get(&step.id).is_some_and(|s| s.stage.is_active()))
        .map(|(_, step)| step.id.clone())
        .collect()
}
