//! A world with just enough in it to be wrong about: the picture of every target, and what the checks would say.

use std::collections::BTreeMap;

use tidegate::{
    plan::{
        FleetName, Header, Member, Plan, RouteName, Side, Sides, Verb,
        units::{Percent, Weight},
    },
    rollout::{
        Bindings, Bound, Call, Capacity, Check, Flow, Found, Move, Operation, Outcome, Phase,
        Picture, Software, Split, Target, TestRoute, Version,
    },
};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World(pub(crate) BTreeMap<Target, Picture>);

pub(crate) fn bindings(plan: &Plan) -> Bindings {
    let bound = |name: &str| Bound {
        resource: name.to_owned(),
        stable: Member::new(format!("{name}-blue")),
        candidate: Member::new(format!("{name}-green")),
    };
    Bindings {
        routes: plan.routes.keys().map(|n| (n.clone(), bound(n.as_str()))).collect(),
        fleets: plan.fleets.keys().map(|n| (n.clone(), bound(n.as_str()))).collect(),
        tests: plan.steps().filter_map(|(_, step)| tested(&step.verb)).collect(),
    }
}

fn tested(verb: &Verb) -> Option<(RouteName, Header)> {
    match verb {
        Verb::TestRoute { route, header: Some(header) } => Some((route.clone(), header.clone())),
        _ => None,
    }
}

impl World {
    pub(crate) fn of(plan: &Plan) -> Self {
        let bindings = bindings(plan);
        let mut world = BTreeMap::new();
        for (name, bound) in &bindings.routes {
            let split = Split::default()
                .with((&bound.stable, Weight::MAX), (&bound.candidate, Weight::ZERO));
            world.insert(Target::Route(name.clone()), Picture::Split(split));
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
                let capacity = Capacity { min: desired, max: 4, desired };
                let target = Target::Fleet { fleet: name.clone(), side };
                world.insert(target, Picture::Capacity(capacity));
            }
        }
        Self(world)
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
            Picture::Split(split) => split.weight(bindings(plan).routes[route].member(side)),
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
            Check::Gate(_) | Check::Stands(_) => true,
        };
        if yes { Outcome::Pass } else { Outcome::Wait }
    }

    /// What a stranger would set a target to: nothing this run ever would.
    pub(crate) fn strange(picture: &Picture) -> Picture {
        match picture {
            Picture::Split(split) => {
                let weights = split.0.keys().map(|m| (m.clone(), Weight::new(7).unwrap()));
                Picture::Split(Split(weights.collect()))
            }
            Picture::Capacity(_) => Picture::Capacity(Capacity { min: 3, max: 33, desired: 3 }),
            Picture::Software(_) => Picture::Software(Software {
                version: Version::new("lt:99"),
                operation: None,
                flow: Flow::Open,
            }),
            Picture::TestRoute(_) => Picture::TestRoute(TestRoute::Present {
                header: Header { name: "x-strange".to_owned(), value: "1".to_owned() },
                group: Member::new("strange"),
            }),
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
        let (Picture::Software(before), Picture::Software(after), Picture::Software(live)) =
            (&call.before, &call.after, live)
        else {
            return (*live == call.before || *live == call.after).then(|| call.after.clone());
        };
        let mut next = live.clone();
        match Move::between(before, after) {
            Move::Start(_) if live.under_way().is_some() => return None,
            Move::Start(to) => {
                let last = live.operation.as_ref().map_or(0, |last| last.id.parse().unwrap());
                let phase = Phase::Moving { done: Percent::ZERO };
                let id = (last + 1_u32).to_string();
                next.operation = Some(Operation { id, to, phase });
                next.flow = after.flow;
            }
            Move::Hold => next.flow = Flow::Held,
            Move::GoOn | Move::Release => next.flow = Flow::Open,
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

    /// The next thing AWS does by itself with an operation: it gets halfway, and then to its end.
    pub(crate) fn moved_on(&self, target: &Target) -> Option<Picture> {
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
        let Picture::Software(software) = &self.0[target] else { return None };
        software.under_way().filter(|_| software.flow == Flow::Open)?;
        let mut next = software.clone();
        next.operation.as_mut()?.phase = Phase::Failed { reason: "model".to_owned() };
        Some(Picture::Software(next))
    }
}
