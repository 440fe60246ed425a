//! Whole rollouts, from the first event to the exit code, with the world compared before and after.

use std::time::{Duration, Instant};

use aws_sdk_cloudwatch::types::StateValue;

use crate::{
    load::Load,
    world::{Ended, World},
};

const CANARY: [&str; 2] = ["run", "plans/canary-alb.yaml"];

#[test]
fn a_healthy_canary_is_promoted() {
    let world = World::new("healthy");
    world.run(&CANARY).expect(0);
    assert_eq!(world.split().to_string(), "healthy-blue 0, healthy-green 999");
    let status = world.run(&["status"]);
    assert!(status.expect(0).told.to_lowercase().contains("promoted"), "{}", status.told);
}

#[test]
fn a_blue_green_switch_is_promoted_and_can_be_taken_back_later() {
    let world = World::new("bluegreen");
    let before = world.snapshot();
    // The load balancer's name resolves nowhere here, so the probe names it in a header.
    let headers = format!("headers: {{ host: {}, ", world.host());
    let plan =
        world.plan("blue-green-alb.yaml", |text| text.replace("headers: { ", headers.as_str()));
    world.run(&["run", &plan]).expect(0);
    assert_ne!(world.snapshot(), before);
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(world.snapshot(), before);
}

#[test]
fn an_alarm_in_the_middle_of_a_bake_rolls_back_to_the_journaled_weights() {
    let world = World::new("alarm");
    let before = world.snapshot();
    let run = world.start(&CANARY);
    world.wait_for("bake-started");
    world.emit_errors();
    let ended = Ended::wait(run);
    assert!(ended.expect(4).told.contains("gate errors: fail, alarm-5xx"), "{}", ended.told);
    assert_eq!(world.snapshot(), before);
}

#[test]
fn an_alarm_that_flickers_between_two_polls_trips_the_bake() {
    let world = World::new("flicker");
    let before = world.snapshot();
    let run = world.start(&CANARY);
    world.wait_for("bake-started");
    world.set_alarm("latency", StateValue::Alarm);
    world.set_alarm("latency", StateValue::Ok);
    let ended = Ended::wait(run);
    assert!(ended.expect(4).told.contains("flicker-latency went to ALARM"), "{}", ended.told);
    assert_eq!(world.snapshot(), before);
}

/// The run is killed at ten places spread over its events, each in a world of its own, side by side; tests/suite dies
/// after every single event, in the simulated cloud.
#[test]
fn a_run_that_is_killed_and_resumed_ends_right() {
    let places = [1, 3, 5, 7, 9, 12, 15, 18, 21, 24];
    std::thread::scope(|scope| {
        for events in places {
            scope.spawn(move || {
                let world = World::new(&format!("kill{events}"));
                let mut run = world.start(&CANARY);
                world.wait_until("the place to die", |seen| seen.len() >= events);
                run.kill().unwrap();
                assert_eq!(Ended::wait(run).code, None, "it was killed by a signal");
                world.run(&["resume"]).expect(0);
                let blue = world.member("blue");
                assert_eq!(world.split().weight(&blue).get(), 0, "killed after {events} events");
            });
        }
    });
}

