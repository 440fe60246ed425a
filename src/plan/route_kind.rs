//! Routes of a checked plan and their kinds, and what differs between them, in one table. Checks, lints and the simulated cloud ask here, so that a new
//! kind is a row and not a visit to each of them. What a kind is called for in AWS is the table in `cloud/routes.rs`.

use std::time::Duration;

use super::{
    names::Member,
    place::Place,
    published::{OF_TARGET_GROUPS, OF_VERSIONS, Published},
    route::{Alias, BusTarget, EventSource, ListenerRule, RecordSet, Sides, Stage},
    units::Scale,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub kind: RouteKind,
    /// Target group names (or ARNs), or the set identifiers of records.
    pub sides: Sides,
    /// A third target group, of fresh instances with the stable side's software, which a candidate can be compared with:
    /// it gets as much traffic as the candidate.
    pub baseline: Option<Member>,
    /// How long after a weight was read back old connections may still end up on the other side: load balancer nodes
    /// apply a change some time after the API has answered. A fleet is not shrunk earlier.
    pub settle: Duration,
    /// How many of a function's published versions are left when a run has been promoted, beside those that are in use.
    /// Without it all are.
    pub keep: Option<u32>,
    pub place: Place,
}

/// What splits the traffic. The places of one route are moved together; there is always at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Rules or default actions of Application Load Balancers.
    Alb(Vec<ListenerRule>),
    /// Listeners of Network Load Balancers, which have no rules.
    Nlb(Vec<ListenerRule>),
    /// Weighted records in a hosted zone.
    Route53(RecordSet),
    /// The alias of a function, between two of its published versions.
    Lambda(Alias),
    /// The stage of a REST API, between what it serves and its canary.
    ApiGateway(Stage),
    /// A target of a rule of an event bus, which is one of two.
    EventBus(BusTarget),
    /// What a queue or a stream has, between two functions that read it by event source mappings.
    EventSource(EventSource),
}

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
    /// What it keeps that steps of their own work on.
    pub(super) keeps: Keeps,
}

/// What a kind of route keeps that was there before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    Nothing,
    /// The published versions of a function, which a `prune` deletes and a fleet keeps ready.
    Versions,
    /// The events that its bus archives, which a `replay` sends again.
    Events,
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
    keeps: Keeps::Nothing,
};

const NLB: RouteTraits = RouteTraits {
    scale: Scale::LoadBalancer,
    published: None,
    split_by: "a Network Load Balancer",
    untestable: "is split by a Network Load Balancer",
    behind: Behind::Registered,
    keeps: Keeps::Nothing,
};

const ROUTE53: RouteTraits = RouteTraits {
    scale: Scale::Dns,
    published: None,
    split_by: "records of Route 53",
    untestable: "is split by DNS",
    behind: Behind::Anywhere,
    keeps: Keeps::Nothing,
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
    keeps: Keeps::Versions,
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
    keeps: Keeps::Nothing,
};

/// EventBridge counts what a rule matches, and not what each of its targets makes of it.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>
const EVENT_BUS: RouteTraits = RouteTraits {
    scale: Scale::Whole,
    published: None,
    split_by: "a rule of EventBridge, which counts its events and not those of each target",
    untestable: "is a target of a rule of EventBridge",
    behind: Behind::Itself {
        lacks: "receives no events of a bus",
        is: "a target of a rule",
        help: "remove `behind`; whatever takes the events runs by itself",
    },
    keeps: Keeps::Events,
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
    keeps: Keeps::Nothing,
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
            Self::EventBus(_) => &EVENT_BUS,
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
            | Self::ApiGateway(_)
            | Self::EventBus(_) => self.traits().scale,
        }
    }

    /// The metrics by which its sides are told apart; `None` where nobody counts each side's requests.
    pub const fn published(&self) -> Option<&'static Published> {
        self.traits().published
    }

    /// Why a kind that is handed over as a whole is, and what to write instead of a part.
    pub(super) const fn whole(&self) -> (&'static str, &'static str) {
        match self {
            Self::EventBus(_) => (
                "a target of a rule takes all of its events, or none",
                "write 0% or 100%; to let a candidate handle a part of the events, split the alias of a function that handles \
                 them, by a `lambda` route",
            ),
            Self::Alb(_)
            | Self::Nlb(_)
            | Self::Route53(_)
            | Self::Lambda(_)
            | Self::ApiGateway(_)
            | Self::EventSource(_) => (
                "one event source mapping leads to one function",
                "write 0% or 100%; to split batches, let the mapping lead to an alias and move that by a `lambda` route, or \
                 write two mappings of one queue and their `concurrency`",
            ),
        }
    }

    /// What a person calls it who speaks of no route; several rules have no one name.
    pub(super) fn called(&self) -> Option<String> {
        match self {
            Self::Alb(_) | Self::Nlb(_) => None,
            Self::Route53(records) => Some(records.name.clone()),
            Self::Lambda(alias) => Some(alias.to_string()),
            Self::ApiGateway(stage) => Some(stage.to_string()),
            Self::EventBus(target) => Some(target.to_string()),
            Self::EventSource(source) => Some(source.to_string()),
        }
    }
}

impl Route {
    /// Whether a gate can invoke its candidate.
    pub(super) fn is_invoked(&self) -> bool {
        let is_function =
            |side: &Member| side.as_str().split(':').nth(2).is_some_and(|it| it == "lambda");
        match &self.kind {
            RouteKind::Lambda(_) => true,
            RouteKind::EventBus(_) => self.sides.candidate().is_some_and(is_function),
            RouteKind::Alb(_)
            | RouteKind::Nlb(_)
            | RouteKind::Route53(_)
            | RouteKind::ApiGateway(_)
            | RouteKind::EventSource(_) => false,
        }
    }

    /// Whether both would set the same weights. A name means something else in another account or region; an ARN does
    /// not, and zones are of no region.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let here = self.place == other.place;
        let account = |place: &Place| (place.account.clone(), place.role.clone());
        match (&self.kind, &other.kind) {
            (RouteKind::Alb(one), RouteKind::Alb(other))
            | (RouteKind::Nlb(one), RouteKind::Nlb(other)) => one.iter().any(|rule| {
                let is_known = here || !matches!(rule, ListenerRule::Named { .. });
                is_known && other.contains(rule)
            }),
            (RouteKind::Route53(records), RouteKind::Route53(others)) => {
                records == others && account(&self.place) == account(&other.place)
            }
            (RouteKind::Lambda(one), RouteKind::Lambda(other)) => here && one == other,
            (RouteKind::ApiGateway(one), RouteKind::ApiGateway(other)) => {
                here && (&one.api, &one.name) == (&other.api, &other.name)
            }
            (RouteKind::EventBus(one), RouteKind::EventBus(other)) => here && one == other,
            (RouteKind::EventSource(one), RouteKind::EventSource(other)) => {
                here && one.mappings().iter().any(|uuid| other.mappings().contains(uuid))
            }
            (
                RouteKind::Alb(_)
                | RouteKind::Nlb(_)
                | RouteKind::Route53(_)
                | RouteKind::Lambda(_)
                | RouteKind::ApiGateway(_)
                | RouteKind::EventBus(_)
                | RouteKind::EventSource(_),
                _,
            ) => false,
        }
    }
}
