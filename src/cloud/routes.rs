//! What each kind of route is asked and told by: the operations that find, read and set its weights, those of its marks,
//! and the port of its weights, in one table. What differs between kinds beside that is the table in
//! `plan/route_kind.rs`.

use std::sync::Arc;

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
        Operation::ListProvisionedConcurrencyConfigs,
    ],
    moving: &[Operation::UpdateAlias],
    marking: &[Operation::ListFunctionTags, Operation::TagFunction, Operation::UntagFunction],
};

const API_GATEWAY: RouteOperations = RouteOperations {
    looking: &[Operation::GetStage, Operation::GetApiDeployment],
    // What its variables lead to.
    doubting: &[
        Operation::GetApiResources,
        Operation::GetFunctionConfiguration,
        Operation::GetFunctionPolicy,
    ],
    moving: &[Operation::UpdateStage],
    marking: &[Operation::GetStageTags, Operation::TagStage, Operation::UntagStage],
};

/// Of what takes the events a function and a queue can be asked.
const EVENT_BUS: RouteOperations = RouteOperations {
    looking: &[
        Operation::DescribeRule,
        Operation::ListTargetsByRule,
        Operation::ListRuleNamesByTarget,
        Operation::GetFunctionConfiguration,
        Operation::GetFunctionPolicy,
        Operation::GetQueueUrl,
        Operation::GetQueueAttributes,
    ],
    doubting: &[],
    moving: &[Operation::PutTargets],
    marking: &[Operation::ListRuleTags, Operation::TagRule, Operation::UntagRule],
};

const EVENT_SOURCE: RouteOperations = RouteOperations {
    looking: &[
        Operation::GetEventSourceMapping,
        Operation::ListEventSourceMappings,
        Operation::GetFunctionConfiguration,
    ],
    // Of a queue it is asked whether its last batch is done.
    doubting: &[],
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
        RouteKind::EventBus(_) => &EVENT_BUS,
        RouteKind::EventSource(_) => &EVENT_SOURCE,
    }
}

/// What has to be known of a service that splits traffic, without knowing which it is.
#[derive(Debug)]
pub struct ServiceTraits {
    /// What reading weights is called.
    pub reading: Operation,
    /// What a change of weights is called.
    pub setting: Operation,
    pub marks: Marking,
    /// What a person calls that which bears a route's marks, before its name; nothing where its ARN says it.
    pub noun: &'static str,
    pub tags: Tags,
    pub bearer: Bearer,
    pub others: Others,
}

/// By which marks are read, written and removed.
#[derive(Debug)]
pub struct Marking {
    pub reading: Operation,
    pub putting: Operation,
    pub removing: Operation,
}

/// What has the tags that a route's marks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tags {
    /// The place itself.
    Own,
    /// What the place is a part of, together with the tags of its other parts.
    Shared,
}

/// By which operations that is tagged which has the tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// Those of Elastic Load Balancing, for rules and listeners.
    Balancer,
    /// Those of Route 53, for a zone.
    Zone,
    /// Those of Lambda, for a function or a mapping.
    Lambda,
    /// Those of API Gateway, for a stage.
    Stage,
    /// Those of EventBridge, for a rule.
    Rule,
}

/// What else may lead users to a side of a route, beside the places that the route names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// Other rules and listeners of the load balancers that its target groups stand behind.
    Rules,
    /// Other records. A record leads to a load balancer, whose rules are part of the way and no other one.
    Records,
    /// Other targets on its bus.
    Targets,
    /// Nothing that counts: a side is there for whoever asks for it, and is never taken away from under others.
    None,
}

const BALANCERS: ServiceTraits = ServiceTraits {
    reading: Operation::DescribeRules,
    setting: Operation::ModifyRule,
    marks: Marking {
        reading: Operation::DescribeTags,
        putting: Operation::AddTags,
        removing: Operation::RemoveTags,
    },
    noun: "",
    tags: Tags::Own,
    bearer: Bearer::Balancer,
    others: Others::Rules,
};

