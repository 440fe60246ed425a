//! A world with just enough in it to be wrong about: the picture of every target, and what the checks would say.

use std::{collections::BTreeMap, time::Duration};

use tidegate::{
    plan::{FleetName, Plan, Route, RouteKind, RouteName, Side, units::Weight},
    rollout::{
        Bindings, Bound, Call, Capacity, Check, Found, Medium, Outcome, Picture, Split, Target,
    },
};

/// How long clients keep what DNS told them.
pub(crate) const TTL: Duration = Duration::from_secs(40);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World(pub(crate) BTreeMap<Target, Picture>);

pub(crate) fn bindings(plan: &Plan) -> Bindings {
    let bound = |name: &str, others, medium| Bound {
        resource: name.to_owned(),
        stable: tidegate::plan::Member::new(format!("{name}-blue")),
        candidate: tidegate::plan::Member::new(format!("{name}-green")),
        others,
        medium,
    };
    let medium = |route: &Route| match route.kind {
        RouteKind::Alb(_) | RouteKind::Nlb(_) => Medium::LoadBalancer,
        RouteKind::Route53(_) => Medium::Dns { ttl: TTL.as_secs() },
    };
    let others = |name: &RouteName, route: &Route| match &route.kind {
        RouteKind::Alb(rules) | RouteKind::Nlb(rules) => {
            (1..rules.len()).map(|i| format!("{name}-{i}")).collect()
        }
        RouteKind::Route53(_) => Vec::new(),
    };
    let route = |(name, route): (&RouteName, &Route)| {
        (name.clone(), bound(name.as_str(), others(name, route), medium(route)))
    };
    Bindings {
        routes: plan.routes.iter().map(route).collect(),
        fleets: plan
            .fleets
            .keys()
            .map(|n| (n.clone(), bound(n.as_str(), Vec::new(), Medium::LoadBalancer)))
            .collect(),
    }
}

impl World {
    pub(crate) fn of(plan: &Plan) -> Self {
        let bindings = bindings(plan);
        let mut world = BTreeMap::new();
        for (name, bound) in &bindings.routes {
            let split = Split::default().with(
                (&bound.stable, bound.medium.scale().largest()),
                (&bound.candidate, Weight::ZERO),
            );
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
            Picture::Uneven(parts) => {
                let bound = &bindings(plan).routes[route];
                parts.values().map(|split| split.weight(bound.member(side))).max().unwrap()
            }
            Picture::Capacity(_) => unreachable!("a route has a split"),
        }
    }

    pub(crate) fn desired(&self, fleet: &FleetName, side: Side) -> u32 {
        match &self.0[&Target::Fleet { fleet: fleet.clone(), side }] {
            Picture::Capacity(capacity) => capacity.desired,
            Picture::Split(_) | Picture::Uneven(_) => unreachable!("a fleet has a capacity"),
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

    /// What a call looks like that reached some of a route's rules, in their order, and not all of them.
    pub(crate) fn cut_short(&self, plan: &Plan, call: &Call) -> Vec<Picture> {
        let Target::Route(route) = &call.target else { return Vec::new() };
        let bindings = bindings(plan);
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
            _ => Picture::Capacity(Capacity { min: 3, max: 33, desired: 3 }),
        }
    }

    /// Whether a picture has something of a stranger's in it.
    pub(crate) fn is_strange(picture: &Picture) -> bool {
        let is_strange = |split: &Split| split.0.values().all(|weight| weight.get() == 7);
        match picture {
            Picture::Split(split) => is_strange(split),
            Picture::Uneven(parts) => parts.values().any(is_strange),
            Picture::Capacity(capacity) => capacity.max == 33,
        }
    }
}
