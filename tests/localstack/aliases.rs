//! The alias of a function, between two of its versions: its weights move, and end where they should. No code runs behind
//! it (`localstack/coverage.md`), so nobody counts requests here.

use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_lambda::{Client, types::AliasRoutingConfiguration};
use serde_json::Value;

use crate::world::{Ended, World};

/// Ten in a hundred, then all.
pub(crate) fn plan(world: &World, candidate: &str, bake: &str) -> String {
    let prefix = &world.prefix;
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  requests: {{ lambda: {{ function: {prefix}, alias: live, candidate: {candidate}, settle: 1s }} }}
gates:
  errors: {{ alarms: {{ names: [{prefix}-errors] }}, every: 1s }}
steps:
  - wait: {{ until: {{ healthy: {{ route: requests, side: candidate }} }} }}
  - shift: {{ route: requests, candidate: 10%, bake: {bake}, gates: [errors] }}
  - shift: {{ route: requests, candidate: 100%, bake: 2s, gates: [errors] }}
"
    ))
}

/// What the alias points to, and which fraction another version gets.
pub(crate) fn alias(world: &World) -> (String, Vec<(String, f64)>) {
    let described: Value = serde_json::from_str(&world.described()).unwrap();
    let aliases = &described["aliases"];
    let live = &aliases[format!("{}:live", world.prefix)];
    let others = live["weights"].as_object().into_iter().flatten();
    let others = others.map(|(version, weight)| (version.clone(), weight.as_f64().unwrap()));
    (live["version"].as_str().unwrap().to_owned(), others.collect())
}

/// As a colleague would.
fn set_by_hand(world: &World, version: &str, others: &[(&str, f64)]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(&runtime.block_on(aws_config::from_env().load()));
    let mut routing = AliasRoutingConfiguration::builder();
    for (version, weight) in others {
        routing = routing.additional_version_weights(*version, *weight);
    }
    let call = client.update_alias().function_name(&world.prefix).name("live");
    let call = call.function_version(version).routing_config(routing.build());
    runtime.block_on(call.send()).unwrap();
}

#[test]
fn an_alias_ends_at_the_new_version_alone_and_is_taken_back_to_the_old_one() {
    let world = World::of_kind("lambda", "aliasgood");
    let before = world.described();
    assert_eq!(alias(&world), ("1".to_owned(), Vec::new()));
    let run = world.start(&["run", &plan(&world, "2", "4s")]);
    world.wait_for("bake-started");
    assert_eq!(alias(&world), ("1".to_owned(), vec![("2".to_owned(), 0.1)]));
    let ended = Ended::wait(run);
    println!("{}", ended.expect(0).told);
    assert_eq!(alias(&world), ("2".to_owned(), Vec::new()));
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(world.described(), before);
}

#[test]
fn an_alias_is_taken_back_when_an_alarm_goes_off() {
    let world = World::of_kind("lambda", "aliasbad");
    let before = world.described();
    let run = world.start(&["run", &plan(&world, "2", "5m")]);
    world.wait_for("bake-started");
    world.set_alarm("errors", StateValue::Alarm);
    let ended = Ended::wait(run);
    assert!(ended.expect(4).told.contains("gate errors: fail"), "{}", ended.told);
    assert_eq!(world.described(), before);
}

#[test]
fn an_alias_that_somebody_else_has_moved_is_left_as_it_is_and_told_how_to_set() {
    let world = World::of_kind("lambda", "aliasdrift");
    let run = world.start(&["run", &plan(&world, "2", "20s")]);
    world.wait_for("bake-started");
    set_by_hand(&world, "1", &[("2", 0.4)]);
    let ended = Ended::wait(run);
    let told = &ended.expect(8).told;
    assert!(told.contains("aws lambda update-alias"), "{told}");
    assert_eq!(alias(&world), ("1".to_owned(), vec![("2".to_owned(), 0.4)]));
}

#[test]
fn what_aws_would_not_split_is_known_beforehand() {
    let world = World::of_kind("lambda", "aliasnone");
    let refused = |candidate: &str| {
        let refused = world.run(&["run", &plan(&world, candidate, "2s")]);
        refused.expect(3).talk.clone()
    };
    let absent = refused("9");
    assert!(absent.contains("version 9 of function aliasnone does not exist"), "{absent}");
    let serves = refused("1");
    assert!(serves.contains("serves version 1 already"), "{serves}");
    set_by_hand(&world, "$LATEST", &[]);
    let unpublished = refused("2");
    assert!(unpublished.contains("serves $LATEST"), "{unpublished}");
}

#[test]
fn an_alias_that_codedeploy_moves_is_left_to_it() {
    let world = World::of_kind("lambda", "aliascd");
    let spec = world.seeded["app_spec"].as_str().unwrap();
    let id = world.begin_to_deploy(spec, "LambdaCanary10Percent5Minutes");
    let begun = std::time::Instant::now();
    while alias(&world).1.is_empty() {
        assert!(begun.elapsed() < std::time::Duration::from_mins(2), "it never moves the alias");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let refused = world.run(&["run", &plan(&world, "2", "2s")]);
    let talk = &refused.expect(3).talk;
    let words = format!(
        "being moved by CodeDeploy, by deployment {id} of group aliascd of application aliascd"
    );
    assert!(talk.contains(&words), "{talk}");
    assert!(talk.contains(&format!("aws deploy stop-deployment --deployment-id {id}")), "{talk}");
}
