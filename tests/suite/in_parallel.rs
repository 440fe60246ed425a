//! How many components of a plan are under way at once: as many as it lets, whichever of them takes long, and the next
//! begins when one is done.

use std::collections::{BTreeMap, BTreeSet};

use tidegate::{
    plan::{Plan, SourceFile},
    rollout::Event,
    simulation::Scenario,
    testkit::Faults,
};

use crate::stage::{End, play, rest};

/// Five services, of which the last needs the first; each takes another while.
fn plan(head: &str) -> Plan {
    use std::fmt::Write as _;
    let mut text = format!("tidegate: 1\nname: many\n{head}components:\n");
    for (name, needs, minutes) in
        [("a", "", 5), ("b", "", 3), ("c", "", 4), ("d", "", 1), ("e", "needs: [a], ", 2)]
    {
        writeln!(text, "  {name}: {{ {needs}steps: [pause: {minutes}m, pause: 1m] }}").unwrap();
    }
    tidegate::plan::read(&SourceFile::new("many.yaml", text.as_str()), &BTreeMap::new())
        .unwrap()
        .plan
}

/// The most components that were under way at once, and how long the run took in minutes.
fn played(head: &str) -> (usize, u64) {
    let plan = plan(head);
    let End { state, journal, .. } = play(&plan, &Scenario::default(), &Faults::none(), None);
    assert_eq!(rest(&state), "Promoted");
    let (mut under_way, mut most) = (BTreeSet::new(), 0);
    for envelope in &journal {
        match &envelope.event {
            Event::StepStarted { step, .. } => {
                under_way.insert(&plan.step(step).unwrap().0.name);
            }
            Event::StepDone { step } => {
                let (component, _) = plan.step(step).unwrap();
                if component.steps.last().is_some_and(|last| last.id == *step) {
                    under_way.remove(&component.name);
                }
            }
            _ => {}
        }
        most = most.max(under_way.len());
    }
    let took = journal.last().unwrap().at.since(journal[0].at);
    (most, took.as_secs() / 60)
}

#[test]
fn no_more_components_are_under_way_than_the_plan_lets() {
    assert_eq!(played(""), (4, 9), "all but the one that needs another");
    assert_eq!(played("max-parallel: 1\n"), (1, 20), "one after the other");
    // a (0 to 6) beside b (0 to 4) and c (4 to 9); then d (6 to 8) and e (8 to 11).
    assert_eq!(played("max-parallel: 2\n"), (2, 11));
}
