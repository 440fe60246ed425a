//! Where the simulated account's traffic is split: what differs there between the kinds of routes, in one file, so that
//! rules, ports and landscapes need not ask which kind a place is.

use std::time::Duration;

use super::{home::Home, standing::Standing};
use crate::{
    cloud::Operation,
    plan::{
        Alias, BusTarget, Deployed, EventSource, Family, ListenerRule, Member, RecordSet, Redrive,
        RouteKind, Sides, Stage, units::Scale,
    },
    rollout::RouteService,
};

/// How long simulated resolvers keep an answer.
pub(super) const RECORD_TTL: Duration = Duration::from_mins(1);

/// How a plan names the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Rule(ListenerRule),
    Records(RecordSet),
    Alias(Alias),
    Stage(Stage),
    Target(BusTarget),
    Mappings(EventSource),
}

/// What the simulation has to know of a place.
pub(super) struct PlaceTraits {
    pub(super) service: RouteService,
    pub(super) scale: Scale,
    /// How long traffic goes on as before after a change; `None` where a scenario says it.
    pub(super) propagation: Option<Duration>,
    /// Whether what it leads to is run by the service itself, and ready whether or not anything leads there.
    pub(super) runs_itself: bool,
}

impl Place {
    pub(super) const fn traits(&self) -> PlaceTraits {
        match self {
            Self::Rule(_) => PlaceTraits {
                service: RouteService::ElasticLoadBalancing,
                scale: Scale::LoadBalancer,
                propagation: None,
                runs_itself: false,
            },
            Self::Records(_) => PlaceTraits {
                service: RouteService::Route53,
                scale: Scale::Dns,
                propagation: Some(RECORD_TTL),
                runs_itself: false,
            },
            Self::Alias(_) => PlaceTraits {
                service: RouteService::Lambda,
                scale: Scale::Hundredths,
                propagation: None,
                runs_itself: true,
            },
            Self::Stage(_) => PlaceTraits {
                service: RouteService::ApiGateway,
                scale: Scale::Hundredths,
                propagation: None,
                runs_itself: true,
            },
            Self::Target(_) => PlaceTraits {
                service: RouteService::EventBridge,
                scale: Scale::Whole,
                propagation: None,
                runs_itself: true,
            },
            Self::Mappings(at) => PlaceTraits {
                service: RouteService::EventSource,
                scale: at.scale(),
                propagation: None,
                runs_itself: true,
            },
        }
    }

    /// What it is called, in words.
    pub(super) fn words(&self, resource: &str) -> String {
        match self {
            Self::Rule(_) => format!("the rule {resource}"),
            Self::Records(at) => format!("the {} record {}", at.kind, at.name),
            Self::Alias(at) => format!("the alias {at}"),
            Self::Stage(at) => format!("the stage {at}"),
            Self::Target(at) => format!("the target {at}"),
            Self::Mappings(at) => at.to_string(),
        }
    }
}

/// What AWS calls reading what stands at a place, whether or not anything does.
pub(super) fn reading(resource: &str) -> Operation {
    if is_rule(resource) {
        Operation::DescribeRules
    } else if resource.contains(":event-source-mapping:") {
        Operation::GetEventSourceMapping
    } else if resource.contains(":function:") {
        Operation::GetAlias
    } else if resource.contains(":apigateway:") {
        Operation::GetStage
    } else if resource.contains(":events:") {
        Operation::ListTargetsByRule
    } else if resource.starts_with("hostedzone/") {
        Operation::ListResourceRecordSets
    } else {
        Operation::DescribeListeners
    }
}

/// What AWS calls a change of it.
pub(super) fn setting(place: &Place, resource: &str) -> Operation {
    match place {
        Place::Rule(_) if !is_rule(resource) => Operation::ModifyListener,
        _ => place.traits().service.traits().setting,
    }
}

fn is_rule(resource: &str) -> bool {
    resource.contains(":listener-rule/")
}

