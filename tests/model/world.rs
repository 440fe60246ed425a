//! A world with just enough in it to be wrong about: the picture of every target, and what the checks would say.

use std::{collections::BTreeMap, time::Duration};

use tidegate::{
    plan::{
        CodeDigest, Fleet, FleetKind, FleetName, Header, Member, Plan, Route, RouteKind, RouteName,
        Side, Sides, Verb,
        units::{Percent, Scale, Weight},
    },
    rollout::{
        Bindings, Call, Capacity, Check, Flow, Found, Made, Making, Move, Nature, Operation,
        Outcome, Phase, Picture, Readiness, Release, Replay, RouteBound, RouteService, Set, Shared,
        Software, Split, Target, TestRoute, Version,
    },
    testkit::{groups_bound, rule_bound},
};

/// How long clients keep what DNS told them.
pub(crate) const TTL: Duration = Duration::from_secs(40);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World(pub(crate) Shared<BTreeMap<Target, Picture>>);

/// What a run is told when it begins: what a step will make is not there yet.
pub(crate) fn bindings_at_start(plan: &Plan) -> Bindings {
    let mut bindings = bindings(plan);
    for (name, bound) in &mut bindings.routes {
        if is_made(&plan.routes[name]) {
            bound.candidate = None;
        }
    }
    for bound in bindings.fleets.values_mut().filter(|bound| bound.alias.is_some()) {
        bound.candidate = None;
    }
    bindings
}

const fn is_made(route: &Route) -> bool {
    matches!(route.sides, Sides::Made { .. })
}

/// Who is who, whoever knows it by now.
pub(crate) fn bindings(plan: &Plan) -> Bindings {
    let sides = |name: &str| (format!("{name}-blue"), format!("{name}-green"));
    let split_by = |route: &Route| match route.kind {
        RouteKind::Alb(_) | RouteKind::Nlb(_) => {
            (RouteService::ElasticLoadBalancing, Nature::LOAD_BALANCER)
        }
        RouteKind::Route53(_) => (RouteService::Route53, Nature::records(TTL.as_secs())),
        RouteKind::Lambda(_) => (RouteService::Lambda, Nature::ALIAS),
        RouteKind::ApiGateway(_) => (RouteService::ApiGateway, Nature::STAGE),
        RouteKind::EventBus(_) => (RouteService::EventBridge, Nature::TARGET),
        RouteKind::EventSource(ref source) => {
            (RouteService::EventSource, Nature::mappings(source.scale()))
        }
    };
    let others = |name: &RouteName, route: &Route| match &route.kind {
        RouteKind::Alb(rules) | RouteKind::Nlb(rules) => {
            (1..rules.len()).map(|i| format!("{name}-{i}")).collect()
        }
        RouteKind::Route53(_)
        | RouteKind::Lambda(_)
        | RouteKind::ApiGateway(_)
        | RouteKind::EventBus(_)
        | RouteKind::EventSource(_) => Vec::new(),
    };
    let route = |(name, route): (&RouteName, &Route)| {
        let (stable, candidate) = sides(name.as_str());
        let (service, nature) = split_by(route);
        let bound = RouteBound {
            service,
            nature,
            others: others(name, route),
            baseline: route.baseline.clone(),
            ..rule_bound(name.as_str(), &stable, &candidate)
        };
        (name.clone(), bound)
    };
    let fleet = |(name, fleet): (&FleetName, &Fleet)| {
        let (stable, candidate) = sides(name.as_str());
        let mut bound = groups_bound(&stable, &candidate);
        if fleet.kind == FleetKind::Lambda {
            // A route of the model stands at what is called as it is.
            bound.alias = fleet.behind.as_ref().map(ToString::to_string);
            bound.service = fleet.kind;
        }
        (name.clone(), bound)
    };
    Bindings {
        routes: plan.routes.iter().map(route).collect(),
        fleets: plan.fleets.iter().map(fleet).collect(),
        tests: plan.steps().filter_map(|(_, step)| tested(&step.verb)).collect(),
        keeps: plan.steps().filter_map(|(_, step)| pruned(&step.verb)).collect(),
        ..Bindings::default()
    }
}

/// What is uploaded.
pub(crate) fn uploaded(code: &str) -> Release {
    Release::Uploaded { code: CodeDigest::new(code) }
}

/// What AWS calls what it publishes.
fn number(route: &RouteName) -> Member {
    Member::new(format!("{route}-green"))
}

fn under_way() -> Replay {
    Replay::UnderWay { state: "model".to_owned() }
}

