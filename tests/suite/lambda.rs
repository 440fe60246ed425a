//! A function that is asked while traffic moves: what it says decides, and what cannot be understood stops traffic
//! where it is. A fault at each of its calls is in here too, because no plan of plans/ needs a function.

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
name: asked
routes:
  web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } }
fleets:
  app: { autoscaling: { pair: [app-blue, app-green] }, behind: web }
gates:
  errors: { alarms: { names: [checkout-5xx] } }
  verify:
    lambda: { function: verify, qualifier: live, timeout: 10s }
    every: 15s
    unknown-for: 1m
    on-unknown: roll-back
strategy:
  canary: { route: web, fleet: app, steps: [10%, 50%], bake: 5m, gates: [errors, verify], old-fleet: keep }
";

fn plan() -> Plan {
    tidegate::plan::read(&SourceFile::new("asked.yaml", PLAN), &BTreeMap::new()).unwrap().plan
}

fn played(scenario: &str, faults: &Faults) -> End {
    let scenario: Scenario =
        tidegate::plan::read_document(&SourceFile::new("scenario.yaml", scenario)).unwrap();
    play(&plan(), &scenario, faults, None)
}

#[test]
fn a_function_that_passes_lets_traffic_through_and_one_that_fails_takes_it_back() {
    let passed = played("function: { because: all well }", &Faults::none());
    assert_eq!(rest(&passed.state), "Promoted", "{}", passed.story());
    assert!(passed.story().contains("verify:live says pass: all well"), "{}", passed.story());
    let failed = played(
        "function: { outcome: fail, because: 3 orders are missing, from: traffic + 7m }",
        &Faults::none(),
    );
    assert_eq!(rest(&failed.state), "RolledBack", "{}", failed.story());
    assert_eq!(failed.changed(), [""; 0]);
    assert!(failed.story().contains("verify:live says fail: 3 orders are missing"));
}

#[test]
fn a_function_that_breaks_or_takes_too_long_never_passes() {
    for broken in [
        "function: { error: boom, from: traffic + 2m }",
        "function: { takes: 11s, from: traffic + 2m }",
    ] {
        let end = played(broken, &Faults::none());
        assert_eq!(rest(&end.state), "RolledBack", "{broken}: {}", end.story());
        let changes = end.by_operation["ModifyListener"];
        assert_eq!(changes, 2, "to 10 % and back: {broken}: {}", end.story());
    }
}

#[test]
fn a_call_that_fails_once_delays_and_is_never_taken_for_an_answer() {
    let invocations = played("{}", &Faults::none()).by_operation["Invoke"];
    assert!(invocations > 20, "{invocations}");
    for fault in [Fault::Throttle, Fault::Transient, Fault::Denied, Fault::TimeoutAfterEffect] {
        for nth in 1..=5 {
            let end = played("{}", &Faults::nth_of(Operation::Invoke, nth, fault));
            let promoted = matches!(end.state.mode, Mode::Ended(Ending::Promoted));
            assert!(promoted, "{fault:?} at {nth}: {}", end.story());
        }
    }
}
