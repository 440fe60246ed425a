//! Gates on streams while traffic moves: a reader that falls behind takes a run back, and one that nobody hears of stops it.

use std::collections::BTreeMap;

use tidegate::{
    plan::{Plan, SourceFile},
    simulation::Scenario,
    testkit::Faults,
};

use crate::stage::{End, play, rest};

const PLAN: &str = "\
tidegate: 1
name: streamed
routes:
  web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } }
fleets:
  app: { autoscaling: { pair: [app-blue, app-green] }, behind: web }
gates:
  lag: { stream: { function: consumer, qualifier: live, below: 30s }, every: 30s, unknown-for: 3m, on-unknown: roll-back }
  clicks: { stream: { name: clicks, below: 1m, periods: 1 of 1 }, every: 30s }
strategy:
  canary: { route: web, fleet: app, steps: [10%, 50%], bake: 10m, gates: [lag, clicks], old-fleet: keep }
";

fn played(scenario: &str) -> End {
    let file = SourceFile::new("streamed.yaml", PLAN);
    let plan: Plan = tidegate::plan::read(&file, &BTreeMap::new()).unwrap().plan;
    let scenario: Scenario =
        tidegate::plan::read_document(&SourceFile::new("scenario.yaml", scenario)).unwrap();
    play(&plan, &scenario, &Faults::none(), None)
}

#[test]
fn a_reader_that_keeps_up_lets_traffic_through_and_one_that_falls_behind_takes_it_back() {
    let end = played("streams: { all: { age: 20s } }");
    assert_eq!(rest(&end.state), "Promoted", "{}", end.story());
    for (name, words) in [
        (
            "consumer",
            "the latest record read by consumer:live was older than 30s in 2 of the last 3 minutes",
        ),
        (
            "clicks",
            "the latest record read from clicks was older than 1m in 1 of the last 1 minutes",
        ),
    ] {
        let late = format!("streams: {{ {name}: {{ later: [{{ at: traffic + 3m, age: 2m }}] }} }}");
        let end = played(&late);
        assert_eq!(rest(&end.state), "RolledBack", "{name}: {}", end.story());
        assert!(end.story().contains(words), "{}", end.story());
        assert_eq!(end.changed(), [""; 0]);
    }
}

#[test]
fn a_stream_that_nobody_reads_any_more_moves_no_traffic_and_ends_as_the_plan_says() {
    let end = played("streams: { consumer: { later: [{ at: traffic + 3m, read: false }] } }");
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    let words = "the age of the latest record read by consumer:live has no figure";
    assert!(end.story().contains(words), "{}", end.story());
    assert_eq!(end.by_operation["ModifyListener"], 2, "to 10 % and back: {}", end.story());
}
