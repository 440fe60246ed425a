//! What a queue or a stream has, handed from one version of a function to another by its event source mapping, or shared by
//! two of a queue, while events come: each is handled once, and nobody reads whom the run has not let.

use std::{
    thread,
    time::{Duration, Instant},
};

use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_lambda::{Client, types::ScalingConfig};
use serde_json::Value;

use crate::{
    load::{Handled, Load},
    world::{Ended, World},
};

/// Events a second. Each is handled by a process of its own, and there are worlds beside this one.
const RATE: u32 = 4;

fn client() -> (tokio::runtime::Runtime, Client) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(&runtime.block_on(aws_config::from_env().load()));
    (runtime, client)
}

fn mapping(world: &World) -> &str {
    world.seeded["event_source_mapping"].as_str().unwrap()
}

/// The mapping leads to the alias of version 1, and is handed to version 2.
pub(crate) fn handed(world: &World, bake: &str, drain: &str) -> String {
    let (prefix, mapping) = (&world.prefix, mapping(world));
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  events:
    event-source: {{ mapping: {mapping}, stable: '{prefix}:live', candidate: '{prefix}:2', {drain} settle: 1s }}
gates:
  alarms: {{ alarms: {{ names: [{prefix}-errors] }}, every: 1s }}
steps:
  - wait: {{ until: {{ healthy: {{ route: events, side: candidate }} }} }}
  - shift: {{ route: events, candidate: 100%, bake: {bake}, gates: [alarms] }}
"
    ))
}

/// Half of four batches at once, then all.
fn shared(world: &World, bake: &str) -> String {
    let prefix = &world.prefix;
    let (stable, candidate) = (mapping(world), beside(world));
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  events: {{ event-source: {{ stable: {stable}, candidate: {candidate}, concurrency: 4, settle: 1s }} }}
gates:
  alarms: {{ alarms: {{ names: [{prefix}-errors] }}, every: 1s }}
steps:
  - shift: {{ route: events, candidate: 50%, bake: {bake}, gates: [alarms] }}
  - shift: {{ route: events, candidate: 100%, bake: {bake}, gates: [alarms] }}
"
    ))
}

/// A disabled mapping of the same queue to version 2, beside one that is held to four batches.
fn beside(world: &World) -> String {
    let (runtime, client) = client();
    let four = ScalingConfig::builder().maximum_concurrency(4).build();
    let call = client.update_event_source_mapping().uuid(mapping(world)).scaling_config(four);
    let stable = runtime.block_on(call.send()).unwrap();
    let call = client
        .create_event_source_mapping()
        .event_source_arn(stable.event_source_arn().unwrap())
        .function_name(format!("{}:2", world.prefix))
        .enabled(false);
    let made = runtime.block_on(call.send()).unwrap();
    let uuid = made.uuid().unwrap().to_owned();
    comes_to(mapping(world), "Enabled");
    comes_to(&uuid, "Disabled");
    uuid
}

