//! The stage of a REST API: its canary gets requests, becomes the stage with its variables, and is taken back to exactly
//! what was. The API's method is answered by the alias of a function that a stage variable names.

use std::{thread, time::Duration};

use aws_sdk_apigateway::{
    Client,
    types::{Op, PatchOperation},
};
use aws_sdk_cloudwatch::types::StateValue;
use serde_json::{Value, json};

use crate::{
    load::Load,
    world::{Ended, World},
};

/// A deployment of its own, whose variables lead to the function's next version; ten in a hundred, half, then all.
pub(crate) fn plan(world: &World, bake: &str) -> String {
    let candidate = deployed(world);
    plan_of(world, &candidate, "variables: { alias: next, debug: on }", bake)
}

/// The run makes the deployment.
pub(crate) fn publishing(world: &World, bake: &str) -> String {
    let plan = plan_of(world, "published", "variables: { alias: next }", bake);
    world.plan_text(&plan, |text| text.replace("  - wait:", "  - publish: requests\n  - wait:"))
}

fn plan_of(world: &World, candidate: &str, more: &str, bake: &str) -> String {
    let (prefix, api) = (&world.prefix, api(world));
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  requests: {{ api-gateway: {{ api: {api}, stage: prod, candidate: {candidate}, {more}, settle: 1s }} }}
gates:
  errors: {{ alarms: {{ names: [{prefix}-5xx] }}, every: 1s }}
steps:
  - wait: {{ until: {{ healthy: {{ route: requests, side: candidate }} }} }}
  - shift: {{ route: requests, candidate: 10%, bake: {bake}, gates: [errors] }}
  - shift: {{ route: requests, candidate: 50%, bake: {bake}, gates: [errors] }}
  - shift: {{ route: requests, candidate: 100%, bake: 2s, gates: [errors] }}
"
    ))
}

fn client() -> (tokio::runtime::Runtime, Client) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(&runtime.block_on(aws_config::from_env().load()));
    (runtime, client)
}

/// The id of the world's API.
fn api(world: &World) -> String {
    let (runtime, client) = client();
    let all = runtime.block_on(client.get_rest_apis().limit(500).send()).unwrap();
    let found = all.items().iter().find(|api| api.name() == Some(&world.prefix)).unwrap();
    found.id().unwrap().to_owned()
}

/// The id of a deployment that no stage serves.
fn deployed(world: &World) -> String {
    let (runtime, client) = client();
    let made = client.create_deployment().rest_api_id(api(world)).send();
    runtime.block_on(made).unwrap().id().unwrap().to_owned()
}

/// As a colleague would.
fn patch_by_hand(world: &World, path: &str, value: Option<&str>) {
    let (runtime, client) = client();
    let op = if value.is_some() { Op::Replace } else { Op::Remove };
    let change = PatchOperation::builder().op(op).path(path);
    let change = change.set_value(value.map(str::to_owned)).build();
    let call = client.update_stage().rest_api_id(api(world)).stage_name("prod");
    runtime.block_on(call.patch_operations(change).send()).unwrap();
}

/// Deployment, variables and canary of the stage.
fn stage(world: &World) -> Value {
    let described: Value = serde_json::from_str(&world.described()).unwrap();
    described["stages"][format!("{}/prod", world.prefix)].clone()
}

#[test]
fn a_canary_becomes_the_stage_with_its_variables_and_is_taken_back_to_what_was() {
    let world = World::of_kind("api", "stagegood");
    patch_by_hand(&world, "/variables/table", Some("shop"));
    let (before, first) = (world.described(), stage(&world));
    let load = Load::at_stage("prod", &world.prefix, 20);
    let plan = plan(&world, "6s");
    let run = world.start(&["run", &plan]);
    world.wait_for("bake-started");
    let split = stage(&world);
    assert_eq!(split["deployment"], first["deployment"]);
    assert_eq!(split["variables"], json!({ "alias": "live", "table": "shop" }));
    // On a busy machine the second shift may have been made by now.
    let share = split["canary"]["percentTraffic"].as_f64().unwrap();
    assert!([10.0, 50.0].contains(&share), "{split}");
    let overrides = json!({ "alias": "next", "debug": "on", "table": "shop" });
    assert_eq!(split["canary"]["stageVariableOverrides"], overrides);
    assert_eq!(split["canary"]["useStageCache"], false);
    let ended = Ended::wait(run);
    println!("{}", ended.expect(0).told);
    let promoted = stage(&world);
    assert_ne!(promoted["deployment"], first["deployment"]);
    assert_eq!(promoted["deployment"], split["canary"]["deploymentId"]);
    let all = json!({ "alias": "next", "debug": "on", "table": "shop" });
    assert_eq!(promoted["variables"], all);
    assert_eq!(promoted["canary"], Value::Null);
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(world.described(), before);
    let seen = load.stop_after(2);
    let versions = seen.versions();
    println!("{} requests, {} errors, {versions:?}", seen.requests, seen.errors);
    assert_eq!(seen.errors, 0);
    assert!(versions["1"] > 0 && versions["2"] > 0, "{versions:?}");
}

