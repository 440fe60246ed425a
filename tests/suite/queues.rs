//! Gates on queues while traffic moves: dead letters, age and depth take a run back, what lay there before does not, and
//! what cannot be read stops traffic where it is. Each of their calls fails here too, as no plan of plans/ has one.

use std::collections::BTreeMap;

use tidegate::{
    cloud::Operation,
    plan::{Plan, SourceFile},
    rollout::{Ending, Mode},
    simulation::Scenario,
    testkit::{Fault, Faults},
};

use crate::stage::{End, play, rest};

const PLAN: &str = "\
tidegate: 1
name: queued
routes:
  web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } }
fleets:
  app: { autoscaling: { pair: [app-blue, app-green] }, behind: web }
gates:
  backlog:
    queue: { name: orders, age: { below: 60s }, depth: { below: 1000, rise: 200 in 5m }, dead-letters: { no-more-than: 0 } }
    every: 30s
    unknown-for: 3m
    on-unknown: roll-back
strategy:
  canary: { route: web, fleet: app, steps: [10%, 50%], bake: 10m, gates: [backlog], old-fleet: keep }
";

fn plan() -> Plan {
    tidegate::plan::read(&SourceFile::new("queued.yaml", PLAN), &BTreeMap::new()).unwrap().plan
}

fn played(scenario: &str, faults: &Faults) -> End {
    let scenario: Scenario =
        tidegate::plan::read_document(&SourceFile::new("scenario.yaml", scenario)).unwrap();
    play(&plan(), &scenario, faults, None)
}

fn failing(later: &str) -> End {
    let end = played(
        &format!(
            "queues: {{ orders: {{ dead-letters: 40, later: [{{ at: traffic + 4m, {later} }}] }} }}"
        ),
        &Faults::none(),
    );
    assert_eq!(rest(&end.state), "RolledBack", "{later}: {}", end.story());
    assert_eq!(end.changed(), [""; 0]);
    end
}

#[test]
fn a_queue_that_is_emptied_lets_traffic_through_whatever_dead_letters_it_has_had() {
    let end = played("queues: { orders: { dead-letters: 40 } }", &Faults::none());
    assert_eq!(rest(&end.state), "Promoted", "{}", end.story());
}

#[test]
fn a_new_dead_letter_takes_traffic_back_and_so_does_age_depth_or_growth() {
    let letter = failing("dead-letters: 41");
    let words = "dead letters of orders since the run began: 1, at most 0 allowed";
    assert!(letter.story().contains(words), "{}", letter.story());
    let old = failing("age: 2m");
    let words = "the oldest message of orders was older than 1m in 2 of the last 3 minutes";
    assert!(old.story().contains(words), "{}", old.story());
    let deep = failing("depth: 1001");
    let words = "1001 messages wait in orders, more than 1000";
    assert!(deep.story().contains(words), "{}", deep.story());
    let growing = failing("growth: 60/min");
    assert!(growing.story().contains("in 5m, more than 200"), "{}", growing.story());
}

#[test]
fn dead_letters_that_are_taken_out_hide_no_new_ones() {
    let end = played(
        "queues: { orders: { dead-letters: 40, later: [{ at: traffic + 3m, dead-letters: 0 }, \
         { at: traffic + 6m, dead-letters: 5 }] } }",
        &Faults::none(),
    );
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    assert!(end.story().contains("since the run began: 5, at most 0"), "{}", end.story());
}

#[test]
fn a_queue_that_cannot_be_read_moves_no_traffic_and_ends_as_the_plan_says() {
    for operation in [Operation::GetQueueAttributes, Operation::GetMetricData] {
        let scenario =
            format!("faults: [{{ operation: {operation}, kind: throttle, from: traffic + 2m }}]");
        let end = played(&scenario, &Faults::none());
        assert_eq!(rest(&end.state), "RolledBack", "{operation}: {}", end.story());
        assert_eq!(end.by_operation["ModifyListener"], 2, "to 10 % and back: {}", end.story());
    }
}

#[test]
fn a_call_that_fails_once_delays_and_is_never_taken_for_an_answer() {
    for operation in [Operation::GetQueueAttributes, Operation::GetMetricData] {
        for fault in [Fault::Throttle, Fault::Transient, Fault::Denied, Fault::TimeoutAfterEffect] {
            // The first two are those of preflight.
            for nth in 3..=6 {
                let end = played("{}", &Faults::nth_of(operation, nth, fault));
                let promoted = matches!(end.state.mode, Mode::Ended(Ending::Promoted));
                assert!(promoted, "{operation} {fault:?} at {nth}: {}", end.story());
            }
        }
    }
}
