//! Users who invoke an alias while its weights move: the share of them that a new version gets, and a version that is worse
//! than the old one by less than any alarm would tell. Their functions run, and so their metrics are real.

use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, StateValue, Statistic};
use aws_sdk_lambda::Client;
use serde_json::Value;

use crate::{
    aliases,
    load::Load,
    world::{Ended, World},
};

/// So many are sent to an alias to know its split: at a tenth, a twentieth more or less would be ten standard deviations off.
const INVOCATIONS: u32 = 1_000;

/// Of a share that was seen in so many trials: where the true one lies, in all but one of ten thousand cases. The score
/// interval of Wilson.
fn interval(seen: u32, trials: u32) -> (f64, f64) {
    const Z: f64 = 3.89;
    let (n, p) = (f64::from(trials), f64::from(seen) / f64::from(trials));
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    ((middle - half) / scale, (middle + half) / scale)
}

/// Which version answered each of so many invocations of `live`.
fn answers(world: &World, of: &str) -> u32 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(&runtime.block_on(aws_config::from_env().load()));
    let mut seen = 0;
    for _ in 0..INVOCATIONS {
        let call = client.invoke().function_name(&world.prefix).qualifier("live");
        let answer = runtime.block_on(call.send()).unwrap();
        seen += u32::from(answer.executed_version() == Some(of));
    }
    seen
}

#[test]
fn a_tenth_of_the_invocations_reach_the_candidate_when_the_plan_says_so() {
    let world = World::of_kind("lambda", "fnshare");
    let run = world.start(&["run", &aliases::plan(&world, "2", "20m")]);
    world.wait_for("bake-started");
    let seen = answers(&world, "2");
    let (least, most) = interval(seen, INVOCATIONS);
    println!(
        "{seen} of {INVOCATIONS} invocations reached the candidate at 10 %: between {:.1} % and {:.1} %, 99.99 % sure",
        least * 100.0,
        most * 100.0
    );
    assert!((least..=most).contains(&0.1), "{seen} of {INVOCATIONS}");
    world.set_alarm("errors", StateValue::Alarm);
    Ended::wait(run).expect(4);
    assert_eq!(answers(&world, "2"), 0, "taken back, nobody reaches it");
}

/// An alarm that goes off above so many errors of the alias in a minute.
fn add_alarm(world: &World, limit: f64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let settings = runtime.block_on(aws_config::from_env().load());
    let prefix = &world.prefix;
    let dimensions = [("FunctionName", prefix.clone()), ("Resource", format!("{prefix}:live"))];
    let dimensions =
        dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let call = aws_sdk_cloudwatch::Client::new(&settings)
        .put_metric_alarm()
        .alarm_name(format!("{prefix}-many"))
        .namespace("AWS/Lambda")
        .metric_name("Errors")
        .set_dimensions(Some(dimensions.into()))
        .statistic(Statistic::Sum)
        .period(60)
        .evaluation_periods(1)
        .threshold(limit)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .treat_missing_data("notBreaching");
    runtime.block_on(call.send()).unwrap();
}

fn event(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Three in a hundred fail, of some ten a second: some ten errors a minute. The alarm wants two hundred.
#[test]
fn a_candidate_that_fails_a_little_more_is_found_by_comparison_though_no_alarm_goes_off() {
    let world = World::of_kind("lambda", "fnworse");
    world.release(&["--unpublished", "--latency-ms", "1", "--error-rate", "0.03"]);
    add_alarm(&world, 200.0);
    let load = Load::invoking("live", &world.prefix, 12);
    let prefix = &world.prefix;
    let plan = world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  requests: {{ lambda: {{ function: {prefix}, alias: live, candidate: published, settle: 1s }} }}
gates:
  alarm: {{ alarms: {{ names: [{prefix}-many] }}, every: 1s }}
  judge: {{ compare: {{ route: requests, deadline: 20m }} }}
steps:
  - publish: requests
  - shift: {{ route: requests, candidate: 50%, bake: 15m, gates: [alarm, judge], timeout: 30m }}
"
    ));
    // A delay of nothing, which counts.
    let counter =
        world.fault("lambda.UpdateAlias", r#""kind": "delay", "times": 1000, "delay_seconds": 0"#);
    let ended = world.run(&["run", &plan]);
    let seen = load.stop();
    let moved = world.lift(&counter);
    assert!(ended.expect(4).told.contains("gate judge: fail"), "{}", ended.told);
    assert!(!ended.told.contains("is in ALARM"), "{}", ended.told);
    assert_eq!(moved, 2, "one call to give it half, and one to take that back: {}", ended.told);
    let events: Vec<Value> = world.events().iter().map(|text| event(text)).collect();
    let at = |name: &str| {
        let found = events.iter().find(|it| it["event"]["event"] == name);
        found.unwrap_or_else(|| panic!("no {name}: {}", ended.told))["at"].as_i64().unwrap()
    };
    println!(
        "found after {} s of traffic ({} errors of {} invocations); {} ms from the failed reading to the alias back",
        (at("step-failed") - at("bake-started")) / 1_000,
        seen.errors,
        seen.requests,
        at("restored") - at("step-failed")
    );
    assert_eq!(aliases::alias(&world), ("1".to_owned(), Vec::new()));
}
