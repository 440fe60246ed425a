//! Gates under real traffic: what no alarm notices, what a share that is off does to a verdict, and what silence is
//! taken for.

use crate::{
    load::Load,
    world::{Ended, World},
};

/// The judged canary at so small a share, quick enough to wait for: the alarm it has is one that never goes off here.
fn judged(world: &World, share: &str, change: impl Fn(String) -> String) -> String {
    world.plan("canary-judged.yaml", |text| {
        let text = text
            .replace("${app}-5xx", "${app}-latency")
            .replace("candidate: 25%, bake: 5m", &format!("candidate: {share}, bake: 5m"))
            .replace("settle: 2m", "settle: 1m")
            .replace("warmup: 2m", "warmup: 1m");
        change(text)
    })
}

#[test]
fn three_errors_in_a_hundred_at_a_twentieth_of_the_traffic_are_taken_back_by_comparison_alone() {
    let world = World::new("slight");
    world.release(&["--version", "2", "--error-rate", "0.03"]);
    let before = world.described();
    // How quickly a busy machine answers is for another gate.
    let plan = judged(&world, "5%", |text| {
        text.replace("gates: [alarms, latency, judge]", "gates: [alarms, judge]")
    });
    let load = Load::start(&world.prefix, 150);
    let ended = world.run(&["run", &plan]);
    let seen = load.stop_after(2);
    println!("3 % at 5 %: {} of {} requests failed\n{}", seen.errors, seen.requests, ended.told);
    assert!(ended.expect(4).told.contains("gate judge: fail, errors"), "{}", ended.told);
    assert_eq!(world.described(), before);
}

#[test]
fn a_share_that_sticky_clients_keep_small_is_said() {
    let world = World::new("sticky");
    world.make_sticky();
    world.release(&["--version", "2"]);
    let plan = world.plan("canary-alb.yaml", |text| {
        text.replacen("  - shift: { route: web, candidate: 5%", "#", 1).replacen(
            "candidate: 25%",
            "candidate: 25%, min-requests: 100",
            1,
        )
    });
    // Four of five requests come from clients whom the stable side has given a cookie before the shift.
    let load = Load::returning(&world.prefix, 80, 0.8);
    let run = world.start(&["run", &plan]);
    world.wait_for("warning: its share is");
    world.run(&["abort", "--reason", "the share is off"]).expect(4);
    let ended = Ended::wait(run);
    let seen = load.stop();
    println!("sticky: {:?}\n{}", seen.versions(), ended.told);
    ended.expect(4);
}

#[test]
fn a_metric_that_never_existed_ends_in_a_hold_and_not_in_a_pass() {
    let world = World::new("nometric");
    world.release(&["--version", "2"]);
    let plan = world.plan("canary-judged.yaml", |text| {
        text.replace(
            "candidate: 25%, bake: 5m, gates: [alarms, latency, judge]",
            "candidate: 25%, bake: 10s, gates: [alarms, latency]",
        )
        .replace("name: TargetResponseTime", "name: TargetResponseTimes")
        .replace(
            "      min-samples: 100\n",
            "      min-samples: 100\n    unknown-for: 20s\n    on-unknown: hold\n",
        )
    });
    let load = Load::start(&world.prefix, 50);
    let ended = world.run(&["run", &plan]);
    let seen = load.stop();
    println!("no such metric: {:?}\n{}", seen.versions(), ended.told);
    let told = &ended.expect(7).told;
    assert!(told.contains("TargetResponseTimes (p99) of candidate has no figure"), "{told}");
    let names_its_source = |event: &String| {
        event.contains("TargetResponseTimes") && event.contains(r#""request ids":"#)
    };
    assert!(world.events().iter().any(names_its_source), "AWS could not look it up");
    assert_eq!(world.split().to_string(), "nometric-blue 750, nometric-green 250");
    world.run(&["rollback"]).expect(4);
}
