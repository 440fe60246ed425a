//! Instances of another version that stand on the candidate side when a run begins, where the plan says to replace them.
//! They are scaled away by a step of their own, so that it is journaled, waited for and undone like any other. The step
//! follows from the plan and from what the run found at its start, which is in its journal: whoever takes the run over
//! derives the same one.

use super::Bindings;
use crate::plan::{Component, FleetName, PATIENCE, Plan, Side, Size, Step, StepId, Verb};

/// The plan with a step ahead of those of a component that is the first to scale a fleet with leftovers.
#[must_use]
pub(super) fn replacing_leftovers(plan: Plan, bindings: &Bindings) -> Plan {
    bindings.leftovers.iter().fold(plan, |mut plan, fleet| {
        let first = plan.components.iter_mut().find(|component| scales(component, fleet));
        if let Some(component) = first {
            let id = StepId::new(format!("{}/0-replace-{fleet}", component.name));
            // Whatever was inserted before goes first.
            if component.steps.iter().all(|step| step.id != id) {
                let to = Size::Instances(0);
                let verb = Verb::Scale { fleet: fleet.clone(), side: Side::Candidate, to };
                component.steps.insert(0, Step { id, verb, timeout: Some(PATIENCE) });
            }
        }
        plan
    })
}

fn scales(component: &Component, of: &FleetName) -> bool {
    component.steps.iter().any(|step| {
        matches!(&step.verb, Verb::Scale { fleet, side: Side::Candidate, .. } if fleet == of)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::sample_plan;

    #[test]
    fn leftovers_are_scaled_away_before_anything_else_and_only_once() {
        let plan = sample_plan();
        assert_eq!(replacing_leftovers(plan.clone(), &Bindings::default()), plan);
        let mut found = Bindings::default();
        found.leftovers.insert(FleetName::new("app"));
        let settled = replacing_leftovers(plan.clone(), &found);
        let ids: Vec<&str> = settled.steps().map(|(_, step)| step.id.as_str()).collect();
        assert_eq!(ids[..2], ["main/0-replace-app", "main/1-scale"]);
        assert_eq!(ids.len(), plan.steps().count() + 1);
        assert_eq!(settled.digest, plan.digest);
        assert_eq!(replacing_leftovers(settled.clone(), &found), settled);
    }
}
