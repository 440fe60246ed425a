//! What users notice: nothing is lost while healthy software is rolled out or taken back, and the shares at the targets
//! are those that were set.

use crate::{
    load::{ENOUGH, Load},
    world::World,
};

/// Long enough for thousands of requests on a machine that has other things to do as well.
const BAKE: &str = "bake=30s";

#[test]
fn a_healthy_canary_and_a_blue_green_switch_lose_no_request() {
    let world = World::new("nolossa");
    world.release(&["--version", "2"]);
    let load = Load::start(&world.prefix, 60);
    world.run(&["run", "plans/canary-alb.yaml", "--param", BAKE]).expect(0);
    let seen = load.stop_after(2);
    println!("canary: {} requests, {:?}", seen.requests, seen.versions());
    assert!(seen.requests >= ENOUGH && seen.errors == 0, "{seen:?}");

    let world = World::new("nolossb");
    world.release(&["--version", "2"]);
    let load = Load::start(&world.prefix, 60);
    world.run(&["run", "plans/blue-green-alb.yaml", "--param", BAKE]).expect(0);
    // A candidate that looks healthy is taken back all the same.
    world.run(&["rollback", "--reason", "not today"]).expect(4);
    let seen = load.stop_after(2);
    println!("blue-green and back: {} requests, {:?}", seen.requests, seen.versions());
    assert!(seen.requests >= ENOUGH && seen.errors == 0, "{seen:?}");
}

/// z of the two-sided interval that a right share leaves once in a million runs of this test.
const Z: f64 = 4.8916;

#[test]
#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn the_share_at_the_targets_is_the_weight_that_was_set() {
    let world = World::new("shares");
    world.release(&["--version", "2"]);
    let plan = world.plan("canary-alb.yaml", |text| {
        text.replacen(
            "  - shift: { route: web, candidate: 50%",
            "  - approve: { message: \"Go on?\" }\n  - shift: { route: web, candidate: 50%",
            1,
        )
    });
    world.run(&["run", &plan, "--no-wait"]).expect(7);
    assert_eq!(world.split().to_string(), "shares-blue 750, shares-green 250");
    let seen = Load::start(&world.prefix, 60).stop_after(60);
    let versions = seen.versions();
    let (candidate, all) = (versions["2"] as f64, versions.values().sum::<u64>() as f64);
    let bound = Z * (0.25 * 0.75 / all).sqrt();
    println!("share at 25 %: {candidate} of {all}, within {bound:.4}");
    assert!(all >= ENOUGH as f64 && (candidate / all - 0.25).abs() < bound, "{versions:?}");
    world.run(&["abort"]).expect(4);
}