fn tested(verb: &Verb) -> Option<(RouteName, Header)> {
    match verb {
        Verb::TestRoute { route, header: Some(header) } => Some((route.clone(), header.clone())),
        _ => None,
    }
}

fn pruned(verb: &Verb) -> Option<(RouteName, u32)> {
    match verb {
        Verb::Prune { route, keep } => Some((route.clone(), *keep)),
        _ => None,
    }
}

impl World {
    pub(crate) fn of(plan: &Plan) -> Self {
        let bindings = bindings(plan);
        let mut world = BTreeMap::new();
        for (name, bound) in &bindings.routes {
            let members = (&bound.stable, bound.candidate.as_ref().unwrap(), None);
            let split = Split::default().shifted(members, Percent::ZERO, bound.nature.scale);
            world.insert(Target::Route(name.clone()), Picture::Split(split));
            if is_made(&plan.routes[name]) {
                let picture = Picture::Release(uploaded("1"));
                world.insert(Target::Candidate(name.clone()), picture);
            }
        }
        for name in bindings.keeps.keys() {
            let old = ["1", "2"].map(Member::new).into_iter().collect();
            world.insert(Target::OldVersions(name.clone()), Picture::OldVersions(old));
        }
        for (_, step) in plan.steps() {
            if let Verb::Replay(replay) = &step.verb {
                let target = Target::Replay(replay.route.clone());
                world.insert(target, Picture::Replay(Replay::Absent));
            }
        }
        for name in bindings.tests.keys() {
            let absent = Picture::TestRoute(TestRoute::Absent);
            world.insert(Target::TestRoute(name.clone()), absent);
        }
        for name in bindings.fleets.keys() {
            if let Sides::Single(_) = plan.fleets[name].sides {
                let version = Version::new("lt:1");
                let software = Software { version, operation: None, flow: Flow::Open };
                world.insert(Target::Software(name.clone()), Picture::Software(software));
                continue;
            }
            for (side, desired) in [(Side::Stable, 2), (Side::Candidate, 0)] {
                let capacity = match plan.fleets[name].kind {
                    FleetKind::AutoScaling | FleetKind::CodeDeploy => {
                        Capacity { min: desired, max: 4, desired }
                    }
                    FleetKind::Lambda => Capacity::unbounded(desired),
                };
                let target = Target::Fleet { fleet: name.clone(), side };
                world.insert(target, Picture::Capacity(capacity));
            }
        }
        Self(world.into())
    }

    pub(crate) fn found(&self) -> Vec<Found> {
        let found = |(target, picture): (&Target, &Picture)| Found {
            target: target.clone(),
            picture: picture.clone(),
        };
        self.0.iter().map(found).collect()
    }

    pub(crate) fn weight(&self, plan: &Plan, route: &RouteName, side: Side) -> Weight {
        match &self.0[&Target::Route(route.clone())] {
            Picture::Split(split) => bindings(plan).routes[route].weight(split, side),
            Picture::Uneven(parts) => {
                let bound = &bindings(plan).routes[route];
                parts.values().map(|split| bound.weight(split, side)).max().unwrap()
            }
            _ => unreachable!("a route has a split"),
        }
    }

    pub(crate) fn desired(&self, fleet: &FleetName, side: Side) -> u32 {
        match &self.0[&Target::Fleet { fleet: fleet.clone(), side }] {
            Picture::Capacity(capacity) => capacity.desired,
            _ => unreachable!("a fleet has a capacity"),
        }
    }

    /// What a check that is not a gate would answer.
    pub(crate) fn answer(&self, plan: &Plan, check: &Check) -> Outcome {
        let yes = match check {
            Check::Healthy { route, side, .. } => {
                plan.fleets_behind(route).all(|fleet| self.desired(fleet, *side) > 0)
            }
            Check::Drained { route, side } => self.weight(plan, route, *side) == Weight::ZERO,
            Check::Served { route } => {
                plan.fleets_behind(route).all(|fleet| self.desired(fleet, Side::Candidate) > 0)
            }
            Check::BaselineHealthy { .. }
            | Check::Gate(_)
            | Check::Requests { .. }
            | Check::Stands(_) => true,
        };
        if yes { Outcome::Pass } else { Outcome::Wait }
    }