fn comes_to(uuid: &str, state: &str) {
    let ((runtime, client), start) = (client(), Instant::now());
    while start.elapsed() < Duration::from_mins(2) {
        let told = runtime.block_on(client.get_event_source_mapping().uuid(uuid).send()).unwrap();
        if told.state() == Some(state) {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{uuid} does not become {state}");
}

/// As a colleague would.
fn disable(uuid: &str) {
    let (runtime, client) = client();
    let call = client.update_event_source_mapping().uuid(uuid).enabled(false);
    runtime.block_on(call.send()).unwrap();
    comes_to(uuid, "Disabled");
}

/// The mappings, by what they read and the function that they lead to.
fn mappings(world: &World) -> Vec<(String, Value)> {
    let described: Value = serde_json::from_str(&world.described()).unwrap();
    let all = described["event_source_mappings"].as_object().unwrap();
    let of = |(name, told): (&String, &Value)| {
        (name.rsplit(" -> ").next().unwrap().to_owned(), told.clone())
    };
    all.iter().map(of).collect()
}

/// Every event that was sent was handled once, and none is among the dead letters.
fn once_each(handled: &Handled) {
    println!("{handled:?}");
    assert!(handled.sent > 20, "{handled:?}");
    assert_eq!((handled.once, handled.lost, handled.twice), (handled.sent, 0, 0), "{handled:?}");
    assert_eq!(handled.dead_letters, 0, "{handled:?}");
}

fn by_both(handled: &Handled) {
    let versions: Vec<&str> = handled.by_version.keys().map(String::as_str).collect();
    assert_eq!(versions, ["1", "2"], "{handled:?}");
}

/// Handed over and, when it was promoted, back again.
fn there_and_back(kind: &str, prefix: &str, drain: &str) {
    let world = World::of_kind(kind, prefix);
    let before = world.described();
    let load = Load::events(prefix, RATE);
    thread::sleep(Duration::from_secs(2));
    world.run(&["run", &handed(&world, "4s", drain)]).expect(0);
    let (reader, told) = mappings(&world).remove(0);
    assert_eq!(reader, format!("{prefix}:2"));
    assert_eq!(told["state"], "Enabled");
    thread::sleep(Duration::from_secs(2));
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(world.described(), before);
    thread::sleep(Duration::from_secs(2));
    let handled = load.settle();
    once_each(&handled);
    by_both(&handled);
}

#[test]
fn a_queue_is_handed_over_and_back_and_every_event_is_handled_once() {
    // A queue tells when nobody has anything of it, long before the function's minute is over.
    there_and_back("event-driven", "maphand", "");
}

#[test]
fn a_stream_is_handed_over_and_back_and_every_record_is_handled_once() {
    there_and_back("stream", "mapstream", "drain: 4s,");
}

#[test]
fn a_queue_is_handed_back_when_an_alarm_goes_off() {
    let world = World::of_kind("event-driven", "mapback");
    let before = world.described();
    let load = Load::events("mapback", RATE);
    let run = world.start(&["run", &handed(&world, "5m", "")]);
    world.wait_for("bake-started");
    world.set_alarm("errors", StateValue::Alarm);
    Ended::wait(run).expect(4);
    assert_eq!(world.described(), before);
    once_each(&load.settle());
}

/// Killed when the mapping has been disabled and while it is drained, and taken up again each time.
#[test]
fn a_hand_over_that_is_killed_between_its_calls_is_completed() {
    let world = World::of_kind("stream", "mapkill");
    let load = Load::events("mapkill", RATE);
    let plan = handed(&world, "2s", "drain: 10s,");
    let mut run = world.start(&["run", &plan]);
    world.wait_for("change-intended");
    let uuid = mapping(&world);
    comes_to(uuid, "Disabled");
    for pause in [0, 2] {
        thread::sleep(Duration::from_secs(pause));
        run.kill().unwrap();
        Ended::wait(run);
        run = world.start(&["resume"]);
    }
    Ended::wait(run).expect(0);
    let handled = load.settle();
    once_each(&handled);
    assert!(handled.by_version.contains_key("2"), "{handled:?}");
}

#[test]
fn a_hand_over_that_is_killed_while_nobody_reads_can_be_taken_back() {
    let world = World::of_kind("event-driven", "mapabort");
    let before = world.described();
    let load = Load::events("mapabort", RATE);
    let mut run = world.start(&["run", &handed(&world, "5m", "drain: 1m,")]);
    world.wait_for("change-intended");
    comes_to(mapping(&world), "Disabled");
    run.kill().unwrap();
    Ended::wait(run);
    world.run(&["rollback", "--reason", "somebody pulled the plug"]).expect(4);
    assert_eq!(world.described(), before);
    once_each(&load.settle());
}

/// How many messages are among the dead letters of a world.
fn dead_letters(world: &World) -> u32 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = aws_sdk_sqs::Client::new(&runtime.block_on(aws_config::from_env().load()));
    let url = world.seeded["dead_letter_queue"].as_str().unwrap();
    let name = aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages;
    let call = client.get_queue_attributes().queue_url(url).attribute_names(name.clone());
    let told = runtime.block_on(call.send()).unwrap();
    told.attributes().unwrap()[&name].parse().unwrap()
}

/// What is failed once is given up when it would be received again.
fn hasten(world: &World) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = aws_sdk_sqs::Client::new(&runtime.block_on(aws_config::from_env().load()));
    let url = world.seeded["queue"].as_str().unwrap();
    let name = aws_sdk_sqs::types::QueueAttributeName::RedrivePolicy;
    let dead = format!("arn:aws:sqs:eu-west-1:000000000000:{}-dead", world.prefix);
    let policy = serde_json::json!({ "deadLetterTargetArn": dead, "maxReceiveCount": "1" });
    let call = client.set_queue_attributes().queue_url(url).attributes(name, policy.to_string());
    runtime.block_on(call.send()).unwrap();
}

