//! A plan to test with: a canary on a rule with a fleet behind it and one alarm.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    plan::{
        AlarmsGate, AlreadyInAlarm, Baseline, CompareGate, Comparison, Component, ComponentName,
        FailureScope, Fleet, FleetKind, FleetName, Gate, GateKind, GateName, InsufficientData,
        Leftovers, ListenerRule, Member, MissingAlarm, OnFailure, OnInterrupt, Others, Place, Plan,
        PlanName, Route, RouteKind, RouteName, Side, Sides, Size, Step, StepId, Tolerance, Until,
        Verb, units::Percent,
    },
    rollout::{FleetBound, Nature, RouteBound, RouteService},
};

/// The ARN of the sample plan's rule.
pub const SAMPLE_RULE: &str = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:listener-rule/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";

/// What a route of a load balancer stands for, wherever a run acts.
pub fn rule_bound(resource: &str, stable: &str, candidate: &str) -> RouteBound {
    RouteBound {
        service: RouteService::ElasticLoadBalancing,
        place: Place::default(),
        resource: resource.to_owned(),
        others: Vec::new(),
        stable: Member::new(stable),
        candidate: Some(Member::new(candidate)),
        baseline: None,
        variables: BTreeMap::new(),
        nature: Nature::LOAD_BALANCER,
    }
}

/// What a fleet of two Auto Scaling groups stands for.
pub fn groups_bound(stable: &str, candidate: &str) -> FleetBound {
    FleetBound {
        service: FleetKind::AutoScaling,
        place: Place::default(),
        stable: Member::new(stable),
        candidate: Some(Member::new(candidate)),
        alias: None,
        versions: BTreeMap::new(),
    }
}

/// The usual comparison on the sample plan's route.
pub fn sample_compare() -> CompareGate {
    CompareGate {
        route: RouteName::new("web"),
        baseline: Baseline::Stable,
        errors: Comparison::USUAL,
        latency: None,
        alpha: Percent::from_basis_points(500).unwrap_or(Percent::ZERO),
        settle: Duration::from_mins(2),
        warmup: Duration::from_mins(2),
        min_canary_requests: 200,
        deadline: Duration::from_hours(1),
        artifact: None,
    }
}

/// Scale, wait for health, shift to 5 % and to 100 % with bakes of five minutes. Route `web` with the target groups
/// `blue` and `green`, fleet `app` with the groups `app-blue` and `app-green`, gate `errors` with the alarm
/// `checkout-5xx`.
pub fn sample_plan() -> Plan {
    let (route, fleet, gate) =
        (RouteName::new("web"), FleetName::new("app"), GateName::new("errors"));
    let pair = |first, second| Sides::Pair([Member::new(first), Member::new(second)]);
    let shift = |basis_points| Verb::Shift {
        route: route.clone(),
        candidate: Percent::from_basis_points(basis_points).unwrap_or(Percent::ZERO),
        bake: Duration::from_mins(5),
        gates: vec![gate.clone()],
        min_requests: None,
    };
    let verbs = vec![
        Verb::Scale { fleet: fleet.clone(), side: Side::Candidate, to: Size::SameAs(Side::Stable) },
        Verb::Wait {
            until: Until::Healthy {
                route: route.clone(),
                side: Side::Candidate,
                at_least: Percent::HUNDRED,
            },
        },
        shift(500),
        shift(10_000),
    ];
    let component = ComponentName::new("main");
    let steps = verbs.into_iter().enumerate().map(|(ordinal, verb)| Step {
        id: StepId::of(&component, ordinal + 1, verb.name()),
        verb,
        timeout: Some(Duration::from_mins(10)),
    });
    let aws = Place { region: Some("eu-west-1".into()), ..Place::default() };
    Plan {
        name: PlanName::new("sample"),
        digest: "0".repeat(64),
        aws: aws.clone(),
        routes: BTreeMap::from([(
            route.clone(),
            Route {
                kind: RouteKind::Alb(vec![ListenerRule::Rule(SAMPLE_RULE.into())]),
                sides: pair("blue", "green"),
                baseline: None,
                keep: None,
                settle: Duration::from_secs(15),
                place: aws.clone(),
            },
        )]),
        fleets: BTreeMap::from([(
            fleet.clone(),
            Fleet {
                kind: FleetKind::AutoScaling,
                sides: pair("app-blue", "app-green"),
                behind: Some(route.clone()),
                leftovers: Leftovers::Refuse,
                place: aws.clone(),
            },
        )]),
        gates: BTreeMap::from([(
            gate.clone(),
            Gate {
                kind: GateKind::Alarms(AlarmsGate {
                    names: vec!["checkout-5xx".into()],
                    missing: MissingAlarm::Fail,
                    insufficient_data: InsufficientData::Wait,
                    already: AlreadyInAlarm::Refuse,
                    listen: None,
                }),
                every: Duration::from_secs(15),
                tolerance: Tolerance::default(),
                place: aws.clone(),
            },
        )]),
        components: vec![Component {
            name: component.clone(),
            needs: Vec::new(),
            steps: steps.collect(),
        }]
        .into(),
        on_failure: OnFailure::RollBack,
        failure_scope: FailureScope::default(),
        others: Others::default(),
        locks: BTreeSet::new(),
        max_parallel: None,
        roll_back_for: Duration::from_hours(1),
        on_interrupt: OnInterrupt::Hold,
    }
}
