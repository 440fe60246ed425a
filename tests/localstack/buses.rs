//! A target of a rule of a bus: from one event to the next they go to another version of a function, and back, while events
//! come that are counted by their ids. The target has a dead-letter queue and a retry policy, which stay.

use std::{thread, time::Duration};

use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_eventbridge::{Client, types::PutEventsRequestEntry};
use serde_json::Value;

use crate::{
    load::{Handled, Load},
    world::{Ended, World},
};

/// Events a second. Each is handled by a process of its own, and there are worlds beside this one.
const RATE: u32 = 4;

fn function(world: &World) -> String {
    world.seeded["function"].as_str().unwrap().to_owned()
}

/// All events to version 2 of the function.
pub(crate) fn plan(world: &World, bake: &str) -> String {
    let (prefix, function) = (&world.prefix, function(world));
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  events:
    event-bus: {{ bus: {prefix}, rule: {prefix}-orders, target: handler, candidate: '{function}:2', settle: 1s }}
gates:
  alarms: {{ alarms: {{ names: [{prefix}-errors, {prefix}-dead] }}, every: 1s }}
steps:
  - wait: {{ until: {{ healthy: {{ route: events, side: candidate }} }} }}
  - shift: {{ route: events, candidate: 100%, bake: {bake}, gates: [alarms] }}
"
    ))
}

/// The rule as a snapshot shows it.
fn rule(world: &World) -> Value {
    let described: Value = serde_json::from_str(&world.described()).unwrap();
    let prefix = &world.prefix;
    described["bus_rules"][format!("{prefix}/{prefix}-orders")].clone()
}

fn by_hand<Answer>(call: impl AsyncFnOnce(Client) -> Answer) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(&runtime.block_on(aws_config::from_env().load()));
    runtime.block_on(call(client))
}

/// Every event that was sent was handled once, and none is among the dead letters.
fn once_each(handled: &Handled) {
    println!("{handled:?}");
    assert!(handled.sent > 20, "{handled:?}");
    assert_eq!((handled.once, handled.lost, handled.twice), (handled.sent, 0, 0), "{handled:?}");
    assert_eq!(handled.dead_letters, 0, "{handled:?}");
}

#[test]
fn events_are_handed_over_and_back_and_each_is_handled_once() {
    let world = World::of_kind("event-bus", "busgood");
    let (before, first) = (world.described(), rule(&world));
    let load = Load::events("busgood", RATE);
    println!("{}", world.run(&["run", &plan(&world, "6s")]).expect(0).told);
    let mut expected = first;
    expected["targets"][0]["Arn"] = format!("{}:2", function(&world)).into();
    assert_eq!(rule(&world), expected, "all else stays");
    thread::sleep(Duration::from_secs(3));
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(world.described(), before);
    thread::sleep(Duration::from_secs(3));
    let handled = load.settle();
    once_each(&handled);
    assert_eq!(handled.by_version.keys().collect::<Vec<_>>(), ["1", "2"], "{handled:?}");
}

#[test]
fn events_go_back_to_who_took_them_when_an_alarm_goes_off() {
    let world = World::of_kind("event-bus", "busbad");
    let before = world.described();
    let load = Load::events("busbad", RATE);
    let run = world.start(&["run", &plan(&world, "5m")]);
    world.wait_for("bake-started");
    thread::sleep(Duration::from_secs(4));
    world.set_alarm("errors", StateValue::Alarm);
    let ended = Ended::wait(run);
    assert!(ended.expect(4).told.contains("busbad-errors is in ALARM"), "{}", ended.told);
    assert_eq!(world.described(), before);
    once_each(&load.settle());
}