/// Version 3 fails every event. What it has failed is handled once the old version reads again.
#[test]
fn what_the_new_version_has_failed_is_handled_by_the_old_one_after_going_back() {
    let world = World::of_kind("event-driven", "mapredrive");
    world.release(&["--error-rate", "1"]);
    hasten(&world);
    let before = world.described();
    let plan = handed(&world, "10m", "redrive: bring-back,");
    let plan = world.plan_text(&plan, |text| text.replace("mapredrive:2", "mapredrive:3"));
    let load = Load::events("mapredrive", 3);
    let run = world.start(&["run", &plan]);
    world.wait_for("bake-started");
    let start = Instant::now();
    while dead_letters(&world) < 5 {
        assert!(start.elapsed() < Duration::from_mins(10), "nothing is given up");
        thread::sleep(Duration::from_millis(500));
    }
    let given_up = dead_letters(&world);
    world.set_alarm("errors", StateValue::Alarm);
    let ended = Ended::wait(run);
    println!("{given_up} dead letters, then {}", ended.expect(4).told);
    assert_eq!(world.described(), before);
    assert_eq!(dead_letters(&world), 0);
    let handled = load.settle();
    once_each(&handled);
    assert!(!handled.by_version.contains_key("3"), "{handled:?}");
    // What lies there before a run is somebody else's.
    crate::queues::Queues::new().send(&world, "dead_letter_queue");
    let warned = world.run(&["plan", &plan]);
    let told = format!("{}{}", warned.told, warned.talk);
    assert!(told.contains("start-message-move-task --source-arn"), "{told}");
}

#[test]
fn two_mappings_share_a_queue_and_the_new_one_has_it_in_the_end() {
    let world = World::of_kind("event-driven", "mapshare");
    let load = Load::events("mapshare", RATE);
    let run = world.start(&["run", &shared(&world, "6s")]);
    world.wait_for("bake-started");
    world.run(&["status"]).expect(0);
    let ended = Ended::wait(run);
    println!("{}", ended.expect(0).told);
    let told = |function: &str| {
        let all = mappings(&world);
        let found = all.into_iter().find(|(reader, _)| reader.ends_with(function));
        let (_, told) = found.unwrap_or_else(|| panic!("nobody leads to {function}"));
        (told["state"].as_str().unwrap().to_owned(), told["ScalingConfig"].clone())
    };
    assert_eq!(told(":live").0, "Disabled");
    let four = serde_json::json!({ "MaximumConcurrency": 4 });
    assert_eq!(told(":2"), ("Enabled".to_owned(), four.clone()));
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(told(":live"), ("Enabled".to_owned(), four));
    assert_eq!(told(":2").0, "Disabled");
    let handled = load.settle();
    once_each(&handled);
    by_both(&handled);
}

#[test]
fn a_mapping_that_somebody_disables_is_not_enabled_again() {
    let world = World::of_kind("event-driven", "mapdrift");
    let run = world.start(&["run", &handed(&world, "2m", "")]);
    world.wait_for("bake-started");
    disable(mapping(&world));
    let ended = Ended::wait(run);
    let told = &ended.expect(8).told;
    assert!(told.contains("update-event-source-mapping"), "{told}");
    let (_, told) = mappings(&world).remove(0);
    assert_eq!(told["state"], "Disabled");
}

#[test]
fn what_cannot_be_handed_over_is_known_beforehand() {
    let world = World::of_kind("event-driven", "mapnone");
    let plan = handed(&world, "2s", "");
    let uuid = mapping(&world).to_owned();
    let refused = |change: &dyn Fn(String) -> String| {
        let refused = world.run(&["run", &world.plan_text(&plan, change)]);
        refused.expect(3).talk.clone()
    };
    let other = uuid.replacen(&uuid[..1], if uuid.starts_with('0') { "1" } else { "0" }, 1);
    let absent = refused(&|text| text.replace(&uuid, &other));
    assert!(absent.contains(&format!("event source mapping {other} does not exist")), "{absent}");
    let leads = refused(&|text| text.replace("mapnone:live", "mapnone:1"));
    assert!(leads.contains("leads to mapnone:live, not to mapnone:1"), "{leads}");
    let absent = refused(&|text| text.replace("mapnone:2", "mapnone:7"));
    assert!(absent.contains("function mapnone:7 does not exist"), "{absent}");
    let mapped = beside(&world);
    let twin = refused(&|text| text.replace("bake: 2s", "bake: 3s"));
    assert!(twin.contains("mapnone:2 has a mapping of arn:aws:sqs:"), "{twin}");
    assert!(twin.contains(&mapped), "{twin}");
    disable(&uuid);
    let idle = refused(&|text| text.replace("bake: 2s", "bake: 3s"));
    assert!(idle.contains("so nobody reads"), "{idle}");
}
