//! A world with just enough in it to be wrong about: the picture of every target, and what the checks would say.

use std::collections::BTreeMap;

use tidegate::{
    plan::{FleetName, Plan, RouteName, Side, units::Weight},
    rollout::{Bindings, Bound, Capacity, Check, Found, Outcome, Picture, Split, Target},
};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World(pub(crate) BTreeMap<Target, Picture>);

pub(crate) fn bindings(plan: &Plan) -> Bindings {
    let bound = |name: &str| Bound {
        resource: name.to_owned(),
        stable: tidegate::plan::Member::new(format!("{name}-blue")),
        candidate: tidegate::plan::Member::new(format!("{name}-green")),
    };
    Bindings {
        routes: plan.routes.keys().map(|n| (n.clone(), bound(n.as_str()))).collect(),
        fleets: plan.fleets.keys().map(|n| (n.clone(), bound(n.as_str()))).collect(),
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
        for name in bindings.fleets.keys() {
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
            Picture::Capacity(_) => unreachable!("a route has a split"),
        }
    }

    pub(crate) fn desired(&self, fleet: &FleetName, side: Side) -> u32 {
        match &self.0[&Target::Fleet { fleet: fleet.clone(), side }] {
            Picture::Capacity(capacity) => capacity.desired,
            Picture::Split(_) => unreachable!("a fleet has a capacity"),
        }
    }

    /// What a check that is not a gate would answer.
    pub(crate) fn answer(&self, plan: &Plan, check: &Check) -> Outcome {
        let yes = match check {
            Check::Healthy { route, side, .. } => {
                plan.fleets_behind(route).all(|fleet| self.desired(fleet, *side) > 0)
            }
            Check::Drained { route, side } => self.weight(plan, route, *side) == Weight::ZERO,
            Check::Gate(_) | Check::Requests { .. } | Check::Stands(_) => true,
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
        }
    }
}
