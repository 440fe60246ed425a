//! Routes beside the ALB on the wire: weighted DNS records and a Network Load Balancer's listener, to both ends, with
//! every described resource compared before and after.

use crate::{
    load::Load,
    world::{Ended, World},
};

/// Long enough for an alarm to go off in one of the bakes on a busy machine; it ends them sooner.
const PATIENT: &str = "bake=20s";

/// The DNS plan for a world: its zone and records, brief bakes.
pub(crate) fn by_dns(world: &World) -> String {
    world.plan("weighted-route53.yaml", |text| {
        text.replace("default: shop,", &format!("default: {},", world.prefix))
            .replace("default: example.com", &format!("default: {}.example.com", world.prefix))
            .replace("\"${app}.${domain}\"", "\"app.${domain}\"")
            .replace("type: A", "type: CNAME")
            .replace("      pair: [\"${app}-blue\", \"${app}-green\"]", "      pair: [blue, green]")
            .replace("[\"${app}-green-5xx\", \"${app}-blue-5xx\"]", "[\"${app}-5xx\"]")
    })
}

fn by_connections(world: &World) -> String {
    world.plan("nlb-canary.yaml", |text| {
        text.replace("default: broker,", &format!("default: {},", world.prefix))
            .replace("        - { load-balancer: \"${app}\", port: 8883 }\n", "")
            .replace("port: 443", "port: 80")
            .replace("settle: { default: 2m", "settle: { default: 3s")
            .replace("[\"${app}-handshake-failures\", \"${app}-resets\"]", "[\"${app}-errors\"]")
    })
}

#[test]
fn records_are_moved_and_can_be_taken_back() {
    let world = World::of_kind("route53", "dnsgood");
    let before = world.described();
    let told = world.run(&["run", &by_dns(&world)]).expect(0).told.clone();
    assert!(told.contains("bakes"), "{told}");
    assert_ne!(world.described(), before);
    world.run(&["rollback"]).expect(4);
    assert_eq!(world.described(), before);
}

#[test]
fn records_go_back_when_an_alarm_goes_off() {
    let world = World::of_kind("route53", "dnsbad");
    world.misbehave("green", 0.1);
    let before = world.described();
    let load = Load::start(&world.prefix, 50);
    world.run(&["run", &by_dns(&world), "--param", PATIENT]).expect(4).tripped("dnsbad-5xx");
    assert_eq!(world.described(), before);
    let seen = load.stop();
    println!("bad records: {} of {} requests failed", seen.errors, seen.requests);
}

#[test]
fn a_run_killed_while_records_spread_is_resumed() {
    let world = World::of_kind("route53", "dnskill");
    let mut run = world.start(&["run", &by_dns(&world)]);
    world.wait_until("the records to be written", |events| {
        events.iter().any(|event| event.contains("change-intended") && event.contains("site"))
    });
    run.kill().unwrap();
    assert_eq!(Ended::wait(run).code, None, "it was killed by a signal");
    world.run(&["resume"]).expect(0);
}

#[test]
fn connections_are_moved_without_losing_one_and_can_be_taken_back() {
    let world = World::of_kind("nlb", "nlbgood");
    world.release(&["--version", "2"]);
    let before = world.described();
    let load = Load::start(&world.prefix, 40);
    world.run(&["run", &by_connections(&world)]).expect(0);
    assert_ne!(world.described(), before);
    world.run(&["rollback"]).expect(4);
    assert_eq!(world.described(), before);
    let seen = load.stop();
    println!("connections: {} requests, {:?}", seen.requests, seen.versions());
    assert!(seen.errors == 0 && seen.versions().contains_key("2"), "{seen:?}");
}

#[test]
fn connections_go_back_when_an_alarm_goes_off() {
    let world = World::of_kind("nlb", "nlbbad");
    world.release(&["--error-rate", "0.1"]);
    let before = world.described();
    let load = Load::start(&world.prefix, 50);
    let run = ["run", &by_connections(&world), "--param", PATIENT];
    world.run(&run).expect(4).tripped("nlbbad-errors");
    assert_eq!(world.described(), before);
    let seen = load.stop();
    println!("bad connections: {} of {} requests failed", seen.errors, seen.requests);
}
