//! Software replaced where it stands, on the wire: instance refreshes and `CodeDeploy` deployments to both ends, held,
//! killed and taken back, with every described resource compared before and after.

use tidegate::{cloud::Owned, plan::Member};

use crate::{
    load::{ENOUGH, Load},
    world::{Ended, World},
};

/// The rolling plan for a world, brief enough for a test, with these checkpoints and this version.
pub(crate) fn rolling(world: &World, checkpoints: &str, version: u32) -> String {
    world.plan("rolling-asg.yaml", |text| {
        text.replace("group: checkout }", &format!("group: {}-fleet }}", world.prefix))
            .replace("checkout-5xx", &format!("{}-5xx", world.prefix))
            .replace("[20%, 50%]", checkpoints)
            .replace("bake: 5m", "bake: 8s")
            .replace("surge: 10%", "surge: 50%\n    warm-up: 2s")
            .replace("default: 2,", &format!("default: {version},"))
    })
}

/// A plan of `CodeDeploy` for a world: which group, which alarm watches it, and what is deployed.
pub(crate) fn deploying(world: &World, file: &str, group: &str, alarm: &str, key: &str) -> String {
    let old = file.trim_start_matches("codedeploy-").trim_end_matches(".yaml");
    world.plan(file, |text| {
        text.replace("application: checkout", &format!("application: {}", world.prefix))
            .replace(&format!("group: {old}"), &format!("group: {group}"))
            .replace("bucket: releases", &format!("bucket: {}-revisions", world.prefix))
            .replace("checkout-5xx", &format!("{}-{alarm}", world.prefix))
            .replace("checkout/v2.zip", key)
            .replace("bake: 10m", "bake: 8s")
            .replace("http://checkout-test.internal/health", &World::health_url())
    })
}

/// With bakes that are long enough for an alarm on a busy machine; one that goes off ends them sooner.
fn patient(world: &World, plan: &str) -> String {
    world.plan_text(plan, |text| text.replace("bake: 8s", "bake: 40s"))
}

#[test]
fn a_rolling_refresh_and_its_roll_back_lose_no_request() {
    let world = World::of_kind("rolling", "rollgood");
    let before = world.described();
    let load = Load::start(&world.prefix, 40);
    let plan = rolling(&world, "[50%]", 2);
    let told = world.run(&["run", &plan]).expect(0).told.clone();
    assert!(told.contains("asked to hold where it is"), "it is held at its checkpoint: {told}");
    assert_ne!(world.described(), before);
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(world.described(), before);
    let seen = load.stop();
    println!("rolling refresh and back: {} requests, {:?}", seen.requests, seen.versions());
    assert!(seen.requests >= ENOUGH && seen.errors == 0, "{seen:?}");
    assert!(seen.versions().get("2").is_some_and(|answers| *answers > 0), "version 2 served");
}

#[test]
fn a_refresh_to_a_bad_version_is_taken_back() {
    let world = World::of_kind("rolling", "rollbad");
    let before = world.described();
    let load = Load::start(&world.prefix, 50);
    let plan = patient(&world, &rolling(&world, "[50%]", 3));
    world.run(&["run", &plan]).expect(4).tripped("rollbad-5xx");
    assert_eq!(world.described(), before);
    let seen = load.stop();
    println!("bad refresh: {} of {} requests failed", seen.errors, seen.requests);
}

#[test]
fn a_refresh_stands_still_while_nobody_watches_it() {
    let world = World::of_kind("rolling", "rollterm");
    let run = world.start(&["run", &rolling(&world, "[50%]", 2)]);
    world.wait_until("the refresh to move", |events| {
        events.iter().any(|event| event.contains("observed") && event.contains("moving"))
    });
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    Ended::wait(run).expect(143);
    let held = world.described();
    assert!(held.contains("InstanceRefresh"), "it is suspended: {held}");
    world.run(&["resume"]).expect(0);
    assert!(!world.described().contains("InstanceRefresh"), "and goes on");
}

