//! Instances of another version that stand on the candidate side when a run begins, where the plan says to replace them.
//! They are scaled away by a step of their own, so that it is journaled, waited for and undone like any other. The step
//! follows from the plan and from what the run found at its start, which is in its journal: whoever takes the run over
//! derives the same one.

use super::Bindings;
use crate::plan::{Aim, Component, FleetName, Plan, Side, scaling_away};

/// The plan with a step ahead of those of a component that is the first to scale a fleet with leftovers.
#[must_use]
pub(super) fn replacing_leftovers(plan: Plan, bindings: &Bindings) -> Plan {
    bindings.leftovers.iter().fold(plan, |mut plan, fleet| {
        let first = plan.components.iter().position(|component| scales(component, fleet));
        if let Some(at) = first
            && let Some(component) = plan.components.edit().get_mut(at)
        {
            let away = scaling_away(&component.name, fleet);
            // Whatever was inserted before goes first.
            if component.steps.iter().all(|step| step.id != away.id) {
                component.steps.insert(0, away);
            }
        }
        plan
    })
}

fn scales(component: &Component, of: &FleetName) -> bool {
    component.steps.iter().any(|step| match step.conduct().aim {
        Aim::Capacity { fleet, side: Side::Candidate, .. } => fleet == of,
        Aim::Capacity { side: Side::Stable, .. }
        | Aim::Nothing
        | Aim::Weights { .. }
        | Aim::Software(_)
        | Aim::TestRoute { .. }
        | Aim::Release { .. }
        | Aim::OldVersions { .. }
        | Aim::Replay(_) => false,
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
