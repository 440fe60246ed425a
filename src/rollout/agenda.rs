//! Which components may have something to do. What follows for a component follows from little of the state: its own steps,
//! their targets and checks, and whether the components that it needs are done. So when nothing follows by itself, and then
//! something happens, only those need be asked that it concerns, and the many events of a large plan do not each cost a
//! look at all of it. To name one too many costs time; to leave one out would let a run stand still, which the model
//! looks for at every state (`tests/model/explore.rs`).

use std::collections::BTreeSet;

use super::{Check, Event, Target, step::on_target};
use crate::plan::{Component, Plan, RouteName, StepId};

/// Components to be asked, by their places in the plan.
pub(super) struct Agenda(BTreeSet<usize>);

impl Agenda {
    /// Of a state and moment of which nothing is known.
    pub(super) fn of_all(plan: &Plan) -> Self {
        let mut agenda = Self::of_none();
        agenda.add_all(plan);
        agenda
    }

    /// Of a state from which nothing follows by itself.
    pub(super) fn of_none() -> Self {
        Self(BTreeSet::new())
    }

    /// The first that is to be asked, in the order of the plan.
    pub(super) fn first<'a>(&self, plan: &'a Plan) -> Option<&'a Component> {
        self.0.first().and_then(|place| plan.components.get(*place))
    }

    /// Nothing follows for the first, for as long as nothing happens that concerns it.
    pub(super) fn strike_first(&mut self) {
        self.0.pop_first();
    }

    fn add_all(&mut self, plan: &Plan) {
        self.0.extend(0..plan.components.len());
    }

    /// Adds those that an event concerns.
    pub(super) fn note(&mut self, plan: &Plan, event: &Event) {
        match event {
            Event::StepStarted { step, .. }
            | Event::StepCleared { step }
            | Event::BakeStarted { step, .. }
            | Event::StepFailed { step, .. }
            | Event::Approved { step, .. } => self.add(plan.components.place_of_step(step)),
            Event::StepDone { step } => self.add_followers(plan, step),
            Event::Observed { target, .. }
            | Event::ChangeIntended { target, .. }
            | Event::CallReturned { target }
            | Event::CallFailed { target, .. }
            | Event::ChangeConfirmed { target, .. } => self.add_on(plan, target),
            Event::Read { check, .. } => self.add_asking(plan, check),
            Event::CommandRefused { .. } => {}
            // The whole run is another from here on, or what is known of a route is.
            Event::RunStarted { .. }
            | Event::RunnerStarted { .. }
            | Event::ClockJumped { .. }
            | Event::Learned { .. }
            | Event::DriftFound { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::Interrupted { .. }
            | Event::Held { .. }
            | Event::RollbackStarted { .. }
            | Event::RestoreStarted { .. }
            | Event::Restored { .. }
            | Event::Vanished { .. }
            | Event::AttentionNeeded { .. }
            | Event::OverwriteAllowed { .. }
            | Event::RunEnded { .. } => self.add_all(plan),
        }
    }

    fn add(&mut self, places: impl IntoIterator<Item = usize>) {
        self.0.extend(places);
    }

    /// A component that is done may let others begin: those that need it, or any that had no room.
    fn add_followers(&mut self, plan: &Plan, step: &StepId) {
        let Some((component, _)) = plan.step(step) else { return };
        self.add(plan.components.place_of_step(step));
        if component.steps.last().is_none_or(|last| last.id == *step) {
            self.add(plan.components.needing(&component.name).iter().copied());
            if plan.max_parallel.is_some() {
                self.add_all(plan);
            }
        }
    }

    fn add_on(&mut self, plan: &Plan, target: &Target) {
        self.add(on_target(plan, target).iter().copied());
        if let Target::Route(route) | Target::TestRoute(route) = target {
            self.add_behind(plan, route);
        }
    }

    /// What stands behind a route may wait for it.
    fn add_behind(&mut self, plan: &Plan, route: &RouteName) {
        for fleet in plan.fleets_behind(route) {
            self.add(plan.components.on_fleet(fleet).iter().copied());
        }
    }

    fn add_asking(&mut self, plan: &Plan, check: &Check) {
        match check {
            Check::Gate(gate) => self.add(plan.components.guarded_by(gate).iter().copied()),
            Check::Healthy { route, .. }
            | Check::BaselineHealthy { route, .. }
            | Check::Served { route }
            | Check::Drained { route, .. }
            | Check::Requests { route, .. } => {
                self.add(plan.components.on_route(route).iter().copied());
                self.add_behind(plan, route);
            }
            Check::Stands(target) => self.add_on(plan, target),
        }
    }
}
