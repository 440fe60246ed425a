//! Builds the landscape a plan names: its rules with all weight on stable, its fleets, and an alarm for every name in
//! a gate, so that a plan can be simulated without describing a cloud first.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    alarm::{AlarmSetting, SimulatedAlarm},
    alarm_script::AlarmScript,
    forward_rule::SimulatedRule,
    home::{Home, load_balancer},
    installation::{Kind, SimulatedInstallation},
    invocation_script::rehearsed,
    landscape::{GatedRise, Landscape},
    meter::Meter,
    release::Release,
    route_place::{behind, places_of},
    scaling_group::{Pace, SimulatedGroup},
    scenario::Scenario,
    scripted_fault::ScriptedFault,
    standing::Standing,
    target_group::SimulatedTargetGroup,
    traffic::Ledger,
};
use crate::{
    cloud::Forward,
    plan::{
        Aim, AlreadyInAlarm, Extent, Fleet, FleetKind, FleetName, GateKind, GateName, ListenerRule,
        Member, Plan, Route, RouteKind, RouteName, Side, Sides,
        units::{Percent, Weight},
    },
    rollout::{Capacity, Split, Timestamp},
};

const SIDES: [Side; 2] = [Side::Stable, Side::Candidate];

/// Targets of a group that no fleet of the plan stands behind: somebody else runs those.
const FOREIGN_TARGETS: u32 = 2;

/// The actions of a simulated rule, to which whoever sets weights adds them.
const FORWARDS: &str = r#"[{"Type":"forward","ForwardConfig":{}}]"#;

impl Landscape {
    pub(super) fn for_plan(plan: &Plan, scenario: &Scenario, start: Timestamp) -> Self {
        let mut landscape = Self {
            scenario: scenario.clone(),
            start,
            moved_to: start,
            routes: BTreeMap::new(),
            fleets: BTreeMap::new(),
            rules: BTreeMap::new(),
            others: Vec::new(),
            test_routes: BTreeSet::new(),
            marks: BTreeMap::new(),
            target_groups: BTreeMap::new(),
            groups: BTreeMap::new(),
            installations: BTreeMap::new(),
            releases: BTreeMap::new(),
            deleted_versions: BTreeSet::new(),
            replays: BTreeMap::new(),
            alarms: BTreeMap::new(),
            rehearsed: rehearsed(plan),
            heard: BTreeMap::new(),
            gated_rises: Vec::new(),
            resized_by_hand: BTreeSet::new(),
            drift: scenario.changes_from_outside(),
            faults: scenario.faults.iter().cloned().map(ScriptedFault::new).collect(),
            first_traffic: None,
            ledger: Ledger::starting(start),
            meter: Meter::default(),
            violations: Vec::new(),
            losing: BTreeSet::new(),
        };
        let home = Home::of(plan, scenario);
        for (name, route) in &plan.routes {
            landscape.add_route(&home, name, route);
        }
        for (name, fleet) in &plan.fleets {
            if let Sides::Single(member) = &fleet.sides {
                landscape.add_installation(&home, plan, (name, fleet), member);
                continue;
            }
            let sides = Standing::of(&fleet.sides);
            landscape.add_fleet(fleet, &sides);
            landscape.fleets.insert(name.clone(), sides);
        }
        landscape.add_foreign_targets(plan);
        landscape.add_others(&home, plan);
        landscape.add_alarms(plan);
        landscape.note_gated_rises(plan);
        landscape
    }

