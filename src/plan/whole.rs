//! A plan that has been checked, as a whole. Everything in it is resolved and in range: names refer to things that exist, a
//! shift names a route, percentages and durations carry their units. `check.rs` is the only way to make one from a file,
//! and nothing downstream asks again whether a plan makes sense. What it consists of is in `model.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    time::Duration,
};

use super::{
    components::Components,
    gate::Gate,
    model::{Component, Fleet, Step, Verb},
    names::{FleetName, GateName, LockName, PlanName, RouteName, Side, StepId},
    on_failure::{FailureScope, OnFailure, OnInterrupt, Others},
    place::Place,
    route_kind::Route,
};

/// A checked plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub name: PlanName,
    /// SHA-256 over the plan as it will run (parameters filled in, strategies expanded), in hexadecimal.
    pub digest: String,
    /// Where the plan is meant to run; a run whose credentials belong elsewhere is refused.
    pub aws: Place,
    pub routes: BTreeMap<RouteName, Route>,
    pub fleets: BTreeMap<FleetName, Fleet>,
    pub gates: BTreeMap<GateName, Gate>,
    /// In an order in which every component follows all it needs.
    pub components: Components,
    /// How many of them may be under way at once; without it, as many as their needs allow.
    pub max_parallel: Option<NonZeroU32>,
    /// What only one run of all plans has at a time, beside its routes and fleets.
    pub locks: BTreeSet<LockName>,
    pub on_failure: OnFailure,
    /// What goes back where it does, and what becomes of the rest.
    pub failure_scope: FailureScope,
    pub others: Others,
    pub on_interrupt: OnInterrupt,
    /// How long a roll-back is kept up before a person is called.
    pub roll_back_for: Duration,
}

impl Plan {
    /// Every step with its component, in the order they are written.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = (&Component, &Step)> {
        self.components.iter().flat_map(|c| c.steps.iter().map(move |s| (c, s)))
    }

    pub fn step(&self, id: &StepId) -> Option<(&Component, &Step)> {
        let component = self.components.of_step(id)?;
        Some((component, component.steps.iter().find(|step| step.id == *id)?))
    }

    /// Everywhere that anything of it is, where it is itself included.
    pub fn places(&self) -> BTreeSet<&Place> {
        let routes = self.routes.values().map(|route| &route.place);
        let fleets = self.fleets.values().map(|fleet| &fleet.place);
        let gates = self.gates.values().map(|gate| &gate.place);
        std::iter::once(&self.aws).chain(routes).chain(fleets).chain(gates).collect()
    }

    /// The fleet whose stable side a rest of fixed length keeps from being scaled away, which is what comes next.
    pub fn kept_by(&self, id: &StepId) -> Option<&FleetName> {
        let (component, _) = self.step(id)?;
        let mut steps = component.steps.iter().skip_while(|step| step.id != *id);
        match (&steps.next()?.verb, &steps.next()?.verb) {
            (Verb::Pause { duration: Some(_) }, Verb::Scale { fleet, side: Side::Stable, to })
                if to.is_nothing() =>
            {
                Some(fleet)
            }
            _ => None,
        }
    }

    /// The fleets whose sides stand behind this route's.
    pub fn fleets_behind<'a>(
        &'a self,
        route: &'a RouteName,
    ) -> impl Iterator<Item = &'a FleetName> {
        self.fleets
            .iter()
            .filter(move |(_, f)| f.behind.as_ref() == Some(route))
            .map(|(name, _)| name)
    }
}