#[test]
fn a_target_is_handed_over_once_though_the_run_is_killed_at_every_turn() {
    let world = World::of_kind("event-bus", "buskill");
    let load = Load::events("buskill", RATE);
    let mut run = world.start(&["run", &plan(&world, "3s")]);
    for events in [2, 3, 4, 5, 6, 7, 8, 10] {
        world.wait_until("the place to die", |seen| seen.len() >= events);
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
fn a_rule_that_somebody_else_disables_under_way_is_left_to_them() {
    let world = World::of_kind("event-bus", "busdrift");
    let run = world.start(&["run", &plan(&world, "5m")]);
    world.wait_for("bake-started");
    by_hand(async |client: Client| {
        let call = client.disable_rule().event_bus_name("busdrift").name("busdrift-orders");
        call.send().await.unwrap();
    });
    let ended = Ended::wait(run);
    let told = &ended.expect(8).told;
    assert!(told.contains("its rule is disabled"), "{told}");
    assert_eq!(rule(&world)["state"], "DISABLED");
}

#[test]
fn what_cannot_be_handed_over_is_known_beforehand() {
    let world = World::of_kind("event-bus", "busnone");
    let plan = plan(&world, "2s");
    let refused = |change: &dyn Fn(String) -> String| {
        world.run(&["run", &world.plan_text(&plan, change)]).expect(3).talk.clone()
    };
    let absent = refused(&|text| text.replace("target: handler", "target: nobody"));
    let words = "target nobody of rule busnone/busnone-orders does not exist";
    assert!(absent.contains(words), "{absent}");
    assert!(absent.contains("aws events list-targets-by-rule"), "{absent}");
    let absent = refused(&|text| text.replace("bus: busnone,", "bus: nowhere,"));
    assert!(absent.contains("rule nowhere/busnone-orders does not exist"), "{absent}");
    let already = refused(&|text| text.replace(":2'", ":1'"));
    assert!(already.contains("leads to") && already.contains(":1 already"), "{already}");
    let alone = refused(&|text| text.replace(":2'", "'"));
    assert!(
        alone.contains("no resource policy lets EventBridge call lambda:InvokeFunction"),
        "{alone}"
    );
    assert!(alone.contains("--function-name busnone --statement-id events"), "{alone}");
    let missing = refused(&|text| text.replace(":2'", ":99'"));
    assert!(missing.contains("version 99 of function busnone does not exist"), "{missing}");
    by_hand(async |client: Client| {
        let call = client.disable_rule().event_bus_name("busnone").name("busnone-orders");
        call.send().await.unwrap();
    });
    let disabled = refused(&|text| text.replace("bake: 2s", "bake: 3s"));
    assert!(disabled.contains("the rule is disabled"), "{disabled}");
    by_hand(async |client: Client| {
        let call = client.enable_rule().event_bus_name("busnone").name("busnone-orders");
        call.send().await.unwrap();
    });
    let planned = world.run(&["plan", &plan]);
    // The rule for what is replayed sends there, whenever that is.
    assert!(planned.expect(0).told.contains("target candidate of rule"), "{}", planned.told);
}

/// What has been handled is replayed to version 2 alone, and the events then handed over.
pub(crate) fn replaying(world: &World, bake: &str) -> String {
    let (prefix, shifting) = (&world.prefix, plan(world, bake));
    world.plan_text(&shifting, |text| {
        let replay = format!(
            "{{ route: events, archive: {prefix}, rule: {prefix}-rehearsal, from: 10m ago }}"
        );
        text.replace("  - shift:", &format!("  - replay: {replay}\n  - shift:"))
    })
}

/// The same, of so many events that it takes twenty seconds; no rule wants them.
pub(crate) fn replaying_long(world: &World, bake: &str) -> String {
    let bus = world.prefix.clone();
    by_hand(async |client: Client| {
        for _ in 0..200 {
            let entry = PutEventsRequestEntry::builder().event_bus_name(&bus).source("others");
            let entry = entry.detail_type("others").detail("{}").build();
            let entries = std::iter::repeat_n(entry, 10).collect();
            client.put_events().set_entries(Some(entries)).send().await.unwrap();
        }
    });
    replaying(world, bake)
}

/// Whether a run's replay has been started.
pub(crate) fn is_replaying(events: &[String]) -> bool {
    events.iter().any(|event| event.contains("call-returned"))
}

/// The names and states of a world's replays.
fn replays(prefix: &str) -> Vec<(String, String)> {
    by_hand(async |client: Client| {
        let told = client.list_replays().send().await.unwrap();
        let ours = told.replays().iter().filter(|replay| {
            replay.event_source_arn().is_some_and(|arn| arn.ends_with(&format!("/{prefix}")))
        });
        let told = |word: Option<&str>| word.unwrap().to_owned();
        ours.map(|it| {
            (
                told(it.replay_name()),
                told(it.state().map(aws_sdk_eventbridge::types::ReplayState::as_str)),
            )
        })
        .collect()
    })
}

#[test]
fn archived_events_are_replayed_once_to_the_candidate_though_the_run_is_killed_at_every_turn() {
    let world = World::of_kind("event-bus", "busreplay");
    let load = Load::events("busreplay", RATE);
    let mut run = world.start(&["run", &replaying(&world, "1s")]);
    for events in [2, 3, 4, 5, 6, 7, 8, 9, 10, 12] {
        world.wait_until("the place to die", |seen| seen.len() >= events);
        run.kill().unwrap();
        Ended::wait(run);
        run = world.start(&["resume"]);
    }
    Ended::wait(run).expect(0);
    let replays = replays("busreplay");
    let [(name, state)] = &replays[..] else { panic!("{replays:?}") };
    assert!(name.starts_with("tidegate-busreplay-"), "{name}");
    assert_eq!(state, "COMPLETED");
    let handled = load.settle();
    println!("{handled:?}");
    assert_eq!((handled.lost, handled.dead_letters), (0, 0), "{handled:?}");
    assert!(handled.twice > 0, "what was replayed: {handled:?}");
    let all: u64 = handled.by_version.values().sum();
    assert_eq!(all, handled.once + 2 * handled.twice, "none three times: {handled:?}");
}

#[test]
fn a_replay_that_is_under_way_is_ended_by_going_back() {
    let world = World::of_kind("event-bus", "busundo");
    let before = world.described();
    let run = world.start(&["run", &replaying_long(&world, "1s")]);
    world.wait_until("the replay to be under way", is_replaying);
    world.run(&["abort"]);
    Ended::wait(run).expect(4);
    let replays = replays("busundo");
    let [(_, state)] = &replays[..] else { panic!("{replays:?}") };
    assert!(["CANCELLING", "CANCELLED"].contains(&state.as_str()), "{state}");
    assert_eq!(world.described(), before);
}

#[test]
fn a_rule_that_would_replay_to_others_or_sends_live_events_is_refused() {
    let world = World::of_kind("event-bus", "busrule");
    let plan = replaying(&world, "1s");
    let refused = |change: &dyn Fn(String) -> String| {
        world.run(&["run", &world.plan_text(&plan, change)]).expect(3).talk.clone()
    };
    let live = refused(&|text| text.replace("rule: busrule-rehearsal", "rule: busrule-orders"));
    assert!(live.contains("rule busrule-orders leads to"), "{live}");
    assert!(live.contains("sends the candidate events that are not replayed, too"), "{live}");
    let absent = refused(&|text| text.replace("archive: busrule", "archive: nowhere"));
    assert!(absent.contains("archive nowhere does not exist"), "{absent}");
}
