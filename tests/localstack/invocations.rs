//! Events that a gate sends to the candidate version of a function, over the wire: a right answer lets traffic move, a wrong
//! one or a function that fails gets none.

use aws_sdk_lambda::{Client, types::Environment};
use serde_json::json;

use crate::{aliases::alias, world::World};

/// Another version of the world's function, which answers so.
fn publish(world: &World, answer: &serde_json::Value) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(&runtime.block_on(aws_config::from_env().load()));
    let environment = Environment::builder().variables("TIDEGATE_ANSWER", answer.to_string());
    let update = client.update_function_configuration().function_name(&world.prefix);
    runtime.block_on(update.environment(environment.build()).send()).unwrap();
    let published = client.publish_version().function_name(&world.prefix).send();
    runtime.block_on(published).unwrap().version.unwrap()
}

fn plan(world: &World, candidate: &str) -> String {
    let prefix = &world.prefix;
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  requests: {{ lambda: {{ function: {prefix}, alias: live, candidate: {candidate}, settle: 1s }} }}
gates:
  smoke:
    invoke:
      route: requests
      events: [{{ name: health, payload: {{ path: /health }}, expect: {{ status: 200, within: 20s, equal: {{ /body/ok: true }} }} }}]
    every: 1s
steps:
  - probe: smoke
  - shift: {{ route: requests, candidate: 10%, bake: 2s, gates: [smoke] }}
"
    ))
}

#[test]
fn a_version_is_tried_by_events_before_it_gets_any_traffic() {
    let world = World::of_kind("lambda", "invoked");
    let good = publish(&world, &json!({ "statusCode": 200, "body": "{\"ok\": true}" }));
    let previewed = world.run(&["plan", &plan(&world, &good)]);
    assert!(previewed.expect(0).told.contains("lambda:InvokeFunction"), "{}", previewed.told);
    let told = &world.run(&["run", &plan(&world, &good)]).expect(0).told.clone();
    let words = format!("invoked:{good} answers as expected to 1 of 1 events");
    assert!(told.contains(&words), "{told}");
    assert_eq!(alias(&world), ("1".to_owned(), vec![(good, 0.1)]));
    world.run(&["rollback", "--reason", "again"]).expect(4);
    for (answer, words) in [
        (json!({ "statusCode": 503 }), "status 503, not 200"),
        (json!({ "statusCode": 200, "body": "{\"ok\": false}" }), "/body/ok is false, not true"),
        (json!({ "errorMessage": "boom" }), "the function failed (Unhandled)"),
    ] {
        let bad = publish(&world, &answer);
        let told = &world.run(&["run", &plan(&world, &bad)]).expect(4).told.clone();
        assert!(told.contains(words), "{told}");
        assert!(!told.contains("asked for"), "no traffic was moved: {told}");
        assert_eq!(alias(&world), ("1".to_owned(), Vec::new()));
    }
}

/// The run's journal has a copy of the file that its plan names.
#[test]
fn a_run_is_resumed_without_the_file_that_its_plan_names() {
    let world = World::of_kind("lambda", "filed");
    let good = publish(&world, &json!({ "statusCode": 200, "body": "{\"ok\": true}" }));
    let inline = plan(&world, &good);
    let named = world.plan_text(&inline, |text| {
        let text = text.replace("payload: { path: /health }", "file: events/health.json");
        text.replace("  - shift:", "  - approve: { message: go }\n  - probe: smoke\n  - shift:")
    });
    let events = std::path::Path::new(&named).with_file_name("events");
    let missing = world.run(&["run", &named]).expect(2).talk.clone();
    assert!(missing.contains("events/health.json"), "{missing}");
    std::fs::create_dir(&events).unwrap();
    std::fs::write(events.join("health.json"), "{ \"path\": \"/health\" }").unwrap();
    world.run(&["run", &named, "--no-wait"]).expect(7);
    std::fs::remove_dir_all(&events).unwrap();
    std::fs::remove_file(&named).unwrap();
    world.run(&["approve"]);
    let told = &world.run(&["resume"]).expect(0).told.clone();
    let words = format!("filed:{good} answers as expected to 1 of 1 events");
    assert!(told.matches(&words).count() >= 1, "{told}");
    assert_eq!(alias(&world), ("1".to_owned(), vec![(good, 0.1)]));
}