    fn add_route(&mut self, home: &Home, name: &RouteName, route: &Route) {
        let places = places_of(home, &route.kind, &route.sides);
        let sides = behind(&route.kind, &route.sides);
        let mut split = Split::default();
        if let Some(baseline) = &route.baseline {
            split.0.insert(baseline.clone(), Weight::ZERO);
            self.add_baseline(home, &route.kind, baseline);
        }
        for side in SIDES {
            let member = sides.member(side);
            if self.scenario.sides.of(side).attached {
                let weight = match side {
                    Side::Stable => route.kind.scale().largest(),
                    Side::Candidate => Weight::ZERO,
                };
                if weight != Weight::ZERO || route.kind.scale().names_idle() {
                    split.0.insert(member.clone(), weight);
                }
            }
            let mut group = SimulatedTargetGroup::new(
                home.target_group(&route.kind, member, self.scenario.deregistration_delay),
                side,
            );
            if !self.scenario.sides.of(side).checked {
                group.switch_checks_off();
            }
            self.target_groups.entry(member.clone()).or_insert(group);
        }
        let mut resources = Vec::new();
        for (resource, place) in places {
            let forward = Forward {
                resource: resource.clone(),
                load_balancer: load_balancer(&resource),
                split: split.clone(),
                sticky_for: self.scenario.stickiness,
                written: Some(FORWARDS.to_owned()),
                rule: None,
            };
            self.rules
                .entry(resource.clone())
                .or_insert_with(|| SimulatedRule::new(place, forward));
            if matches!(route.sides, Sides::Made { .. }) {
                let release = Release::unpublished(sides.candidate.clone());
                self.releases.insert(resource.clone(), release);
            }
            resources.push(resource);
        }
        self.routes.insert(name.clone(), (resources, sides));
    }

    /// A group that somebody has started with what serves today.
    fn add_baseline(&mut self, home: &Home, kind: &RouteKind, member: &Member) {
        let described = home.target_group(kind, member, self.scenario.deregistration_delay);
        let mut group = SimulatedTargetGroup::new(described, Side::Stable);
        for number in 0..FOREIGN_TARGETS {
            group.register_healthy(&format!("i-{number:017x}"));
        }
        self.target_groups.entry(member.clone()).or_insert(group);
    }

    fn add_fleet(&mut self, fleet: &Fleet, sides: &Standing) {
        let behind = fleet.behind.as_ref().and_then(|route| self.routes.get(route));
        let behind = behind.map(|(_, sides)| sides.clone());
        for side in SIDES {
            let script = self.scenario.sides.of(side);
            let leftovers = script.leftovers;
            let capacity = match (side, script.instances) {
                (Side::Stable, None) => Capacity { min: 2, max: 8, desired: 4 },
                (Side::Candidate, None) => Capacity { min: 0, max: 8, desired: leftovers },
                (_, Some(desired)) => Capacity { min: 0, max: desired.max(8), desired },
            };
            // The executions of a version that are kept ready are instances like any others.
            let capacity = match fleet.kind {
                FleetKind::AutoScaling | FleetKind::CodeDeploy => capacity,
                FleetKind::Lambda => Capacity::unbounded(capacity.desired),
            };
            let target_groups = match fleet.kind {
                FleetKind::AutoScaling | FleetKind::CodeDeploy => {
                    behind.iter().map(|route| route.member(side).clone()).collect()
                }
                // A version serves without them.
                FleetKind::Lambda => Vec::new(),
            };
            let pace = Pace {
                seed: self.scenario.seed,
                launch: self.scenario.launch_time,
                drain: self.scenario.deregistration_delay,
            };
            let suspended = self.scenario.sides.of(side).suspended.clone();
            let name = sides.member(side).clone();
            let mut group =
                SimulatedGroup::new(name.clone(), side, capacity, target_groups, suspended, pace);
            group.serve_already(leftovers, &mut self.target_groups);
            self.groups.entry(name).or_insert(group);
        }
    }

    /// A group whose software is replaced where it stands. Its mixture of versions is a rule between two target groups,
    /// so that traffic and alarms see it as they see everything else.
    fn add_installation(
        &mut self,
        home: &Home,
        plan: &Plan,
        (name, fleet): (&FleetName, &Fleet),
        member: &Member,
    ) {
        let stands_for = RouteName::new(format!("software of {name}"));
        let place = ListenerRule::Named {
            load_balancer: format!("installation-{name}"),
            port: 80,
            priority: None,
        };
        let [stable, candidate] =
            ["now", "next"].map(|version| Member::new(format!("{name}-{version}")));
        let route = Route {
            kind: RouteKind::Alb(vec![place]),
            sides: Sides::Fixed { stable, candidate },
            baseline: None,
            keep: None,
            settle: Duration::ZERO,
            place: fleet.place.clone(),
        };
        self.add_route(home, &stands_for, &route);
        let Some((resources, sides)) = self.routes.get(&stands_for).cloned() else { return };
        let Some(resource) = resources.into_iter().next() else { return };
        let stands = (resource, sides);
        let replaces =
            || plan.steps().filter_map(|(_, step)| step.replaces()).filter(|r| r.fleet == *name);
        let waits = replaces().any(|replace| replace.extent == Extent::Ready);
        let kind = if waits { Kind::BlueGreen } else { Kind::InPlace };
        let version = match fleet.kind {
            FleetKind::AutoScaling => "lt-0123456789abcdef0:1",
            FleetKind::CodeDeploy => "s3://releases/before.zip?type=zip",
            // It has two sides, and no software of its own.
            FleetKind::Lambda => return,
        };
        let script = self.scenario.replacement.clone();
        let mut installation = SimulatedInstallation::new(version, stands, kind, script);
        installation.suspended.clone_from(&self.scenario.sides.candidate.suspended);
        self.installations.insert(member.clone(), installation);
    }

