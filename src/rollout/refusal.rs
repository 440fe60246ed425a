//! The polite refusals: why what a person asked of a run cannot be done now, in words that say what can.

use super::Ending;
use crate::plan::StepId;

/// Why a command cannot be carried out now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the run has not started")]
    NotStarted,
    #[error("the run has ended: {}", ending_words(*.0))]
    Ended(Ending),
    #[error("the run is rolling back already")]
    RollingBack,
    #[error("the run is paused already")]
    AlreadyPaused,
    #[error("the run is neither paused nor held")]
    NotPaused,
    #[error("the run is held; `tidegate resume` or `tidegate rollback` decides how it goes on")]
    IsHeld,
    #[error("nothing that somebody else has changed stands in its way")]
    NothingForeign,
    #[error("no step waits for an approval")]
    NothingToApprove,
    #[error("step {0} does not wait for an approval")]
    NotAwaiting(StepId),
    #[error("it is about plan {given}, and this run is of plan {digest}")]
    OtherPlan { given: String, digest: String },
    #[error("{who} may not approve this step; those who may: {}", .from.join(", "))]
    NotAnApprover { who: String, from: Vec<String> },
    #[error("{0} has approved it already")]
    ApprovedAlready(String),
    #[error("several steps wait for an approval, name one with --step: {}", join(.0))]
    Ambiguous(Vec<StepId>),
}

fn ending_words(ending: Ending) -> &'static str {
    match ending {
        Ending::Promoted => "promoted",
        Ending::RolledBack => "rolled back",
        Ending::PartlyRolledBack => "partly rolled back",
        Ending::NeedsAttention => "roll-back incomplete",
    }
}

fn join(steps: &[StepId]) -> String {
    steps.iter().map(StepId::as_str).collect::<Vec<_>>().join(", ")
}
