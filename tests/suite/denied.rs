//! Every question of preflight, denied: a run of a shipped plan is refused because of it, naming what to allow, or goes
//! on where ARCHITECTURE.md says that it does; and nothing is changed by asking.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use tidegate::{
    action::preflight,
    cloud::{Access, Operation},
    plan::Plan,
    rollout::Timestamp,
    simulation::{Scenario, World},
    testkit::{Fault, Faults},
};

use crate::stage::{plans, read_plan, repository, wait_for};

/// What is told of a run with these faults: why it is refused, or else of what it is warned.
fn asked(plan: &Plan, faults: &Faults) -> Result<Vec<String>, Vec<String>> {
    let world = World::for_plan(plan, &Scenario::default(), Arc::new(Timestamp::default));
    let cloud = world.placed(plan, &faults.around(&world.flawless_cloud()));
    let settled = wait_for(preflight(plan, &cloud.reads()));
    let told = settled.map(|settled| settled.warnings);
    told.map_err(|refused| {
        refused.into_iter().map(|it| format!("{} / {}", it.problem, it.hint)).collect()
    })
}

/// The row of an operation in the table of what would make a call fail.
fn row(operation: Operation) -> String {
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let beginning = format!("| `{operation}`");
    text.lines().find(|line| line.starts_with(&beginning)).unwrap_or_default().to_owned()
}

#[test]
fn whatever_preflight_may_not_ask_refuses_the_run_or_is_told() {
    let (mut refused, mut told) = (BTreeMap::<Operation, u32>::new(), BTreeSet::new());
    let mut offences = BTreeSet::new();
    for path in plans() {
        let (plan, name) = (read_plan(&path), path.display());
        let made = Arc::new(Mutex::new(BTreeSet::new()));
        let noted = Arc::clone(&made);
        let clean = asked(
            &plan,
            &Faults::new(move |call| {
                noted.lock().unwrap().insert(call.operation);
                None
            }),
        );
        let clean = clean.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
        let made = made.lock().unwrap().clone();
        // AWS lets everybody ask who they are.
        for operation in made.into_iter().filter(|it| *it != Operation::GetCallerIdentity) {
            assert_eq!(operation.access(), Access::Reads, "{name}: preflight calls {operation}");
            let denied =
                Faults::new(move |call| (call.operation == operation).then_some(Fault::Denied));
            match asked(&plan, &denied) {
                Err(objections) => {
                    if !objections.iter().any(|it| it.contains(operation.action())) {
                        offences.insert(format!("{name}, {operation}: {objections:?}"));
                    }
                    *refused.entry(operation).or_default() += 1;
                }
                Ok(warnings) => {
                    let (row, says) = (row(operation), ["warning", "told", "not held against"]);
                    if !says.iter().any(|word| row.contains(word)) {
                        offences.insert(format!("{operation} is let pass, and its row is {row}"));
                    }
                    let said = warnings.iter().any(|it| !clean.contains(it));
                    if !said && !row.contains("not held against") {
                        offences.insert(format!("{name}: {operation} is passed over in silence"));
                    }
                    told.insert(operation);
                }
            }
        }
    }
    println!("denied: {} operations refuse a run: {refused:?}; told: {told:?}", refused.len());
    assert!(offences.is_empty(), "{offences:#?}");
    assert!(refused.len() >= 15, "{refused:?}");
}