/// All places of a route, by what AWS calls them.
pub(super) fn places_of(home: &Home, kind: &RouteKind, sides: &Sides) -> Vec<(String, Place)> {
    let on = |family, rules: &[ListenerRule]| {
        let place = |rule: &ListenerRule| (home.rule_arn(family, rule), Place::Rule(rule.clone()));
        rules.iter().map(place).collect()
    };
    match kind {
        RouteKind::Alb(rules) => on(Family::Application, rules),
        RouteKind::Nlb(listeners) => on(Family::Network, listeners),
        RouteKind::Route53(at) => vec![(Home::records(at), Place::Records(at.clone()))],
        RouteKind::Lambda(at) => vec![(home.alias_arn(at), Place::Alias(at.clone()))],
        RouteKind::ApiGateway(at) => vec![(home.stage(at), Place::Stage(at.clone()))],
        RouteKind::EventBus(at) => vec![(home.target(at), Place::Target(at.clone()))],
        RouteKind::EventSource(at) => {
            let resource = home.mappings(at, sides.candidate());
            vec![(resource, Place::Mappings(at.clone()))]
        }
    }
}

/// What stands behind a route when the world begins.
pub(super) fn behind(kind: &RouteKind, sides: &Sides) -> Standing {
    match kind {
        RouteKind::ApiGateway(at) => deployed(at, sides),
        RouteKind::EventBus(_) => taking(sides),
        RouteKind::Alb(_)
        | RouteKind::Nlb(_)
        | RouteKind::Route53(_)
        | RouteKind::Lambda(_)
        | RouteKind::EventSource(_) => Standing::of(sides),
    }
}

/// The stage serves some deployment or the one that the plan names, and each variable that its canary is to override has
/// another value there.
fn deployed(at: &Stage, sides: &Sides) -> Standing {
    // One that is to be made gets its name from AWS.
    let candidate = sides.candidate().map_or("d2", Member::as_str);
    let stable = match (sides.stable(), sides.candidate()) {
        (Some(stable), _) => stable.to_string(),
        (None, Some(candidate)) => format!("{candidate}before"),
        (None, None) => "d1".to_owned(),
    };
    let variables = at.overrides.keys().map(|name| (name.clone(), "before".to_owned()));
    let stable = Deployed::new(&stable, variables.collect());
    let candidate = stable.overridden(candidate, &at.overrides);
    Standing { stable: stable.member(), candidate: candidate.member() }
}

/// What takes a target's events before is told by the plan, or called like the candidate.
fn taking(sides: &Sides) -> Standing {
    let candidate = sides.candidate().map_or("", |candidate| candidate.as_str());
    let before = || Member::new(format!("{candidate}-before"));
    let stable = sides.stable().cloned().unwrap_or_else(before);
    Standing { stable, candidate: Member::new(candidate) }
}

/// Where somebody else's rule or record stands: beside a route's own, on the same load balancer or in the same zone.
pub(super) fn other_place(kind: &RouteKind, beside: &str, number: usize) -> (String, Place) {
    match kind {
        RouteKind::Alb(_) | RouteKind::Nlb(_) => {
            let listener = beside.replacen(":listener/", ":listener-rule/", 1);
            let resource = format!("{listener}/other-{number}");
            (resource.clone(), Place::Rule(ListenerRule::Rule(resource)))
        }
        RouteKind::Route53(at) => {
            let other = RecordSet { name: format!("other-{number}.{}", at.name), ..at.clone() };
            (Home::records(&other), Place::Records(other))
        }
        RouteKind::Lambda(at) => {
            let other = Alias { name: format!("other-{number}"), ..at.clone() };
            let (start, _) = beside.rsplit_once(':').unwrap_or((beside, ""));
            (format!("{start}:{}", other.name), Place::Alias(other))
        }
        RouteKind::ApiGateway(at) => {
            let other = Stage { name: format!("other-{number}"), ..at.clone() };
            let (start, _) = beside.rsplit_once('/').unwrap_or((beside, ""));
            (format!("{start}/{}", other.name), Place::Stage(other))
        }
        RouteKind::EventBus(at) => {
            let other = BusTarget { id: format!("other-{number}"), ..at.clone() };
            let (start, _) = beside.rsplit_once('#').unwrap_or((beside, ""));
            (format!("{start}#{}", other.id), Place::Target(other))
        }
        RouteKind::EventSource(_) => {
            let other = EventSource::HandOver {
                mapping: format!("other-{number}"),
                drain: None,
                redrive: Redrive::Hold,
            };
            let (start, _) = beside.rsplit_once(':').unwrap_or((beside, ""));
            (format!("{start}:other-{number}"), Place::Mappings(other))
        }
    }
}
