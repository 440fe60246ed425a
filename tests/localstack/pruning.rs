//! Old versions of a function, deleted at the end of a run over the wire: what anything uses stays, and a run that is killed
//! on the way deletes the rest when it is taken up again.

use std::{thread, time::Duration};

use aws_sdk_lambda::Client;

use crate::world::{Ended, World};

/// Publishes, gives the new version everything, and leaves the two newest.
pub(crate) fn plan(world: &World) -> String {
    let prefix = &world.prefix;
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  requests: {{ lambda: {{ function: {prefix}, alias: live, candidate: published, settle: 1s, versions: {{ keep: 2 }} }} }}
gates:
  errors: {{ alarms: {{ names: [{prefix}-errors] }}, every: 1s }}
steps:
  - publish: requests
  - shift: {{ route: requests, candidate: 100%, bake: 1s, gates: [errors] }}
"
    ))
}

/// A function with versions 1 to 6, and something new that is uploaded.
pub(crate) fn released(world: &World) {
    for latency in ["2", "3", "4", "5"] {
        world.release(&["--latency-ms", latency]);
    }
    world.release(&["--unpublished", "--latency-ms", "1"]);
}

struct Function {
    client: Client,
    runtime: tokio::runtime::Runtime,
    name: String,
}

impl Function {
    fn of(world: &World) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = Client::new(&runtime.block_on(aws_config::from_env().load()));
        Self { client, runtime, name: world.prefix.clone() }
    }

    fn lead(&self, alias: &str, version: &str) {
        let call = self.client.create_alias().function_name(&self.name).name(alias);
        self.runtime.block_on(call.function_version(version).send()).unwrap();
    }

    fn allow(&self, version: &str) {
        let call = self.client.add_permission().function_name(&self.name).qualifier(version);
        let call = call.statement_id("gateway").action("lambda:InvokeFunction");
        self.runtime.block_on(call.principal("apigateway.amazonaws.com").send()).unwrap();
    }

    fn versions(&self) -> Vec<String> {
        let call = self.client.list_versions_by_function().function_name(&self.name);
        let listed = self.runtime.block_on(call.send()).unwrap().versions.unwrap();
        let numbers = listed.into_iter().filter_map(|version| version.version);
        numbers.filter(|version| version != "$LATEST").collect()
    }
}

#[test]
fn old_versions_go_and_what_is_used_stays() {
    let world = World::of_kind("lambda", "prune");
    released(&world);
    let function = Function::of(&world);
    function.lead("beta", "3");
    function.allow("5");
    let previewed = world.run(&["plan", &plan(&world)]);
    assert!(previewed.expect(0).told.contains("lambda:DeleteFunction"), "{}", previewed.told);
    let told = world.run(&["run", &plan(&world)]);
    assert!(told.expect(0).told.contains("old versions of requests"), "{}", told.told);
    // 7 and 6 are the newest, 1 is the side to go back to, an alias leads to 3, and somebody may invoke 5.
    assert_eq!(function.versions(), ["1", "3", "5", "6", "7"]);
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(crate::aliases::alias(&world), ("1".to_owned(), Vec::new()));
    assert_eq!(function.versions(), ["1", "3", "5", "6", "7"]);
}

#[test]
fn a_run_that_is_killed_while_it_deletes_deletes_the_rest_when_it_is_taken_up_again() {
    let world = World::of_kind("lambda", "prunekill");
    released(&world);
    let slow = r#""kind": "delay", "times": 1, "delay_seconds": 4, "after": true"#;
    world.fault("lambda.DeleteFunction", slow);
    let mut run = world.start(&["run", &plan(&world)]);
    world.wait_until("the intent", |events| {
        events
            .iter()
            .any(|event| event.contains("change-intended") && event.contains("old-versions"))
    });
    thread::sleep(Duration::from_millis(500));
    run.kill().unwrap();
    assert_eq!(Ended::wait(run).code, None, "it was killed by a signal");
    world.run(&["resume"]).expect(0);
    assert_eq!(Function::of(&world).versions(), ["1", "6", "7"]);
}

#[test]
fn users_stay_at_the_new_version_when_the_old_ones_may_not_be_deleted() {
    let world = World::of_kind("lambda", "prunedeny");
    released(&world);
    let fault = world.fault("lambda.DeleteFunction", r#""kind": "deny", "times": 1"#);
    let held = world.run(&["run", &plan(&world)]);
    assert!(held.expect(7).told.contains("tidegate resume"), "{}", held.told);
    assert_eq!(world.lift(&fault), 1);
    assert_eq!(crate::aliases::alias(&world), ("7".to_owned(), Vec::new()));
    world.run(&["resume"]).expect(0);
    assert_eq!(Function::of(&world).versions(), ["1", "6", "7"]);
}
