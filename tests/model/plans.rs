//! Small plans that still have every feature the core decides about.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tidegate::plan::{
    AlarmsGate, Alias, AlreadyInAlarm, Approvers, BusTarget, Component, ComponentName, EventSource,
    Extent, FailureScope, Fleet, FleetKind, FleetName, Gate, GateKind, GateName, Header, How,
    InsufficientData, Leftovers, ListenerRule, Matching, Member, MissingAlarm, OnFailure,
    OnInterrupt, Others, PastMoment, Patience, Place, Plan, PlanName, Protected, RecordSet,
    RecordType, Redrive, Refresh, Replace, Replay, Route, RouteKind, RouteName, Side, Sides, Size,
    Standby, Step, StepId, Tolerance, Until, Verb,
    units::{Percent, Weight},
};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn percent(n: u16) -> Percent {
    Percent::from_basis_points(n * 100).unwrap()
}

fn sides(name: &str) -> Sides {
    Sides::Fixed {
        stable: Member::new(format!("{name}-blue")),
        candidate: Member::new(format!("{name}-green")),
    }
}

fn route(name: &str) -> (RouteName, Route) {
    let kind = RouteKind::Alb(vec![ListenerRule::Rule(format!("rule/{name}"))]);
    (
        RouteName::new(name),
        Route {
            kind,
            sides: sides(name),
            baseline: None,
            keep: None,
            settle: seconds(3),
            place: Place::default(),
        },
    )
}

fn fleet(name: &str, behind: &str) -> (FleetName, Fleet) {
    let behind = Some(RouteName::new(behind));
    (
        FleetName::new(name),
        Fleet {
            kind: FleetKind::AutoScaling,
            sides: sides(name),
            behind,
            leftovers: Leftovers::Refuse,
            place: Place::default(),
        },
    )
}

fn gate(name: &str) -> (GateName, Gate) {
    let kind = GateKind::Alarms(AlarmsGate {
        names: vec![name.to_owned()],
        missing: MissingAlarm::Fail,
        insufficient_data: InsufficientData::Wait,
        already: AlreadyInAlarm::Refuse,
        listen: None,
    });
    (
        GateName::new(name),
        Gate { kind, every: seconds(10), tolerance: Tolerance::default(), place: Place::default() },
    )
}

fn component(name: &str, needs: &[&str], verbs: Vec<Verb>) -> Component {
    let name = ComponentName::new(name);
    let steps = verbs.into_iter().enumerate().map(|(i, verb)| Step {
        id: StepId::of(&name, i + 1, verb.name()),
        timeout: match verb {
            Verb::Approve { .. } | Verb::Pause { .. } => None,
            _ => Some(seconds(600)),
        },
        verb,
    });
    Component {
        steps: steps.collect(),
        needs: needs.iter().map(|n| ComponentName::new(*n)).collect(),
        name,
    }
}

fn plan(names: &[&str], gates: &[&str], components: Vec<Component>) -> Plan {
    Plan {
        name: PlanName::new("model"),
        digest: String::new(),
        aws: Place::default(),
        routes: names.iter().map(|n| route(n)).collect(),
        fleets: names.iter().map(|n| fleet(n, n)).collect(),
        gates: gates.iter().map(|n| gate(n)).collect::<BTreeMap<_, _>>(),
        components: components.into(),
        on_failure: OnFailure::RollBack,
        failure_scope: FailureScope::default(),
        others: Others::default(),
        on_interrupt: OnInterrupt::Hold,
        max_parallel: None,
        locks: BTreeSet::new(),
        roll_back_for: seconds(3600),
    }
}

fn scale(fleet: &str, side: Side, to: Size) -> Verb {
    Verb::Scale { fleet: FleetName::new(fleet), side, to }
}

fn shift(route: &str, to: u16, bake: u64, gates: &[&str]) -> Verb {
    Verb::Shift {
        route: RouteName::new(route),
        candidate: percent(to),
        bake: seconds(bake),
        gates: gates.iter().map(|n| GateName::new(*n)).collect(),
        min_requests: (to == 5).then_some(100),
    }
}

