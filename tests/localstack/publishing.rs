//! A run that publishes the version it rolls out, over the wire: published once, whatever happens to the run on the way.

use std::{thread, time::Duration};

use aws_sdk_lambda::{Client, types::FunctionConfiguration};

use crate::world::{Ended, World};

/// Publishes, and gives the new version ten in a hundred, then all.
pub(crate) fn plan(world: &World, bake: &str) -> String {
    publishing(world, "requests", bake)
}

fn publishing(world: &World, publish: &str, bake: &str) -> String {
    let prefix = &world.prefix;
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  requests: {{ lambda: {{ function: {prefix}, alias: live, candidate: published, settle: 1s }} }}
gates:
  errors: {{ alarms: {{ names: [{prefix}-errors] }}, every: 1s }}
steps:
  - publish: {publish}
  - shift: {{ route: requests, candidate: 10%, bake: {bake}, gates: [errors] }}
  - shift: {{ route: requests, candidate: 100%, bake: 1s, gates: [errors] }}
"
    ))
}

/// The published versions of a world's function.
fn versions(world: &World) -> Vec<FunctionConfiguration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(&runtime.block_on(aws_config::from_env().load()));
    let listed = client.list_versions_by_function().function_name(&world.prefix).send();
    let mut versions = runtime.block_on(listed).unwrap().versions.unwrap();
    versions.retain(|version| version.version() != Some("$LATEST"));
    versions
}

fn serves(world: &World) -> String {
    let described: serde_json::Value = serde_json::from_str(&world.described()).unwrap();
    let live = &described["aliases"][format!("{}:live", world.prefix)];
    assert_eq!(live["weights"], serde_json::json!({}), "{described}");
    live["version"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_uploaded_is_published_and_serves_in_the_end() {
    let world = World::of_kind("lambda", "pubgood");
    world.release(&["--unpublished", "--latency-ms", "1"]);
    assert_eq!(versions(&world).len(), 2);
    let told = world.run(&["run", &plan(&world, "1s")]);
    assert!(told.expect(0).told.contains("version 3 is published"), "{}", told.told);
    let published = versions(&world);
    assert_eq!(published.len(), 3);
    let run = published[2].description().unwrap();
    assert!(run.starts_with("tidegate pubgood-"), "{run}");
    assert_eq!(serves(&world), "3");
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(serves(&world), "1");
    // Nothing is new now; what was published then is not published again.
    let told = world.run(&["run", &plan(&world, "1s")]);
    assert!(told.expect(0).told.contains("since version 3 was published"), "{}", told.told);
    assert_eq!((versions(&world).len(), serves(&world).as_str()), (3, "3"));
    let told = world.run(&["run", &plan(&world, "1s")]);
    assert!(told.expect(4).told.contains("nothing new is uploaded"), "{}", told.told);
    assert_eq!(serves(&world), "3");
}

/// Killed when the version is there and its answer is not; when the call is on its way; and when its number is known.
#[test]
fn a_run_that_is_killed_while_it_publishes_publishes_nothing_twice() {
    let moments = [
        (
            "after",
            Some(r#""kind": "delay", "times": 1, "delay_seconds": 4, "after": true"#),
            "change-intended",
        ),
        ("before", Some(r#""kind": "delay", "times": 1, "delay_seconds": 4"#), "change-intended"),
        ("learned", None, "learned"),
    ];
    thread::scope(|scope| {
        for (name, fault, event) in moments {
            scope.spawn(move || {
                let world = World::of_kind("lambda", &format!("pubkill{name}"));
                world.release(&["--unpublished", "--latency-ms", "1"]);
                if let Some(fault) = fault {
                    world.fault("lambda.PublishVersion", fault);
                }
                let mut run = world.start(&["run", &plan(&world, "1s")]);
                world.wait_for(event);
                // The call is made at once; on a busy machine it may as well not have begun, which is right too.
                thread::sleep(Duration::from_millis(500));
                run.kill().unwrap();
                assert_eq!(Ended::wait(run).code, None, "{name}: it was killed by a signal");
                world.run(&["resume"]).expect(0);
                assert_eq!(versions(&world).len(), 3, "{name}");
                assert_eq!(serves(&world), "3", "{name}");
            });
        }
    });
}

#[test]
fn another_upload_is_not_published() {
    let world = World::of_kind("lambda", "pubother");
    let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let wanted = format!("{{ route: requests, code-sha256: \"{digest}\" }}");
    let refused = world.run(&["run", &publishing(&world, &wanted, "1s")]);
    let talk = &refused.expect(3).talk;
    assert!(talk.contains("which the plan publishes"), "{talk}");
    assert_eq!((versions(&world).len(), serves(&world).as_str()), (2, "1"));
}
