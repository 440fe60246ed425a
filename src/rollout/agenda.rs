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
            | Event::WentBack
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Write};

    use super::*;
    use crate::{
        plan::{GateName, Side, SourceFile, read, units::Percent},
        rollout::{Outcome, Reading, Timestamp},
    };

    const MANY: usize = 60;

    /// So many components, each with a route, a fleet and a gate of its own; the second needs the first.
    fn plan(most: &str) -> Plan {
        let mut text = format!("tidegate: 1\nname: many\n{most}");
        for (key, what) in [
            ("routes", "web#: { alb: { load-balancer: lb#, port: 80, pair: [b#, g#] } }"),
            ("fleets", "app#: { autoscaling: { pair: [b#, g#] }, behind: web# }"),
            ("gates", "errors#: { alarms: { names: [alarm#] } }"),
            (
                "components",
                "c#: { steps: [{ scale: { fleet: app#, side: candidate, to: { same-as: stable } } }, \
                 { shift: { route: web#, candidate: 100%, bake: 1m, gates: [errors#] } }], needs: [] }",
            ),
        ] {
            writeln!(text, "{key}:").unwrap();
            for at in 0..MANY {
                let needs = if at == 1 { "needs: [c0]" } else { "needs: []" };
                let what = what.replace('#', &at.to_string()).replace("needs: []", needs);
                writeln!(text, "  {what}").unwrap();
            }
        }
        let read = read(&SourceFile::new("many.yaml", text), &BTreeMap::new());
        read.unwrap_or_else(|problems| panic!("{problems:?}")).plan
    }

    fn asked(plan: &Plan, event: &Event) -> Vec<usize> {
        let mut agenda = Agenda::of_none();
        agenda.note(plan, event);
        agenda.0.into_iter().collect()
    }

    fn answer(check: Check) -> Event {
        Event::Read { check, reading: Reading::new(Outcome::Pass, Timestamp::default(), "test") }
    }

    #[test]
    fn of_many_components_an_event_has_only_those_asked_that_it_concerns() {
        let plan = plan("");
        let (route, at_least) = (RouteName::new("web7"), Percent::HUNDRED);
        let side = Side::Candidate;
        let step = StepId::new("c7/2-shift");
        let (app, web) = (
            Target::Fleet { fleet: crate::plan::FleetName::new("app7"), side },
            Target::Route(route.clone()),
        );
        for event in [
            Event::StepStarted { step: step.clone(), deadline: None },
            Event::StepCleared { step: step.clone() },
            Event::StepDone { step: step.clone() },
            Event::BakeStarted { step, until: Timestamp::default() },
            Event::CallReturned { target: app },
            Event::CallReturned { target: web.clone() },
            answer(Check::Gate(GateName::new("errors7"))),
            answer(Check::Healthy { route: route.clone(), side, at_least }),
            answer(Check::BaselineHealthy { route: route.clone(), at_least }),
            answer(Check::Served { route: route.clone() }),
            answer(Check::Drained { route: route.clone(), side }),
            answer(Check::Requests { route, since: Timestamp::default(), at_least: 1 }),
            answer(Check::Stands(web)),
        ] {
            assert_eq!(asked(&plan, &event), [7], "{event:?}");
        }
    }

    #[test]
    fn whoever_waits_for_a_component_or_for_room_is_asked_when_it_is_done() {
        let done = |step: &str| Event::StepDone { step: StepId::new(step) };
        let free = plan("");
        assert_eq!(asked(&free, &done("c0/1-scale")), [0], "it has more to do");
        assert_eq!(asked(&free, &done("c0/2-shift")), [0, 1]);
        let held = plan("max-parallel: 3\n");
        assert_eq!(asked(&held, &done("c7/1-scale")), [7]);
        assert_eq!(asked(&held, &done("c7/2-shift")).len(), MANY);
    }

    #[test]
    fn what_concerns_the_whole_run_has_all_asked() {
        let by = crate::rollout::Actor("test".into());
        assert_eq!(asked(&plan(""), &Event::Resumed { by }).len(), MANY);
    }
}
