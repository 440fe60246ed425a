//! A function that handles events, from a bus through a queue and from a stream, rolled out while they come: each is
//! handled once, whatever becomes of the run. `TIDEGATE_EVENTS=10000` lets so many come, at a thousand a minute, to the
//! run that is taken back in the middle and to the one that is killed.

use std::{thread, time::Duration};

use aws_sdk_cloudwatch::types::StateValue;

use crate::{
    load::{Handled, Load},
    world::{Ended, World},
};

/// Events a second. Each is handled by a process of its own, and there are worlds beside this one.
const RATE: u32 = 5;
/// A thousand a minute.
const THOUSAND: u32 = 17;

/// Publishes what is uploaded, and gives it a tenth of the batches, half, and all.
fn plan(world: &World, bake: &str) -> String {
    let prefix = &world.prefix;
    // How old an event may become depends on how busy this machine is, so no alarm on that is asked.
    let kinds = world.seeded["alarms"].as_object().unwrap().keys();
    let kinds = kinds.filter(|kind| ["errors", "dead"].contains(&kind.as_str()));
    let alarms: Vec<String> = kinds.map(|kind| format!("{prefix}-{kind}")).collect();
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  batches: {{ lambda: {{ function: {prefix}, alias: live, candidate: published, settle: 1s }} }}
gates:
  alarms: {{ alarms: {{ names: [{}] }}, every: 1s }}
steps:
  - publish: batches
  - shift: {{ route: batches, candidate: 10%, bake: {bake}, gates: [alarms] }}
  - shift: {{ route: batches, candidate: 50%, bake: {bake}, gates: [alarms] }}
  - shift: {{ route: batches, candidate: 100%, bake: {bake}, gates: [alarms] }}
",
        alarms.join(", ")
    ))
}

fn began(kind: &str, prefix: &str, rate: u32, release: &[&str]) -> (World, Load) {
    let world = World::of_kind(kind, prefix);
    world.release(&[&["--unpublished", "--latency-ms", "1"], release].concat());
    let load = Load::events(prefix, rate);
    (world, load)
}

/// How long it takes until this part of the events that were asked for has come; `least` where none were.
fn until_came(part: f64, least: u64) -> Duration {
    let events = std::env::var("TIDEGATE_EVENTS").map_or(0.0, |events| events.parse().unwrap());
    Duration::from_secs(least).max(Duration::from_secs_f64(events * part / f64::from(THOUSAND)))
}

/// Every event that was sent was handled once, and none is among the dead letters.
fn once_each(handled: &Handled) {
    println!("{handled:?}");
    assert!(handled.sent > 20, "{handled:?}");
    assert_eq!((handled.once, handled.lost, handled.twice), (handled.sent, 0, 0), "{handled:?}");
    assert_eq!(handled.dead_letters, 0, "{handled:?}");
}

fn promoted(kind: &str, prefix: &str) {
    let (world, load) = began(kind, prefix, RATE, &[]);
    world.run(&["run", &plan(&world, "4s")]).expect(0);
    thread::sleep(Duration::from_secs(2));
    let handled = load.settle();
    once_each(&handled);
    let versions: Vec<&str> = handled.by_version.keys().map(String::as_str).collect();
    assert_eq!(versions, ["1", "3"], "{handled:?}");
}

#[test]
fn events_of_a_queue_are_handled_once_while_a_new_version_takes_over() {
    promoted("event-driven", "evqueue");
}

#[test]
fn records_of_a_stream_are_handled_once_while_a_new_version_takes_over() {
    promoted("stream", "evstream");
}

#[test]
fn events_are_handled_once_when_the_new_version_is_taken_back() {
    let half = until_came(0.5, 3);
    let rate = if half.as_secs() > 3 { THOUSAND } else { RATE };
    let (world, load) = began("event-driven", "evback", rate, &[]);
    let run = world.start(&["run", &plan(&world, "1h")]);
    world.wait_for("bake-started");
    thread::sleep(half);
    world.set_alarm("errors", StateValue::Alarm);
    Ended::wait(run).expect(4);
    thread::sleep(half);
    once_each(&load.settle());
}

/// What a version cannot handle comes back to the queue, and the old one handles it.
#[test]
fn events_that_a_bad_version_fails_are_handled_by_the_old_one() {
    let (world, load) = began("event-driven", "evpoison", RATE, &["--error-rate", "1"]);
    let ended = world.run(&["run", &plan(&world, "3m")]);
    assert!(ended.expect(4).told.contains("evpoison-errors is in ALARM"), "{}", ended.told);
    let handled = load.settle();
    println!("{handled:?}");
    // One in a thousand fails three times at a tenth of the batches, and is a dead letter by then.
    assert_eq!(handled.lost, handled.dead_letters, "{handled:?}");
    assert!(handled.dead_letters <= 2, "{handled:?}");
    assert_eq!((handled.once + handled.lost, handled.twice), (handled.sent, 0), "{handled:?}");
    assert_eq!(handled.by_version.keys().collect::<Vec<_>>(), ["1"], "{handled:?}");
}

/// Killed at ten places, and taken up again each time.
#[test]
fn events_are_handled_once_though_the_run_is_killed_ten_times() {
    let (world, load) = began("event-driven", "evkill", THOUSAND, &[]);
    let bake = format!("{}s", until_came(0.34, 2).as_secs());
    let mut run = world.start(&["run", &plan(&world, &bake)]);
    for events in [2, 4, 5, 7, 9, 12, 15, 18, 21, 24] {
        world.wait_until("the place to die", |seen| seen.len() >= events);
        run.kill().unwrap();
        Ended::wait(run);
        run = world.start(&["resume"]);
    }
    Ended::wait(run).expect(0);
    let handled = load.settle();
    once_each(&handled);
    assert!(handled.by_version.contains_key("3"), "{handled:?}");
}