fn healthy(route: &str) -> Verb {
    let until = Until::Healthy {
        route: RouteName::new(route),
        side: Side::Candidate,
        at_least: Percent::HUNDRED,
    };
    Verb::Wait { until }
}

pub(crate) fn canary() -> Plan {
    let steps = vec![
        scale("web", Side::Candidate, Size::SameAs(Side::Stable)),
        healthy("web"),
        shift("web", 5, 60, &["errors"]),
        shift("web", 100, 60, &["errors"]),
        scale("web", Side::Stable, Size::Instances(0)),
    ];
    plan(&["web"], &["errors"], vec![component("main", &[], steps)])
}

/// All traffic at once, and the old side away.
pub(crate) fn switch() -> Plan {
    let steps = vec![
        scale("web", Side::Candidate, Size::Instances(2)),
        shift("web", 100, 60, &["errors"]),
        scale("web", Side::Stable, Size::Instances(0)),
    ];
    plan(&["web"], &["errors"], vec![component("main", &[], steps)])
}

/// A canary whose traffic a baseline accompanies.
pub(crate) fn paired() -> Plan {
    let steps = vec![
        scale("web", Side::Candidate, Size::SameAs(Side::Stable)),
        shift("web", 5, 60, &["errors"]),
        shift("web", 50, 60, &["errors"]),
        shift("web", 100, 60, &["errors"]),
    ];
    let mut plan = plan(&["web"], &["errors"], vec![component("main", &[], steps)]);
    for route in plan.routes.values_mut() {
        route.baseline = Some(Member::new("web-fresh"));
    }
    plan
}

/// One failure is tolerated, and five minutes of not knowing.
pub(crate) fn tolerant() -> Plan {
    let steps = vec![
        scale("web", Side::Candidate, Size::Instances(2)),
        shift("web", 5, 60, &["errors"]),
        shift("web", 100, 60, &["errors"]),
    ];
    let mut plan = plan(&["web"], &["errors"], vec![component("main", &[], steps)]);
    let unknown = Some(Patience { lasts: seconds(300), then: OnFailure::Hold });
    let tolerance = Tolerance { consecutive: 1, total: 1, unknown };
    for gate in plan.gates.values_mut() {
        gate.tolerance = tolerance;
    }
    plan
}

/// A plan the language would refuse: it takes the stable side away while that serves.
pub(crate) fn shrinks_too_early() -> Plan {
    let steps = vec![
        scale("web", Side::Candidate, Size::SameAs(Side::Stable)),
        shift("web", 5, 0, &[]),
        scale("web", Side::Stable, Size::Instances(0)),
    ];
    plan(&["web"], &[], vec![component("main", &[], steps)])
}

fn refresh(extent: Extent) -> Verb {
    Verb::Replace(Replace {
        fleet: FleetName::new("app"),
        how: How::Refresh(Refresh {
            version: 2,
            min_healthy: Percent::HUNDRED,
            surge: Percent::ZERO,
            warm_up: None,
            standby: Standby::Wait,
            scale_in_protected: Protected::Wait,
            matching: Matching::Skip,
        }),
        extent,
        bake: seconds(30),
        gates: vec![GateName::new("errors")],
    })
}

/// One group, replaced in two stretches with a person in between.
pub(crate) fn rolling(on_failure: OnFailure) -> Plan {
    let steps = vec![
        refresh(Extent::UpTo(percent(50))),
        Verb::Approve {
            message: "go on".into(),
            expires: None,
            on_expiry: OnFailure::Hold,
            approvers: Approvers::default(),
        },
        refresh(Extent::Whole),
    ];
    let mut plan = plan(&[], &["errors"], vec![component("main", &[], steps)]);
    let sides = Sides::Single(Member::new("app"));
    let fleet = Fleet {
        kind: FleetKind::AutoScaling,
        sides,
        behind: None,
        leftovers: Leftovers::Refuse,
        place: Place::default(),
    };
    plan.fleets.insert(FleetName::new("app"), fleet);
    plan.on_failure = on_failure;
    plan
}