    fn add_foreign_targets(&mut self, plan: &Plan) {
        for (name, (_, sides)) in &self.routes {
            let runs = |fleet: &FleetName| {
                plan.fleets.get(fleet).is_some_and(|fleet| fleet.kind != FleetKind::Lambda)
            };
            if plan.fleets_behind(name).any(runs) {
                continue;
            }
            for side in SIDES {
                let Some(group) = self.target_groups.get_mut(sides.member(side)) else { continue };
                for number in 0..FOREIGN_TARGETS {
                    group.register_healthy(&format!("i-{number:017x}"));
                }
            }
        }
    }

    fn add_alarms(&mut self, plan: &Plan) {
        let routes_by_gate = routes_shifted_by_gate(plan);
        let mut routes_by_alarm: BTreeMap<String, BTreeSet<RouteName>> = BTreeMap::new();
        for (name, gate) in &plan.gates {
            if let GateKind::Alarms(alarms) = &gate.kind {
                for alarm in &alarms.names {
                    let routes = routes_by_alarm.entry(alarm.clone()).or_default();
                    routes.extend(routes_by_gate.get(name).into_iter().flatten().cloned());
                }
            }
        }
        // What only a composite is made of exists too, and watches what its composite would.
        for (name, script) in &self.scenario.alarms {
            for child in script.any_of.iter().chain(&script.all_of) {
                let routes = routes_by_alarm.get(name).cloned().unwrap_or_default();
                routes_by_alarm.entry(child.clone()).or_insert(routes);
            }
        }
        for (name, mut routes) in routes_by_alarm {
            if self.scenario.missing_alarms.contains(&name) {
                continue;
            }
            if routes.is_empty() {
                routes.extend(plan.routes.keys().cloned());
            }
            let alarm = self.alarm(name.clone(), &routes);
            self.alarms.insert(name, alarm);
        }
    }

    fn alarm(&self, name: String, routes: &BTreeSet<RouteName>) -> SimulatedAlarm {
        let scripts = &self.scenario.alarms;
        let script: AlarmScript =
            scripts.get(&name).or_else(|| scripts.get("all")).cloned().unwrap_or_default();
        let sides = routes.iter().filter_map(|route| self.routes.get(route));
        let watches: Vec<Member> =
            sides.map(|(_, sides)| sides.member(script.side).clone()).collect();
        let groups = watches.iter().filter_map(|member| self.target_groups.get(member));
        let dimensions = groups
            .filter_map(|group| group.described.arn.rsplit_once(':').map(|(_, end)| end.into()))
            .collect();
        SimulatedAlarm::new(AlarmSetting {
            name,
            script,
            watches,
            dimensions,
            metric_delay: self.scenario.metric_delay,
            start: self.start,
        })
    }

