//! Targets of the rules of event buses, as far as they are more than weights: where one is found, and what else leads there.
//! A target's side is the ARN that it names.

use async_trait::async_trait;

use super::{Error, Lead};
use crate::{
    plan::{BusTarget, Member, units::Scale},
    rollout::Split,
};

/// Said of a target whose rule sends nothing at all: it leads somebody else's way, so a rule that is disabled under way is
/// drift.
pub const DISABLED: &str = " (its rule is disabled)";

/// A target as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetStanding {
    /// Where it is, as [`BusPlace`](crate::rollout::BusPlace) writes it. Names the place from now on.
    pub resource: String,
    /// The ARN of the rule.
    pub rule_arn: String,
    /// The AWS service that made the rule, and would undo what others change of it.
    pub managed_by: Option<String>,
    /// The ARN of the role by which it is sent events, where it has one.
    pub role: Option<String>,
    pub split: Split,
    /// All of it, as the AWS CLI takes it; `None` where that is not known as a whole.
    pub written: Option<String>,
}

/// The split of a target that names this ARN.
pub fn all_to(arn: &str) -> Split {
    Split([(Member::new(arn), Scale::Whole.largest())].into())
}

#[async_trait]
pub trait Buses: Send + Sync {
    /// Finds the target a plan names. `Absent` when there is no such bus, rule or target.
    async fn find(&self, at: &BusTarget) -> Result<TargetStanding, Error>;

    /// All targets on the bus of this place that name the ARN of a side and whose rules are enabled, this one included.
    async fn leads(&self, place: &str, side: &Member) -> Result<Vec<Lead>, Error>;
}