pub(crate) fn two_tiers() -> Plan {
    let tier = |name: &str, gate: &str| {
        vec![scale(name, Side::Candidate, Size::Instances(2)), shift(name, 100, 30, &[gate])]
    };
    let components = vec![
        component("store", &[], tier("store", "store-errors")),
        component("web", &["store"], tier("web", "web-errors")),
    ];
    plan(&["store", "web"], &["store-errors", "web-errors"], components)
}

/// Three components: `b` needs `a`, and `c` nobody. One of them moves the alias of a function and has a gate; the others scale
/// fleets that stand behind nothing, which is little to go through.
pub(crate) fn three(guarded: &str, failure_scope: FailureScope, others: Others) -> Plan {
    let work = |name: &str| {
        if name == guarded {
            vec![shift(name, 100, 0, &[name])]
        } else {
            vec![scale(name, Side::Candidate, Size::Instances(2))]
        }
    };
    let components = vec![
        component("a", &[], work("a")),
        component("b", &["a"], work("b")),
        component("c", &[], work("c")),
    ];
    let mut plan = plan(&["a", "b", "c"], &[guarded], components);
    plan.routes.retain(|name, _| name.as_str() == guarded);
    plan.fleets.retain(|name, _| name.as_str() != guarded);
    for (name, route) in &mut plan.routes {
        let (function, name) = (name.to_string(), "live".to_owned());
        route.kind = RouteKind::Lambda(Alias { function, name });
    }
    for fleet in plan.fleets.values_mut() {
        fleet.behind = None;
    }
    Plan { failure_scope, others, ..plan }
}

/// A route of two rules, which are written one after the other.
pub(crate) fn two_rules() -> Plan {
    let steps = vec![
        scale("web", Side::Candidate, Size::Instances(2)),
        shift("web", 10, 30, &["errors"]),
        shift("web", 100, 0, &[]),
        scale("web", Side::Stable, Size::Instances(0)),
    ];
    let mut plan = plan(&["web"], &["errors"], vec![component("main", &[], steps)]);
    let rules = ["web", "web-2"].map(|name| ListenerRule::Rule(format!("rule/{name}")));
    for route in plan.routes.values_mut() {
        route.kind = RouteKind::Alb(rules.to_vec());
    }
    plan
}

/// The same, held instead of rolled back when something fails.
pub(crate) fn two_rules_held() -> Plan {
    Plan { on_failure: OnFailure::Hold, ..two_rules() }
}

/// A route by DNS, whose clients follow its weights only after a while.
pub(crate) fn by_dns() -> Plan {
    let mut plan = two_rules();
    for route in plan.routes.values_mut() {
        route.kind = RouteKind::Route53(RecordSet {
            zone: "example.com".to_owned(),
            name: "web.example.com".to_owned(),
            kind: RecordType::A,
        });
    }
    plan
}

/// The alias of a function, which names no version that gets nothing; old versions are deleted in the end.
pub(crate) fn by_alias() -> Plan {
    let steps = vec![
        shift("web", 10, 30, &["errors"]),
        shift("web", 50, 30, &["errors"]),
        shift("web", 100, 0, &[]),
        Verb::Prune { route: RouteName::new("web"), keep: 2 },
    ];
    let mut plan = plan(&["web"], &["errors"], vec![component("main", &[], steps)]);
    plan.fleets.clear();
    for route in plan.routes.values_mut() {
        let (function, name) = ("checkout".to_owned(), "live".to_owned());
        route.kind = RouteKind::Lambda(Alias { function, name });
    }
    plan
}

/// A mapping that is handed from one function to another: nobody reads in between.
pub(crate) fn handed_over() -> Plan {
    let source = EventSource::HandOver {
        mapping: "mapping".to_owned(),
        drain: None,
        redrive: Redrive::Hold,
    };
    let shifts = vec![shift("web", 100, 30, &["errors"])];
    by_mappings(&source, shifts)
}

/// Two mappings that share a queue, changed one after the other.
pub(crate) fn side_by_side() -> Plan {
    let (stable, candidate) = ("web-blue".to_owned(), "web-green".to_owned());
    let concurrency = Weight::new(20).unwrap();
    let source = EventSource::SideBySide { stable, candidate, concurrency, redrive: Redrive::Hold };
    let shifts = vec![
        shift("web", 10, 30, &["errors"]),
        shift("web", 50, 30, &["errors"]),
        shift("web", 100, 0, &[]),
    ];
    by_mappings(&source, shifts)
}