    fn note_gated_rises(&mut self, plan: &Plan) {
        // A thousand shifts may watch one gate of a thousand alarms.
        let counting = plan.gates.iter().filter_map(|(name, gate)| {
            // Whether an excused alarm counts yet is not for the world to say.
            let alarms = gate.kind.alarms().filter(|it| it.already == AlreadyInAlarm::Refuse)?;
            // A run may have asked just before the alarm went off, and acts on that answer.
            let patience = gate.every.saturating_mul(2) + Duration::from_secs(5);
            Some((name, (alarms.names.clone().into(), patience)))
        });
        let counting: BTreeMap<&GateName, (Arc<[String]>, Duration)> = counting.collect();
        for (_, step) in plan.steps() {
            let conduct = step.conduct();
            let Aim::Weights { route, candidate } = conduct.aim else { continue };
            let Some((resources, sides)) = self.routes.get(route) else { continue };
            let Some(declared) = plan.routes.get(route) else { continue };
            let split = split_at(candidate, declared, sides);
            let alarms = conduct.gates.iter().filter_map(|name| counting.get(name).cloned());
            let alarms: Vec<(Arc<[String]>, Duration)> = alarms.collect();
            self.gated_rises.extend(resources.iter().map(|resource| GatedRise {
                resource: resource.clone(),
                split: split.clone(),
                alarms: alarms.clone(),
            }));
        }
    }
}

/// What a shift of a plan makes of a route.
fn split_at(share: Percent, route: &Route, sides: &Standing) -> Split {
    let members = (&sides.stable, &sides.candidate, route.baseline.as_ref());
    Split::default().shifted(members, share, route.kind.scale())
}

/// The routes that are shifted with each gate, or stand for what is replaced with it.
fn routes_shifted_by_gate(plan: &Plan) -> BTreeMap<&GateName, BTreeSet<RouteName>> {
    let mut by_gate: BTreeMap<&GateName, BTreeSet<RouteName>> = BTreeMap::new();
    for (_, step) in plan.steps() {
        let conduct = step.conduct();
        let route = match conduct.aim {
            Aim::Weights { route, .. } => route.clone(),
            Aim::Software(replace) => RouteName::new(format!("software of {}", replace.fleet)),
            Aim::Nothing
            | Aim::Release { .. }
            | Aim::OldVersions { .. }
            | Aim::Replay(_)
            | Aim::Capacity { .. }
            | Aim::TestRoute { .. } => {
                continue;
            }
        };
        for gate in conduct.gates {
            by_gate.entry(gate).or_default().insert(route.clone());
        }
    }
    by_gate
}

#[cfg(test)]
mod tests {
    use super::{super::route_place::Place, *};
    use crate::cloud::Operation;
    use crate::testkit::sample_plan;

    fn landscape(plan: &Plan) -> Landscape {
        Landscape::for_plan(plan, &Scenario::default(), Timestamp::default())
    }

    #[test]
    fn a_place_named_by_its_load_balancer_gets_an_arn() {
        let mut plan = sample_plan();
        for (priority, kind) in
            [(Some(10), ":listener-rule/app/shop/"), (None, ":listener/app/shop/")]
        {
            let load_balancer = "shop".to_owned();
            let place = ListenerRule::Named { load_balancer, port: 443, priority };
            plan.routes.get_mut("web").unwrap().kind = RouteKind::Alb(vec![place.clone()]);
            let landscape = landscape(&plan);
            let (arn, rule) = landscape.rules.first_key_value().unwrap();
            assert!(arn.contains(kind), "{arn}");
            assert_eq!(rule.place, Place::Rule(place));
            assert!(rule.forward.load_balancer.starts_with("app/shop/"));
            let expected =
                if priority.is_none() { Operation::ModifyListener } else { Operation::ModifyRule };
            assert_eq!(rule.operation(), expected);
        }
    }

    #[test]
    fn an_alarm_watches_the_candidate_of_the_route_its_gate_guards() {
        let mut plan = sample_plan();
        let other = Sides::Fixed { stable: Member::new("a"), candidate: Member::new("b") };
        let place = ListenerRule::DefaultOf("arn:x:listener/app/y/1/2".into());
        let elsewhere = RouteKind::Alb(vec![place]);
        let mut route = plan.routes["web"].clone();
        (route.sides, route.kind) = (other, elsewhere);
        plan.routes.insert(RouteName::new("api"), route);
        let landscape = landscape(&plan);
        assert_eq!(landscape.rules.len(), 2);
        let alarm = landscape.alarms["checkout-5xx"].described();
        let [dimension] = &alarm.target_groups[..] else { panic!("{:?}", alarm.target_groups) };
        assert!(dimension.starts_with("targetgroup/green/"), "{dimension}");
        assert_eq!(alarm.reacts_in, Some(Duration::from_mins(1)));
        assert_eq!(landscape.target_groups["b"].healthy(), 2, "no fleet stands behind it");
    }
}