#[test]
fn a_run_that_is_killed_can_be_rolled_back_instead() {
    let world = World::new("killback");
    let before = world.snapshot();
    let mut run = world.start(&CANARY);
    world.wait_for("bake-started");
    run.kill().unwrap();
    run.wait().unwrap();
    world.run(&["abort"]).expect(4);
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_second_run_on_the_same_rule_is_told_who_holds_it() {
    let world = World::new("twice");
    let first = world.start(&CANARY);
    world.wait_for("run-started");
    let second = world.run(&CANARY);
    let talk = &second.expect(6).talk;
    assert!(talk.contains("canary") && talk.contains("pid"), "{talk}");
    Ended::wait(first).expect(0);
}

/// Plans of two teams that touch nothing in common but an environment.
#[test]
fn of_plans_that_share_a_lock_one_runs_at_a_time() {
    let world = World::new("shared");
    let plan = |name: &str, pause: &str| {
        world.own_plan(&format!(
            "tidegate: 1\nname: {name}\nlocks: [prod-eu]\nsteps: [{{ pause: {pause} }}]\n"
        ))
    };
    let first = world.start(&["run", &plan("shop", "1h")]);
    world.wait_for("step-started");
    let status = world.run(&["status"]);
    assert!(status.told.contains("prod-eu, held by this run"), "{}", status.told);
    let second = world.run(&["run", &plan("search", "1s")]);
    let talk = &second.expect(6).talk;
    assert!(talk.contains("lock prod-eu belongs to run shop-"), "{talk}");
    world.run(&["abort"]).expect(4);
    Ended::wait(first).expect(4);
    let third = world.run(&["run", &plan("search", "1s")]);
    assert!(!third.expect(0).told.contains("held by this run"), "{}", third.told);
}

#[test]
fn a_weight_changed_by_hand_is_drift_and_is_not_overwritten() {
    let world = World::new("drift");
    world.release(&["--version", "2"]);
    let before = world.described();
    let load = Load::start("drift", 40);
    let run = world.start(&CANARY);
    world.wait_for("bake-started");
    world.set_weights(700, 300);
    let ended = Ended::wait(run);
    let told = &ended.expect(8).told;
    assert!(told.contains("drift-blue 700") && told.contains("drift-green 300"), "{told}");
    assert_eq!(world.split().to_string(), "drift-blue 700, drift-green 300");
    world.run(&["rollback"]).expect(5);
    assert_eq!(world.split().to_string(), "drift-blue 700, drift-green 300");
    world.run(&["rollback", "--overwrite"]).expect(4);
    assert_eq!(world.described(), before);
    let seen = load.stop_after(1);
    println!("drifted: {} requests, {:?}", seen.requests, seen.versions());
    assert!(seen.errors == 0 && seen.versions().contains_key("2"), "{seen:?}");
}

#[test]
fn a_missing_alarm_is_refused_before_anything_is_touched() {
    let world = World::new("missing");
    world.delete_alarm("5xx");
    let before = world.snapshot();
    let ended = world.run(&CANARY);
    assert!(ended.expect(3).talk.contains("missing-5xx does not exist"), "{}", ended.talk);
    assert_eq!(world.snapshot(), before);
    assert!(world.events().is_empty(), "nothing may be journaled either");
}

#[test]
fn an_abort_from_another_process_reaches_the_run() {
    let world = World::new("abort");
    let before = world.snapshot();
    let run = world.start(&CANARY);
    world.wait_for("bake-started");
    world.run(&["pause"]).expect(0);
    world.run(&["pause"]).expect(2);
    world.run(&["resume"]).expect(0);
    world.run(&["abort", "--reason", "not today"]).expect(4);
    Ended::wait(run).expect(4);
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_terminated_run_is_journaled_and_goes_on_where_it_was() {
    let world = World::new("term");
    let run = world.start(&CANARY);
    world.wait_for("bake-started");
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    Ended::wait(run).expect(143);
    world.run(&["resume"]).expect(0);
}

#[test]
fn a_preview_shows_every_call_and_changes_nothing() {
    let world = World::new("preview");
    let before = world.snapshot();
    let preview = world.run(&["plan", "plans/canary-alb.yaml"]);
    let told = &preview.expect(0).told;
    assert!(told.contains("before  preview-blue 999, preview-green 0"), "{told}");
    assert!(told.contains("after   preview-blue 950, preview-green 50"), "{told}");
    assert_eq!(world.snapshot(), before);
}

#[test]
fn an_approval_is_waited_for_and_can_be_given_while_nobody_drives() {
    let world = World::new("approve");
    let plan = world.plan("canary-alb.yaml", |text| {
        text.replacen(
            "  - shift: { route: web, candidate: 25%",
            "  - approve: { message: \"Go on?\" }\n  - shift: { route: web, candidate: 25%",
            1,
        )
    });
    let before = world.run(&["run", &plan, "--no-wait"]);
    assert!(before.expect(7).told.contains("tidegate approve"), "{}", before.told);
    world.run(&["approve", "--step", "main/1-scale"]).expect(0);
    world.run(&["approve", "--reason", "looks good"]).expect(0);
    let after = world.run(&["resume"]);
    let told = &after.expect(0).told;
    assert!(told.contains("looks good"), "{told}");
    assert!(told.contains("does not wait for an approval"), "the wrong step is refused: {told}");
}

#[test]
fn a_plan_that_holds_on_failure_freezes_and_a_person_decides() {
    let world = World::new("hold");
    let before = world.snapshot();
    let plan = world
        .plan("canary-alb.yaml", |text| text.replace("on-failure: roll-back", "on-failure: hold"));
    let run = world.start(&["run", &plan]);
    world.wait_for("bake-started");
    world.emit_errors();
    Ended::wait(run).expect(7);
    // A busy machine may have let a bake or two pass before the alarm saw the errors.
    let (frozen, green) = (world.split(), world.split().weight(&world.member("green")).get());
    assert!((1..999).contains(&green), "{frozen}");
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(world.split(), frozen, "frozen where it was");
    world.run(&["rollback"]).expect(4);
    assert_eq!(world.snapshot(), before);
}

/// Somebody deletes the rule while users are on the candidate: there is nothing to restore, and all else goes back.
#[test]
fn a_rule_that_is_deleted_under_a_run_is_told_at_once_and_the_rest_goes_back() {
    let world = World::new("ruleless");
    let before = world.groups();
    let run = world.start(&CANARY);
    world.wait_for("bake-started");
    let deleted = Instant::now();
    world.delete_rule(&world.rule_arn());
    let ended = Ended::wait(run);
    assert!(ended.expect(5).told.contains("it is not there any more"), "{}", ended.told);
    assert!(ended.told.contains("ruleless-blue 999"), "how it stood: {}", ended.told);
    assert_eq!(world.groups(), before);
    println!("rule deleted: over after {:.0} s", deleted.elapsed().as_secs_f64());
}

/// Denied on its way back, a run ends; once that is put right it goes on from there, as often as it takes.
#[test]
fn a_roll_back_that_was_denied_is_taken_up_again() {
    let world = World::new("again");
    let before = world.snapshot();
    let run = world.start(&CANARY);
    world.wait_for("bake-started");
    let denied = world.fault("elbv2.ModifyRule", r#""kind": "deny", "times": 1000"#);
    world.emit_errors();
    Ended::wait(run).expect(5);
    world.run(&["rollback"]).expect(5);
    assert!(world.lift(&denied) > 1, "it was tried again");
    world.run(&["rollback"]).expect(4);
    assert_eq!(world.snapshot(), before);
}

#[test]
fn weights_that_somebody_has_put_back_are_done() {
    let world = World::new("putback");
    let before = world.snapshot();
    let run = world.start(&CANARY);
    world.wait_for("bake-started");
    world.set_weights(999, 0);
    Ended::wait(run).expect(8);
    let asked = Instant::now();
    world.run(&["rollback"]).expect(4);
    assert!(asked.elapsed() < Duration::from_mins(1), "{:?}", asked.elapsed());
    assert_eq!(world.snapshot(), before);
}
