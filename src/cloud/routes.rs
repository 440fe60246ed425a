//! What each kind of route is asked and told by: the operations that find, read and set its weights, and those of its
//! marks, in one table. What differs between kinds beside that is the table in `plan/route_kind.rs`.

use super::Operation;
use crate::{plan::RouteKind, rollout::RouteService};

/// The operations of one kind of route.
#[derive(Debug)]
pub struct RouteOperations {
    /// By which preflight and gates look at a route.
    pub looking: &'static [Operation],
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
    moving: &[Operation::ModifyListener, Operation::ModifyRule],
    marking: MARKING_BALANCERS,
};

const NLB: RouteOperations = RouteOperations {
    looking: LOOKING_AT_BALANCERS,
    moving: &[Operation::ModifyListener],
    marking: MARKING_BALANCERS,
};

const ROUTE53: RouteOperations = RouteOperations {
    looking: &[
        Operation::GetHealthCheckStatus,
        Operation::ListHostedZonesByName,
        Operation::ListResourceRecordSets,
    ],
    moving: &[Operation::ChangeResourceRecordSets, Operation::GetChange],
    marking: &[Operation::ChangeTagsForResource, Operation::ListZoneTags],
};

const LAMBDA: RouteOperations = RouteOperations {
    looking: &[Operation::GetAlias, Operation::GetFunctionConfiguration],
    moving: &[Operation::UpdateAlias],
    marking: &[Operation::ListFunctionTags, Operation::TagFunction, Operation::UntagFunction],
};

const API_GATEWAY: RouteOperations = RouteOperations {
    looking: &[Operation::GetStage, Operation::GetApiDeployment],
    moving: &[Operation::UpdateStage],
    marking: &[Operation::GetStageTags, Operation::TagStage, Operation::UntagStage],
};

const EVENT_SOURCE: RouteOperations = RouteOperations {
    looking: &[
        Operation::GetEventSourceMapping,
        Operation::ListEventSourceMappings,
        Operation::GetFunctionConfiguration,
    ],
    // Of a queue it is asked whether its last batch is done.
    moving: &[
        Operation::UpdateEventSourceMapping,
        Operation::GetQueueAttributes,
        Operation::GetQueueUrl,
    ],
    marking: &[Operation::ListFunctionTags, Operation::TagFunction, Operation::UntagFunction],
};

/// The row of a kind.
pub const fn operations_of(kind: &RouteKind) -> &'static RouteOperations {
    match kind {
        RouteKind::Alb(_) => &ALB,
        RouteKind::Nlb(_) => &NLB,
        RouteKind::Route53(_) => &ROUTE53,
        RouteKind::Lambda(_) => &LAMBDA,
        RouteKind::ApiGateway(_) => &API_GATEWAY,
        RouteKind::EventSource(_) => &EVENT_SOURCE,
    }
}

/// What reading weights is called.
pub const fn reading(service: RouteService) -> Operation {
    match service {
        RouteService::ElasticLoadBalancing => Operation::DescribeRules,
        RouteService::Route53 => Operation::ListResourceRecordSets,
        RouteService::Lambda => Operation::GetAlias,
        RouteService::ApiGateway => Operation::GetStage,
        RouteService::EventSource => Operation::GetEventSourceMapping,
    }
}

/// What a change of weights is called.
pub const fn setting(service: RouteService) -> Operation {
    match service {
        RouteService::ElasticLoadBalancing => Operation::ModifyRule,
        RouteService::Route53 => Operation::ChangeResourceRecordSets,
        RouteService::Lambda => Operation::UpdateAlias,
        RouteService::ApiGateway => Operation::UpdateStage,
        RouteService::EventSource => Operation::UpdateEventSourceMapping,
    }
}
