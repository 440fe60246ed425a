//! Where the weights of a route were found and how they stood, whatever carries them: what the looking comes to, and
//! what is settled from.

use crate::{
    cloud::{Forward, TargetGroup},
    rollout::{Medium, Split},
};

/// Where a route's weights stand, and how.
pub(super) struct Standing {
    pub(super) resource: String,
    pub(super) others: Vec<String>,
    pub(super) split: Split,
    pub(super) medium: Medium,
    /// The places of a load balancer's, and the target groups of the route's members.
    pub(super) rules: Option<(Vec<Forward>, Vec<TargetGroup>)>,
    /// The records, as the AWS CLI takes them.
    pub(super) records: Option<String>,
}