#[test]
fn a_canary_is_taken_away_when_an_alarm_goes_off() {
    let world = World::of_kind("api", "stagebad");
    let before = world.described();
    let run = world.start(&["run", &plan(&world, "5m")]);
    world.wait_for("bake-started");
    world.set_alarm("5xx", StateValue::Alarm);
    let ended = Ended::wait(run);
    assert!(ended.expect(4).told.contains("gate errors: fail"), "{}", ended.told);
    assert_eq!(world.described(), before);
}

#[test]
fn a_variable_that_somebody_else_has_changed_is_left_as_it_is_and_told_how_to_set() {
    let world = World::of_kind("api", "stagedrift");
    let run = world.start(&["run", &plan(&world, "30s")]);
    world.wait_for("bake-started");
    patch_by_hand(&world, "/variables/table", Some("theirs"));
    let ended = Ended::wait(run);
    let told = &ended.expect(8).told;
    assert!(told.contains("aws apigateway update-stage"), "{told}");
    assert!(told.contains("table=theirs"), "{told}");
    let stage = stage(&world);
    assert_eq!(stage["variables"], json!({ "alias": "live", "table": "theirs" }));
    assert_eq!(stage["canary"]["percentTraffic"], 10.0);
}

#[test]
fn a_canary_that_uses_the_cache_otherwise_is_somebody_elses() {
    let world = World::of_kind("api", "stagecache");
    let candidate = deployed(&world);
    let more = "variables: { alias: next }, use-stage-cache: true";
    let run = world.start(&["run", &plan_of(&world, &candidate, more, "30s")]);
    world.wait_for("bake-started");
    assert_eq!(stage(&world)["canary"]["useStageCache"], true);
    patch_by_hand(&world, "/canarySettings/useStageCache", Some("false"));
    let ended = Ended::wait(run);
    assert!(ended.expect(8).told.contains("cached otherwise"), "{}", ended.told);
}

#[test]
fn what_cannot_be_split_or_is_somebody_elses_is_known_beforehand() {
    let world = World::of_kind("api", "stagenone");
    let candidate = deployed(&world);
    let refused = |change: &dyn Fn(String) -> String| {
        let plan = plan_of(&world, &candidate, "variables: { alias: next }", "2s");
        let refused = world.run(&["run", &world.plan_text(&plan, change)]);
        refused.expect(3).talk.clone()
    };
    let api = api(&world);
    let absent = refused(&|text| text.replace(&api, "nowhere123"));
    assert!(absent.contains("REST API nowhere123 does not exist"), "{absent}");
    assert!(absent.contains("an HTTP API has no canary"), "{absent}");
    let absent = refused(&|text| text.replace("stage: prod", "stage: test"));
    assert!(absent.contains(&format!("stage test of REST API {api} does not exist")), "{absent}");
    let absent = refused(&|text| text.replace(&candidate, "nowhere456"));
    let deployment = format!("deployment nowhere456 of REST API {api} does not exist");
    assert!(absent.contains(&deployment), "{absent}");
    let serves = stage(&world)["deployment"].as_str().unwrap().to_owned();
    let already = refused(&|text| {
        text.replace(&candidate, &serves).replace("variables: { alias: next }, ", "")
    });
    assert!(
        already.contains(&format!("serves deployment {serves} (alias=live) already")),
        "{already}"
    );
    patch_by_hand(&world, "/canarySettings/percentTraffic", Some("0.0"));
    let theirs = refused(&|text| text.replace("bake: 2s", "bake: 3s"));
    assert!(theirs.contains("has a canary already"), "{theirs}");
    assert!(theirs.contains("op=remove,path=/canarySettings"), "{theirs}");
    patch_by_hand(&world, "/canarySettings", None);
    let plan = plan_of(&world, &candidate, "variables: { alias: next }", "2s");
    world.run(&["plan", &plan]).expect(0);
}

