//! What each kind of route is asked and told by: the operations that find, read and set its weights, and those of its
//! marks, in one table. What differs between kinds beside that is the table in `plan/route_kind.rs`.

use super::Operation;
use crate::{plan::RouteKind, rollout::RouteService};

/// The operations of one kind of route.
#[derive(Debug)]
pub struct RouteOperations {
    /// By which preflight and gates look at a route.
    pub looking: &'static [Operation],
    /// By which preflight looks for doubts. Where they are denied it says so, and a run goes on.
    pub doubting: &'static [Operation],
    /// By which its weights are moved.
    pub moving: &'static [Operation],
    /// By which a run's marks on it are read and written.
    pub marking: &'static [Operation],
}

/// Of whatever stands on a load balancer; of any that a side's target groups stand behind.
const LOOKING_AT_BALANCERS: &[Operation] = &[
    Operation::DescribeListeners,
    Operation::DescribeLoadBalancers,
    Operation::DescribeRules,
    Operation::DescribeTargetGroupAttributes,
    Operation::DescribeTargetGroups,
    Operation::DescribeTargetHealth,
];

const MARKING_BALANCERS: &[Operation] =
    &[Operation::AddTags, Operation::DescribeTags, Operation::RemoveTags];

const ALB: RouteOperations = RouteOperations {
    looking: LOOKING_AT_BALANCERS,
    doubting: &[],
    moving: &[Operation::ModifyListener, Operation::ModifyRule],
    marking: MARKING_BALANCERS,
};

const NLB: RouteOperations = RouteOperations {
    looking: LOOKING_AT_BALANCERS,
    doubting: &[],
    moving: &[Operation::ModifyListener],
    marking: MARKING_BALANCERS,
};

const ROUTE53: RouteOperations = RouteOperations {
    looking: &[
        Operation::GetHealthCheckStatus,
        Operation::ListHostedZonesByName,
        Operation::ListResourceRecordSets,
    ],
    doubting: &[],
    moving: &[Operation::ChangeResourceRecordSets, Operation::GetChange],
    marking: &[Operation::ChangeTagsForResource, Operation::ListZoneTags],
};

const LAMBDA: RouteOperations = RouteOperations {
    looking: &[Operation::GetAlias, Operation::GetFunctionConfiguration],
    doubting: &[
        Operation::BatchGetDeploymentTargets,
        Operation::BatchGetDeployments,
        Operation::ListDeploymentTargets,
        Operation::ListDeployments,
    ],
    moving: &[Operation::UpdateAlias],
    marking: &[Operation::ListFunctionTags, Operation::TagFunction, Operation::UntagFunction],
};

const API_GATEWAY: RouteOperations = RouteOperations {
    looking: &[Operation::GetStage, Operation::GetApiDeployment],
    doubting: &[],
    moving: &[Operation::UpdateStage],
    marking: &[Operation::GetStageTags, Operation::TagStage, Operation::UntagStage],
};

/// The row of a kind.
pub const fn operations_of(kind: &RouteKind) -> &'static RouteOperations {
    match kind {
        RouteKind::Alb(_) => &ALB,
        RouteKind::Nlb(_) => &NLB,
        RouteKind::Route53(_) => &ROUTE53,
        RouteKind::Lambda(_) => &LAMBDA,
        RouteKind::ApiGateway(_) => &API_GATEWAY,
    }
}

/// What reading weights is called.
pub const fn reading(service: RouteService) -> Operation {
    match service {
        RouteService::ElasticLoadBalancing => Operation::DescribeRules,
        RouteService::Route53 => Operation::ListResourceRecordSets,
        RouteService::Lambda => Operation::GetAlias,
        RouteService::ApiGateway => Operation::GetStage,
    }
}

/// What a change of weights is called.
pub const fn setting(service: RouteService) -> Operation {
    match service {
        RouteService::ElasticLoadBalancing => Operation::ModifyRule,
        RouteService::Route53 => Operation::ChangeResourceRecordSets,
        RouteService::Lambda => Operation::UpdateAlias,
        RouteService::ApiGateway => Operation::UpdateStage,
    }
}
