//! Gates that listen: an alarm that goes off stops the run within a second, long before its gate's next poll, and a
//! queue that is lost leaves the polls.

use std::time::Duration;

use aws_sdk_cloudwatch::types::StateValue;
use tidegate::rollout::{Event, Timestamp};

use crate::world::{Ended, World};

/// The canary, its alarms asked this often, with or without ears for them.
fn plan(world: &World, every: &str, listen: &str) -> String {
    world.plan("canary-alb.yaml", |text| {
        let names = "alarms: { names: [\"${app}-5xx\", \"${app}-latency\"]";
        text.replace(&format!("{names} }}"), &format!("{names}{listen} }}\n    every: {every}"))
    })
}

const LISTEN: &str = ", listen: { sqs: \"${app}-alarms\" }";

/// When the step failed, by the journal.
fn failed_at(world: &World) -> Timestamp {
    world
        .events()
        .into_iter()
        .find_map(|text| {
            let file: serde_json::Value = serde_json::from_str(&text).unwrap();
            let event: Event = serde_json::from_value(file["event"].clone()).unwrap();
            let at: Timestamp = serde_json::from_value(file["at"].clone()).unwrap();
            matches!(event, Event::StepFailed { .. }).then_some(at)
        })
        .unwrap()
}

/// Lets an alarm go off in the middle of a bake. How long it takes until the step has failed.
fn reaction(prefix: &str, listen: &str) -> Duration {
    let world = World::new(prefix);
    let before = world.snapshot();
    let plan = plan(&world, "1m", listen);
    let run = world.start(&["run", &plan, "--param", "bake=20s"]);
    world.wait_for("bake-started");
    // The poll that the bake begins with is over by then, and the next is due at its end.
    std::thread::sleep(Duration::from_secs(3));
    world.set_alarm("latency", StateValue::Alarm);
    let ended = Ended::wait(run);
    let told = &ended.expect(4).told;
    assert!(told.contains("gate errors: fail"), "{told}");
    assert_eq!(world.snapshot(), before);
    failed_at(&world).since(world.went_off("latency"))
}

/// Longer than a pushed alarm takes, and shorter than the time until the next poll. What it took is told.
const BETWEEN: Duration = Duration::from_secs(5);

/// On a machine that does other things besides, one run of a few may be slow, or its first poll late.
fn once_in_three(name: &str, listen: &str, as_wished: fn(Duration) -> bool) {
    let took = (1..=3).map(|attempt| reaction(&format!("{name}{attempt}"), listen));
    let mut told =
        took.inspect(|took| println!("{name}: the step failed {took:?} after the alarm"));
    assert!(told.any(as_wished));
}

#[test]
fn push_reacts_long_before_the_next_poll() {
    once_in_three("push", LISTEN, |took| took < BETWEEN);
}

#[test]
fn without_push_the_next_poll_finds_it() {
    once_in_three("pushless", "", |took| took > BETWEEN);
}

#[test]
fn a_queue_that_is_lost_is_told_and_the_polls_go_on() {
    let world = World::new("pushlost");
    let plan = plan(&world, "2s", LISTEN);
    let run = world.start(&["run", &plan, "--param", "bake=40s"]);
    world.wait_for("bake-started");
    world.delete_alarm_queue();
    // A long poll that was under way may end first, which takes 20 seconds.
    std::thread::sleep(Duration::from_secs(25));
    world.set_alarm("latency", StateValue::Alarm);
    let ended = Ended::wait(run);
    assert!(ended.expect(4).talk.contains("no news of alarms from queue"), "{}", ended.talk);
}

#[test]
fn a_queue_that_is_not_there_is_refused_before_anything_is_touched() {
    let world = World::new("pushnone");
    world.delete_alarm_queue();
    let plan = plan(&world, "15s", LISTEN);
    let ended = world.run(&["run", &plan]);
    assert!(
        ended.expect(3).talk.contains("queue pushnone-alarms does not exist"),
        "{}",
        ended.talk
    );
}