#[test]
fn what_the_variables_of_a_stage_lead_to_is_known_beforehand() {
    let world = World::of_kind("api", "stageled");
    let (candidate, api) = (deployed(&world), api(&world));
    let (runtime, client) = functions();
    let refused = |alias: &str, code: i32| {
        let plan = plan_of(&world, &candidate, &format!("variables: {{ alias: {alias} }}"), "2s");
        let ended = world.run(&["plan", &plan]);
        ended.expect(code).talk.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    refused("next", 0);
    let name = &world.prefix;
    let nowhere = refused("nowhere", 3);
    let absent = format!(":function:{name}:nowhere does not exist, and would answer GET /");
    assert!(nowhere.contains(&absent), "{nowhere}");
    let taken = client.remove_permission().function_name(name).qualifier("next");
    runtime.block_on(taken.statement_id("api").send()).unwrap();
    let closed = refused("next", 3);
    let problem = format!(
        "call lambda:InvokeFunction on arn:aws:lambda:eu-west-1:000000000000:function:{name}:next"
    );
    assert!(closed.contains(&problem), "{closed}");
    let source = format!("arn:aws:execute-api:eu-west-1:000000000000:{api}/*/GET/");
    let hint = format!(
        "aws lambda add-permission --function-name {name} --qualifier next --statement-id api-{api} --action \
         lambda:InvokeFunction --principal apigateway.amazonaws.com --source-arn {source}`"
    );
    assert!(closed.contains(&hint), "{closed}");
    // As the hint says.
    let given = client.add_permission().function_name(name).qualifier("next");
    let given = given.statement_id(format!("api-{api}")).action("lambda:InvokeFunction");
    let given = given.principal("apigateway.amazonaws.com").source_arn(source);
    runtime.block_on(given.send()).unwrap();
    refused("next", 0);
}

/// The descriptions of all deployments of the world's API, by id.
fn deployments(world: &World) -> Vec<(String, Option<String>)> {
    let (runtime, client) = client();
    let all = runtime.block_on(client.get_deployments().rest_api_id(api(world)).send()).unwrap();
    let told = |it: &aws_sdk_apigateway::types::Deployment| {
        (it.id().unwrap().to_owned(), it.description().map(str::to_owned))
    };
    all.items().iter().map(told).collect()
}

#[test]
fn a_deployment_that_the_run_makes_serves_in_the_end_and_stays_when_it_is_taken_back() {
    let world = World::of_kind("api", "stagepub");
    let before = world.described();
    let there = deployments(&world);
    let told = world.run(&["run", &publishing(&world, "1s")]).expect(0).told.clone();
    let all = deployments(&world);
    assert_eq!(all.len(), there.len() + 1, "{all:?}");
    let (id, description) = all.into_iter().find(|made| !there.contains(made)).unwrap();
    let description = description.unwrap();
    assert!(description.starts_with("tidegate stagepub-"), "{description}");
    assert!(told.contains(&format!("deployment {id} (alias=next) is made")), "{told}");
    assert_eq!(stage(&world)["deployment"], Value::from(id));
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(world.described(), before);
    assert_eq!(deployments(&world).len(), there.len() + 1, "it stays");
}

/// Killed when the deployment is there and its answer is not; when the call is on its way; and when its id is known.
#[test]
fn a_run_that_is_killed_while_it_deploys_makes_nothing_twice() {
    let moments = [
        ("after", Some(r#""kind": "delay", "times": 1, "delay_seconds": 4, "after": true"#)),
        ("before", Some(r#""kind": "delay", "times": 1, "delay_seconds": 4"#)),
        ("learned", None),
    ];
    thread::scope(|scope| {
        for (name, fault) in moments {
            scope.spawn(move || {
                let world = World::of_kind("api", &format!("stagekill{name}"));
                let there = deployments(&world).len();
                if let Some(fault) = fault {
                    world.fault("apigateway.CreateDeployment", fault);
                }
                let mut run = world.start(&["run", &publishing(&world, "2s")]);
                world.wait_for(if fault.is_some() { "change-intended" } else { "learned" });
                thread::sleep(Duration::from_secs(1));
                run.kill().unwrap();
                run.wait().unwrap();
                // What was under way comes to its end at AWS, whoever waits for it.
                thread::sleep(Duration::from_secs(4));
                println!("killed {name}: {} deployments", deployments(&world).len() - there);
                world.run(&["resume"]).expect(0);
                assert_eq!(deployments(&world).len(), there + 1, "killed {name}");
            });
        }
    });
}

fn functions() -> (tokio::runtime::Runtime, aws_sdk_lambda::Client) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = aws_sdk_lambda::Client::new(&runtime.block_on(aws_config::from_env().load()));
    (runtime, client)
}