    /// What a call looks like that reached some of a route's rules, in their order, or one of its sides, and not all.
    pub(crate) fn cut_short(&self, plan: &Plan, call: &Call) -> Vec<Picture> {
        let Target::Route(route) = &call.target else { return Vec::new() };
        let bindings = bindings(plan);
        if bindings.routes[route].nature.set == Set::SideBySide {
            return self.between_sides(&bindings.routes[route], call).into_iter().collect();
        }
        let places: Vec<&String> = bindings.routes[route].places().collect();
        let after = |reached: usize| {
            let live = &self.0[&call.target];
            let part = |(i, place): (usize, &&String)| {
                let picture = if i < reached { &call.after } else { live };
                ((*place).clone(), picture.part(place).unwrap().clone())
            };
            Picture::of_rules(places.iter().enumerate().map(part).collect())
        };
        (1..places.len()).map(after).collect()
    }

    /// Nobody reads while a mapping is handed over; of two the candidate's is changed first.
    fn between_sides(&self, bound: &RouteBound, call: &Call) -> Option<Picture> {
        let (Picture::Split(live), Picture::Split(after)) = (&self.0[&call.target], &call.after)
        else {
            return None;
        };
        let first = bound.candidate.as_ref().unwrap();
        let mut between = live.clone().and(first, after.weight(first));
        if bound.nature.scale == Scale::Whole {
            between = Split::default();
        }
        between.0.retain(|_, weight| *weight != Weight::ZERO);
        (between != *live && between != *after).then_some(Picture::Split(between))
    }

    /// What a stranger would set a target to: nothing this run ever would. Of several rules only the last is touched.
    pub(crate) fn strange(plan: &Plan, target: &Target, picture: &Picture) -> Picture {
        match (picture, target) {
            (Picture::Split(_) | Picture::Uneven(_), Target::Route(route)) => {
                let bindings = bindings(plan);
                let places: Vec<&String> = bindings.routes[route].places().collect();
                let part = |place: &&String| picture.part(place).unwrap().clone();
                let mut parts: BTreeMap<String, Split> =
                    places.iter().map(|place| ((*place).clone(), part(place))).collect();
                let last = parts.get_mut(places[places.len() - 1]).unwrap();
                last.0.values_mut().for_each(|weight| *weight = Weight::new(7).unwrap());
                Picture::of_rules(parts)
            }
            (Picture::Software(_), _) => Picture::Software(Software {
                version: Version::new("lt:99"),
                operation: None,
                flow: Flow::Open,
            }),
            (Picture::Release(Release::Uploaded { .. }), _) => Picture::Release(uploaded("99")),
            // Nobody can change what is published, or has the run's name for a replay.
            (Picture::Release(_) | Picture::OldVersions(_) | Picture::Replay(_), _) => {
                picture.clone()
            }
            (Picture::TestRoute(_), _) => Picture::TestRoute(TestRoute::Present {
                header: Header { name: "x-strange".to_owned(), value: "1".to_owned() },
                group: Member::new("strange"),
            }),
            _ => Picture::Capacity(Capacity { min: 3, max: 33, desired: 3 }),
        }
    }

    /// Whether a picture has something of a stranger's in it.
    pub(crate) fn is_strange(picture: &Picture) -> bool {
        let is_strange =
            |split: &Split| !split.0.is_empty() && split.0.values().all(|weight| weight.get() == 7);
        match picture {
            Picture::Split(split) => is_strange(split),
            Picture::Uneven(parts) => parts.values().any(is_strange),
            Picture::Capacity(capacity) => capacity.max == 33,
            Picture::Software(software) => software.version == Version::new("lt:99"),
            Picture::TestRoute(TestRoute::Present { group, .. }) => group.as_str() == "strange",
            Picture::Release(release) => *release == uploaded("99"),
            Picture::TestRoute(TestRoute::Absent)
            | Picture::OldVersions(_)
            | Picture::Replay(_) => false,
        }
    }

    /// Whether test traffic reaches the candidate of a route.
    pub(crate) fn is_tested(&self, route: &RouteName) -> bool {
        let test = self.0.get(&Target::TestRoute(route.clone()));
        matches!(test, Some(Picture::TestRoute(TestRoute::Present { .. })))
    }

