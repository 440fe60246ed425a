//! Where the weights of a route were found and how they stood, whatever carries them: what the looking comes to, and
//! what is settled from.

use std::collections::BTreeMap;

use crate::{
    cloud::{Forward, TargetGroup},
    plan::{Member, Place, Route, RouteKind, Sides},
    rollout::{Nature, Release, RouteBound, RouteService, Split},
};

/// Where a route's weights stand, and how.
pub(super) struct Standing {
    pub(super) resource: String,
    pub(super) others: Vec<String>,
    pub(super) split: Split,
    pub(super) service: RouteService,
    pub(super) nature: Nature,
    /// The places of a load balancer's, and the target groups of the route's members.
    pub(super) rules: Option<(Vec<Forward>, Vec<TargetGroup>)>,
    /// The records, or the target of a rule, as the AWS CLI takes them.
    pub(super) written: Option<String>,
    /// What there is before a step makes the candidate, where one does.
    pub(super) uploaded: Option<Release>,
}

impl Standing {
    /// What a route stands for once it is known which side is which.
    pub(super) fn bound(
        &self,
        (stable, candidate): (Member, Option<Member>),
        route: &Route,
        place: Place,
    ) -> RouteBound {
        RouteBound {
            service: self.service,
            place,
            resource: self.resource.clone(),
            others: self.others.clone(),
            stable,
            candidate,
            baseline: route.baseline.clone(),
            variables: match (&route.kind, &route.sides) {
                (RouteKind::ApiGateway(at), Sides::Made { .. }) => at.overrides.clone(),
                _ => BTreeMap::new(),
            },
            nature: self.nature,
        }
    }
}