#[test]
fn a_killed_refresh_is_found_again_and_can_be_taken_back() {
    let world = World::of_kind("rolling", "rollkill");
    let before = world.described();
    let mut run = world.start(&["run", &rolling(&world, "[50%]", 2)]);
    world.wait_for("change-intended");
    run.kill().unwrap();
    run.wait().unwrap();
    world.run(&["abort"]).expect(4);
    assert_eq!(world.described(), before);
}

#[test]
fn an_in_place_deployment_is_promoted_and_one_that_fails_is_followed_back() {
    let world = World::of_kind("codedeploy", "deploy");
    let plan = |key| deploying(&world, "codedeploy-in-place.yaml", "in-place", "5xx", key);
    world.run(&["run", &plan("v2.zip")]).expect(0);
    let before = world.described();
    let ended = world.run(&["run", &plan("bad.zip")]);
    assert!(ended.expect(4).told.contains("ValidateService"), "{}", ended.told);
    assert_eq!(world.described(), before);
}

#[test]
fn a_deployment_that_serves_errors_is_stopped_and_the_earlier_revision_comes_back() {
    let world = World::of_kind("codedeploy", "deploybad");
    let before = world.described();
    let load = Load::start(&world.prefix, 50);
    let plan = deploying(&world, "codedeploy-in-place.yaml", "in-place", "5xx", "errors.zip");
    world.run(&["run", &patient(&world, &plan)]).expect(4).tripped("deploybad-5xx");
    assert_eq!(world.described(), before);
    let seen = load.stop();
    println!("bad deployment: {} of {} requests failed", seen.errors, seen.requests);
}

#[test]
fn a_blue_green_deployment_waits_for_its_probe_and_can_be_taken_back() {
    let world = World::of_kind("codedeploy", "deploybg");
    let before = world.deployed("blue-green");
    let plan = deploying(&world, "codedeploy-blue-green.yaml", "blue-green", "bg-5xx", "v2.zip");
    let told = world.run(&["run", &plan]).expect(0).told.clone();
    assert!(told.contains("ready to move traffic"), "{told}");
    assert_ne!(world.deployed("blue-green"), before);
    world.run(&["rollback"]).expect(4);
    assert_eq!(world.deployed("blue-green"), before);
}

#[test]
fn a_blue_green_deployment_of_a_bad_revision_goes_back_when_its_alarm_goes_off() {
    let world = World::of_kind("codedeploy", "deploybgbad");
    let before = world.deployed("blue-green");
    let load = Load::start("deploybgbad-bg", 50);
    let plan =
        deploying(&world, "codedeploy-blue-green.yaml", "blue-green", "bg-5xx", "errors.zip");
    world.run(&["run", &patient(&world, &plan)]).expect(4).tripped("deploybgbad-bg-5xx");
    assert_eq!(world.deployed("blue-green"), before);
    let seen = load.stop();
    println!("bad replacement: {} of {} requests failed", seen.errors, seen.requests);
}

#[test]
fn a_deployment_under_way_is_named_to_whoever_comes_second() {
    let world = World::of_kind("codedeploy", "deploytwo");
    let plan = deploying(&world, "codedeploy-blue-green.yaml", "blue-green", "bg-5xx", "v2.zip");
    let waiting =
        world.plan_text(&plan, |text| text.replace("  - probe:", "  - pause: {}\n  - probe:"));
    world.run(&["run", &waiting, "--no-wait"]).expect(7);
    let other = World::again("deploytwo");
    let refused = other.run(&["run", &plan]);
    assert!(
        refused.expect(6).talk.contains("deploytwo/blue-green belongs to run"),
        "{}",
        refused.talk
    );
    // One that no run has begun is named by itself.
    other.unmark(&Owned::DeploymentGroup(Member::new("deploytwo/blue-green")));
    let refused = other.run(&["run", &plan]);
    assert!(refused.expect(3).talk.contains("d-"), "it names the deployment: {}", refused.talk);
    world.run(&["abort"]).expect(4);
}
