//! What differs between the kinds of routes, in one table. Checks, lints and the simulated cloud ask here, so that a new
//! kind is a row and not a visit to each of them. What a kind is called for in AWS is the table in `cloud/routes.rs`.

use super::{
    published::{OF_TARGET_GROUPS, OF_VERSIONS, Published},
    route::RouteKind,
    units::Scale,
};

/// What has to be known of a kind of route without knowing the kind.
#[derive(Debug, PartialEq, Eq)]
pub struct RouteTraits {
    pub scale: Scale,
    /// The metrics by which its sides are told apart; `None` where nobody counts each side's requests.
    pub published: Option<&'static Published>,
    /// What splits it, in words that follow `split by`.
    pub(super) split_by: &'static str,
    /// Why no rule can lead requests with a header to its candidate, in words that follow `this one`.
    pub(super) untestable: &'static str,
    /// What may stand behind it.
    pub(super) behind: Behind,
}

/// What runs the software that a route leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// Instances that register with what the route names, which only those of the same place can.
    Registered,
    /// Whatever a record leads to, wherever it is.
    Anywhere,
    /// The service itself: no fleet.
    Itself {
        /// Why a fleet is none of that.
        lacks: &'static str,
        /// What the route is.
        is: &'static str,
        help: &'static str,
    },
}

const ALB: RouteTraits = RouteTraits {
    scale: Scale::LoadBalancer,
    published: Some(&OF_TARGET_GROUPS),
    split_by: "several load balancers, whose counts are not added up",
    untestable: "has several rules, which a test route is not added to",
    behind: Behind::Registered,
};

const NLB: RouteTraits = RouteTraits {
    scale: Scale::LoadBalancer,
    published: None,
    split_by: "a Network Load Balancer",
    untestable: "is split by a Network Load Balancer",
    behind: Behind::Registered,
};

const ROUTE53: RouteTraits = RouteTraits {
    scale: Scale::Dns,
    published: None,
    split_by: "records of Route 53",
    untestable: "is split by DNS",
    behind: Behind::Anywhere,
};

const LAMBDA: RouteTraits = RouteTraits {
    scale: Scale::Hundredths,
    published: Some(&OF_VERSIONS),
    split_by: "the alias of a function",
    untestable: "is the alias of a function",
    behind: Behind::Itself {
        lacks: "runs no function",
        is: "the alias of a function",
        help: "remove `behind`; Lambda runs the versions of a function by itself",
    },
};

/// API Gateway counts the requests of a stage together with those of its canary.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html>
const API_GATEWAY: RouteTraits = RouteTraits {
    scale: Scale::Hundredths,
    published: None,
    split_by: "a stage of API Gateway, which counts the requests of its canary among its own",
    untestable: "is a stage of API Gateway",
    behind: Behind::Itself {
        lacks: "answers for no stage",
        is: "the stage of an API",
        help: "remove `behind`; API Gateway runs the deployments of an API by itself",
    },
};

/// Lambda counts what a function is invoked for, by whichever mapping or caller.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
const EVENT_SOURCE: RouteTraits = RouteTraits {
    scale: Scale::Whole,
    published: None,
    split_by: "event source mappings, whose batches are counted among all that a function is invoked for",
    untestable: "is a queue or a stream",
    behind: Behind::Itself {
        lacks: "reads no queue or stream",
        is: "a queue or a stream",
        help: "remove `behind`; Lambda runs the functions that read by itself",
    },
};

impl RouteKind {
    /// The row of its kind.
    pub const fn traits(&self) -> &'static RouteTraits {
        match self {
            Self::Alb(_) => &ALB,
            Self::Nlb(_) => &NLB,
            Self::Route53(_) => &ROUTE53,
            Self::Lambda(_) => &LAMBDA,
            Self::ApiGateway(_) => &API_GATEWAY,
            Self::EventSource(_) => &EVENT_SOURCE,
        }
    }

    /// How finely it can split; of two mappings the plan says.
    pub const fn scale(&self) -> Scale {
        match self {
            Self::EventSource(source) => source.scale(),
            Self::Alb(_)
            | Self::Nlb(_)
            | Self::Route53(_)
            | Self::Lambda(_)
            | Self::ApiGateway(_) => self.traits().scale,
        }
    }

    /// The metrics by which its sides are told apart; `None` where nobody counts each side's requests.
    pub const fn published(&self) -> Option<&'static Published> {
        self.traits().published
    }

    /// What a person calls it who speaks of no route; several rules have no one name.
    pub(super) fn called(&self) -> Option<String> {
        match self {
            Self::Alb(_) | Self::Nlb(_) => None,
            Self::Route53(records) => Some(records.name.clone()),
            Self::Lambda(alias) => Some(alias.to_string()),
            Self::ApiGateway(stage) => Some(stage.to_string()),
            Self::EventSource(source) => Some(source.to_string()),
        }
    }
}
