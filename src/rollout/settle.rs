//! The plan as a run carries it out: with the steps ahead of its own that the world turned out to need when the run
//! began. They are derived from what the run's first event says, so that everybody who reads its journal has the same
//! steps, and a run of an older journal has none.

use super::{Bindings, leftovers::replacing_leftovers};
use crate::plan::{Aim, Component, GateName, Plan, Replay, RouteName, Step, attaching};

/// The plan with what its run puts ahead. Everything that reads a journal, or drives a run, goes by this plan.
#[must_use]
pub fn settled(plan: &Plan, bindings: &Bindings) -> Plan {
    let mut settled = replacing_leftovers(plan.clone(), bindings);
    for route in &bindings.attaches {
        let first = plan.components.iter().position(|component| concerns(plan, component, route));
        if let Some(at) = first
            && let Some(component) = settled.components.edit().get_mut(at)
        {
            component.steps.insert(0, attaching(&component.name, route));
        }
    }
    settled
}

/// Whether anything of a component depends on a route, or on the fleets behind it.
fn concerns(plan: &Plan, component: &Component, route: &RouteName) -> bool {
    component.steps.iter().any(|step| is_about(plan, step, route))
}

fn is_about(plan: &Plan, step: &Step, route: &RouteName) -> bool {
    let watches = |gate: &GateName| {
        plan.gates
            .get(gate)
            .is_some_and(|gate| gate.kind.measures().is_none() && gate.kind.route() == Some(route))
    };
    let conduct = step.conduct();
    let changes = match conduct.aim {
        Aim::Weights { route: of, .. }
        | Aim::TestRoute { route: of, .. }
        | Aim::Release { route: of, .. }
        | Aim::OldVersions { route: of, .. }
        | Aim::Replay(Replay { route: of, .. }) => of == route,
        Aim::Capacity { fleet, .. } => plan.fleets_behind(route).any(|behind| behind == fleet),
        Aim::Software(_) | Aim::Nothing => false,
    };
    changes || conduct.waits_for() == Some(route) || conduct.gates.iter().any(watches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{StepId, Verb, units::Percent},
        testkit::sample_plan,
    };

    #[test]
    fn a_group_that_stands_nowhere_is_attached_before_anything_that_depends_on_it() {
        let plan = sample_plan();
        let route = RouteName::new("web");
        let mut bindings = Bindings::default();
        assert_eq!(settled(&plan, &bindings), plan, "an older journal says nothing of it");
        bindings.attaches.insert(route.clone());
        let attached = settled(&plan, &bindings);
        let (component, first) = attached.steps().next().unwrap();
        assert_eq!(first.id, StepId::new(format!("{}/0-attach-web", component.name)));
        let nothing = matches!(&first.verb, Verb::Shift { route: r, candidate, gates, .. }
            if *r == route && *candidate == Percent::ZERO && gates.is_empty());
        assert!(nothing, "{first:?}");
        assert_eq!(attached.components[0].steps[1..], plan.components[0].steps[..]);
        assert_eq!(attached.digest, plan.digest);
    }
}
