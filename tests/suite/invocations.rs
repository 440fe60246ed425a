//! Events that a gate makes up for the candidate of a function's alias: wrong answers stop a run before any traffic, or take
//! it back, and what is not answered moves nothing.

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
name: invoked
routes:
  requests: { lambda: { function: orders, alias: live, candidate: 2 } }
gates:
  smoke:
    invoke:
      route: requests
      timeout: 10s
      events:
        - { name: an order, payload: { id: 7 }, expect: { status: 200, within: 2s, equal: { /body/ok: true } } }
        - { payload: { id: 8 } }
    every: 30s
    unknown-for: 3m
    on-unknown: roll-back
steps:
  - probe: smoke
  - shift: { route: requests, candidate: 10%, bake: 10m, gates: [smoke] }
  - shift: { route: requests, candidate: 100%, bake: 10m, gates: [smoke] }
";

fn played(scenario: &str, faults: &Faults) -> End {
    let file = SourceFile::new("invoked.yaml", PLAN);
    let plan: Plan = tidegate::plan::read(&file, &BTreeMap::new()).unwrap().plan;
    let scenario: Scenario =
        tidegate::plan::read_document(&SourceFile::new("scenario.yaml", scenario)).unwrap();
    play(&plan, &scenario, faults, None)
}

#[test]
fn a_candidate_that_answers_rightly_gets_its_traffic_and_is_named_by_its_version() {
    let end = played("{}", &Faults::none());
    assert_eq!(rest(&end.state), "Promoted", "{}", end.story());
    let words = "orders:2 answers as expected to 2 of 2 events";
    assert!(end.story().contains(words), "{}", end.story());
}

#[test]
fn a_candidate_that_fails_an_event_gets_no_traffic_at_all() {
    for (wrong, words) in [
        ("error: boom", "event 1 (an order): the function failed (Unhandled)"),
        ("answer: { statusCode: 503 }", "event 1 (an order): status 503, not 200"),
        ("answer: { statusCode: 200, body: { ok: false } }", "/body/ok is false, not true"),
        ("takes: 3s", "it took 3s, more than 2s"),
    ] {
        let end = played(&format!("invocations: {{ {wrong} }}"), &Faults::none());
        assert_eq!(rest(&end.state), "RolledBack", "{wrong}: {}", end.story());
        assert!(end.story().contains(words), "{wrong}: {}", end.story());
        assert_eq!(end.by_operation.get("UpdateAlias"), None, "{wrong}: {}", end.story());
    }
}

#[test]
fn a_candidate_that_begins_to_answer_wrongly_or_not_at_all_is_taken_back() {
    for later in ["error: boom", "takes: 11s"] {
        let scenario = format!("invocations: {{ {later}, from: traffic + 3m }}");
        let end = played(&scenario, &Faults::none());
        assert_eq!(rest(&end.state), "RolledBack", "{later}: {}", end.story());
        assert_eq!(end.by_operation["UpdateAlias"], 2, "to 10 % and back: {}", end.story());
        assert_eq!(end.changed(), [""; 0]);
    }
}

#[test]
fn a_call_that_fails_once_delays_and_is_never_taken_for_an_answer() {
    for fault in [Fault::Throttle, Fault::Transient, Fault::Denied, Fault::TimeoutAfterEffect] {
        // The first is the dry run of preflight.
        for nth in 2..=5 {
            let end = played("{}", &Faults::nth_of(Operation::Invoke, nth, fault));
            let promoted = matches!(end.state.mode, Mode::Ended(Ending::Promoted));
            assert!(promoted, "{fault:?} at {nth}: {}", end.story());
        }
    }
}