fn by_mappings(source: &EventSource, shifts: Vec<Verb>) -> Plan {
    let mut plan = plan(&["web"], &["errors"], vec![component("main", &[], shifts)]);
    plan.fleets.clear();
    for route in plan.routes.values_mut() {
        route.kind = RouteKind::EventSource(source.clone());
    }
    plan
}

/// The same as `by_alias`, whose new version a step publishes.
pub(crate) fn publishing() -> Plan {
    let mut plan = by_alias();
    let publish = Verb::Publish { route: RouteName::new("web"), code: None };
    let shifts = plan.components.edit().remove(0).steps.into_iter().map(|step| step.verb);
    plan.components =
        vec![component("main", &[], std::iter::once(publish).chain(shifts).collect())].into();
    for route in plan.routes.values_mut() {
        route.sides = Sides::Made { stable: None };
    }
    plan
}

/// A version that a step publishes, of which executions are kept ready before it gets traffic.
pub(crate) fn warmed() -> Plan {
    let mut plan = publishing();
    let [publish, shifts @ .., prune] = &plan.components[0].steps[..] else { unreachable!() };
    let shifts = shifts.iter().map(|step| step.verb.clone());
    let first = [publish.verb.clone(), scale("web", Side::Candidate, Size::SameAs(Side::Stable))];
    let last = [scale("web", Side::Stable, Size::Instances(0)), prune.verb.clone()];
    let steps = first.into_iter().chain(shifts).chain(last).collect();
    plan.components = vec![component("main", &[], steps)].into();
    let (name, mut fleet) = fleet("web", "web");
    (fleet.kind, fleet.sides) = (FleetKind::Lambda, Sides::Made { stable: None });
    plan.fleets.insert(name, fleet);
    plan
}

/// A target of a rule, to whose candidate past events are replayed before it gets all of them.
pub(crate) fn replaying() -> Plan {
    let replay = Verb::Replay(Replay {
        route: RouteName::new("web"),
        archive: "shop".to_owned(),
        rule: "rehearsal".to_owned(),
        from: PastMoment::Ago(seconds(1800)),
        to: PastMoment::NOW,
    });
    let steps = vec![replay, shift("web", 100, 30, &["errors"])];
    let mut plan = plan(&["web"], &["errors"], vec![component("main", &[], steps)]);
    plan.fleets.clear();
    for route in plan.routes.values_mut() {
        let (bus, rule, id) = ("shop".to_owned(), "orders".to_owned(), "handler".to_owned());
        route.kind = RouteKind::EventBus(BusTarget { bus, rule, id });
    }
    plan
}

pub(crate) fn approval_and_hold() -> Plan {
    let steps = vec![
        scale("web", Side::Candidate, Size::Instances(2)),
        shift("web", 10, 30, &["errors"]),
        Verb::Approve {
            message: "go on".to_owned(),
            expires: Some(seconds(3600)),
            on_expiry: OnFailure::RollBack,
            approvers: Approvers { from: Vec::new(), quorum: 2 },
        },
        Verb::Pause { duration: None },
        shift("web", 100, 0, &[]),
    ];
    let mut plan = plan(&["web"], &["errors"], vec![component("main", &[], steps)]);
    plan.on_failure = OnFailure::Hold;
    plan
}

/// The candidate is tried through a route of its own before users come to it.
pub(crate) fn tested() -> Plan {
    let test = |header| Verb::TestRoute { route: RouteName::new("web"), header };
    let header = Header { name: "x-canary".to_owned(), value: "1".to_owned() };
    let steps = vec![
        scale("web", Side::Candidate, Size::Instances(2)),
        test(Some(header)),
        Verb::Probe { gate: GateName::new("errors") },
        test(None),
        shift("web", 100, 30, &["errors"]),
    ];
    plan(&["web"], &["errors"], vec![component("main", &[], steps)])
}