    /// What a call makes of its target, if AWS takes it. The adapters read before they write where AWS itself would
    /// not refuse, so a stranger's picture is met with a conflict.
    pub(crate) fn after(&self, call: &Call) -> Option<Picture> {
        let live = &self.0[&call.target];
        if let Target::Candidate(route) = &call.target {
            return match (&call.before, live) {
                (Picture::Release(Release::Uploaded { .. }), live) if *live == call.before => {
                    let number = number(route);
                    let readiness = Readiness::Pending { reason: "model".to_owned() };
                    Some(Picture::Release(Release::Version { number, readiness }))
                }
                (Picture::Release(_), Picture::Release(Release::Version { .. })) => {
                    Some(live.clone())
                }
                _ => None,
            };
        }
        if let (Picture::Replay(after), Picture::Replay(live)) = (&call.after, live) {
            return Some(Picture::Replay(match (after, live) {
                (Replay::Sent { .. }, Replay::Absent) => under_way(),
                (Replay::Absent, Replay::UnderWay { .. }) => Replay::Cancelled,
                // A name that is taken, or a replay that is over.
                _ => live.clone(),
            }));
        }
        let (Picture::Software(before), Picture::Software(after), Picture::Software(live)) =
            (&call.before, &call.after, live)
        else {
            let parts = [&call.before, &call.after];
            let is_between = live.is_mixture_of(&parts) || live.has_sides_of(&parts);
            return (parts.contains(&live) || is_between).then(|| call.after.clone());
        };
        let mut next = live.clone();
        match Move::between(before, after) {
            Move::Start(_) if live.under_way().is_some() => return None,
            Move::Start(to) => {
                let last = live.operation.as_ref().map_or(0, |last| last.id.parse().unwrap());
                let phase = Phase::Moving { done: Percent::ZERO };
                let id = (last + 1_u32).to_string();
                next.operation = Some(Operation { id, to, phase, detail: None });
                next.flow = after.flow;
            }
            Move::Hold => next.flow = Flow::Held,
            Move::GoOn | Move::Release => next.flow = Flow::Open,
            Move::Follow => {}
            Move::TakeBack => {
                let to = live.version.clone();
                live.under_way()?;
                let operation = next.operation.as_mut()?;
                (operation.to, operation.phase) = (to, Phase::Moving { done: Percent::ZERO });
                next.flow = after.flow;
            }
        }
        Some(Picture::Software(next))
    }

    /// A version that AWS makes ready.
    fn pending(&self, target: &Target) -> Option<Member> {
        match &self.0[target] {
            Picture::Release(Release::Version { number, readiness: Readiness::Pending { .. } }) => {
                Some(number.clone())
            }
            _ => None,
        }
    }

    /// What a call to publish makes, as its answer tells; nothing for any other.
    pub(crate) fn made(call: &Call) -> Option<Made> {
        match (&call.target, &call.before) {
            (Target::Candidate(route), Picture::Release(Release::Uploaded { .. })) => {
                Some(Made { member: number(route), making: Making::New })
            }
            _ => None,
        }
    }

    /// The next thing AWS does by itself with an operation: it gets halfway, and then to its end.
    pub(crate) fn moved_on(&self, target: &Target) -> Option<Picture> {
        if let Some(number) = self.pending(target) {
            let readiness = Readiness::Ready;
            return Some(Picture::Release(Release::Version { number, readiness }));
        }
        if self.0[target] == Picture::Replay(under_way()) {
            return Some(Picture::Replay(Replay::Completed));
        }
        let Picture::Software(software) = &self.0[target] else { return None };
        let mut next = software.clone();
        let operation = software.under_way().filter(|_| software.flow == Flow::Open)?;
        let half = Percent::from_basis_points(5_000).unwrap();
        if operation.phase == (Phase::Moving { done: Percent::ZERO }) {
            next.operation.as_mut()?.phase = Phase::Moving { done: half };
        } else if operation.to == software.version {
            next.operation.as_mut()?.phase = Phase::TakenBack { reason: String::new() };
        } else {
            next.version = operation.to.clone();
            next.operation = None;
        }
        Some(Picture::Software(next))
    }

    /// An operation that breaks on the way.
    pub(crate) fn broken(&self, target: &Target) -> Option<Picture> {
        if let Some(number) = self.pending(target) {
            let readiness = Readiness::Failed { reason: "model".to_owned() };
            return Some(Picture::Release(Release::Version { number, readiness }));
        }
        if self.0[target] == Picture::Replay(under_way()) {
            let reason = "model".to_owned();
            return Some(Picture::Replay(Replay::Failed { reason }));
        }
        let Picture::Software(software) = &self.0[target] else { return None };
        software.under_way().filter(|_| software.flow == Flow::Open)?;
        let mut next = software.clone();
        next.operation.as_mut()?.phase = Phase::Failed { reason: "model".to_owned() };
        Some(Picture::Software(next))
    }
}