/// Only a zone has tags.
const RECORDS: ServiceTraits = ServiceTraits {
    reading: Operation::ListResourceRecordSets,
    setting: Operation::ChangeResourceRecordSets,
    marks: Marking {
        reading: Operation::ListZoneTags,
        putting: Operation::ChangeTagsForResource,
        removing: Operation::ChangeTagsForResource,
    },
    noun: "records ",
    tags: Tags::Shared,
    bearer: Bearer::Zone,
    others: Others::Records,
};

/// Only an alias's function has tags.
const ALIASES: ServiceTraits = ServiceTraits {
    reading: Operation::GetAlias,
    setting: Operation::UpdateAlias,
    marks: Marking {
        reading: Operation::ListFunctionTags,
        putting: Operation::TagFunction,
        removing: Operation::UntagFunction,
    },
    noun: "alias ",
    tags: Tags::Shared,
    bearer: Bearer::Lambda,
    others: Others::None,
};

const STAGES: ServiceTraits = ServiceTraits {
    reading: Operation::GetStage,
    setting: Operation::UpdateStage,
    marks: Marking {
        reading: Operation::GetStageTags,
        putting: Operation::TagStage,
        removing: Operation::UntagStage,
    },
    noun: "",
    tags: Tags::Own,
    bearer: Bearer::Stage,
    others: Others::None,
};

/// Only a rule has tags, and not its targets.
const TARGETS: ServiceTraits = ServiceTraits {
    reading: Operation::ListTargetsByRule,
    setting: Operation::PutTargets,
    marks: Marking {
        reading: Operation::ListRuleTags,
        putting: Operation::TagRule,
        removing: Operation::UntagRule,
    },
    noun: "target ",
    tags: Tags::Shared,
    bearer: Bearer::Rule,
    others: Others::Targets,
};

const MAPPINGS: ServiceTraits = ServiceTraits {
    reading: Operation::GetEventSourceMapping,
    setting: Operation::UpdateEventSourceMapping,
    marks: Marking {
        reading: Operation::ListFunctionTags,
        putting: Operation::TagFunction,
        removing: Operation::UntagFunction,
    },
    noun: "",
    tags: Tags::Own,
    bearer: Bearer::Lambda,
    others: Others::None,
};

impl RouteService {
    /// The row of a service.
    pub const fn traits(self) -> &'static ServiceTraits {
        match self {
            Self::ElasticLoadBalancing => &BALANCERS,
            Self::Route53 => &RECORDS,
            Self::Lambda => &ALIASES,
            Self::ApiGateway => &STAGES,
            Self::EventBridge => &TARGETS,
            Self::EventSource => &MAPPINGS,
        }
    }
}

/// A port for each service that splits traffic.
pub struct ByService<Port: ?Sized> {
    pub load_balancers: Arc<Port>,
    pub dns: Arc<Port>,
    pub functions: Arc<Port>,
    pub gateways: Arc<Port>,
    pub buses: Arc<Port>,
    pub mappings: Arc<Port>,
}

impl<Port: ?Sized> ByService<Port> {
    /// One for each.
    pub fn each(port: impl Fn(RouteService) -> Arc<Port>) -> Self {
        Self {
            load_balancers: port(RouteService::ElasticLoadBalancing),
            dns: port(RouteService::Route53),
            functions: port(RouteService::Lambda),
            gateways: port(RouteService::ApiGateway),
            buses: port(RouteService::EventBridge),
            mappings: port(RouteService::EventSource),
        }
    }

    /// The port that a route's weights are reached by.
    pub fn of(&self, service: RouteService) -> &Arc<Port> {
        match service {
            RouteService::ElasticLoadBalancing => &self.load_balancers,
            RouteService::Route53 => &self.dns,
            RouteService::Lambda => &self.functions,
            RouteService::ApiGateway => &self.gateways,
            RouteService::EventBridge => &self.buses,
            RouteService::EventSource => &self.mappings,
        }
    }

    /// The same with something around each port.
    pub fn wrapped<Around: ?Sized>(
        &self,
        wrap: impl Fn(&Arc<Port>, RouteService) -> Arc<Around>,
    ) -> ByService<Around> {
        ByService::each(|service| wrap(self.of(service), service))
    }
}

impl<Port: ?Sized> Clone for ByService<Port> {
    fn clone(&self) -> Self {
        Self::each(|service| Arc::clone(self.of(service)))
    }
}
