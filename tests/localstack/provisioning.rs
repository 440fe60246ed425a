//! Executions of a new version that are kept ready before users come to it, over the wire: there when it gets requests, gone
//! again when it goes back, and the old version's only given up when nobody is sent there any more.

use std::{collections::BTreeMap, thread, time::Duration};

use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_lambda::Client;

use crate::world::{Ended, World};

/// Publishes, keeps as many of the new version ready as of the old one, and gives the old one's up in the end.
pub(crate) fn plan(world: &World, to: &str, bake: &str) -> String {
    let prefix = &world.prefix;
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
routes:
  requests: {{ lambda: {{ function: {prefix}, alias: live, candidate: published, settle: 1s }} }}
fleets:
  warm: {{ provisioned: requests }}
gates:
  errors: {{ alarms: {{ names: [{prefix}-errors] }}, every: 1s }}
steps:
  - publish: requests
  - scale: {{ fleet: warm, side: candidate, to: {to} }}
  - wait: {{ until: {{ healthy: {{ route: requests, side: candidate }} }}, timeout: 20s }}
  - shift: {{ route: requests, candidate: 10%, bake: {bake}, gates: [errors] }}
  - shift: {{ route: requests, candidate: 100%, bake: 1s, gates: [errors] }}
  - scale: {{ fleet: warm, side: stable, to: 0 }}
"
    ))
}

/// As many as the version has that serves.
pub(crate) const LIKEWISE: &str = "{ same-as: stable }";

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

    fn provision(&self, qualifier: &str, executions: i32) {
        let call = self.client.put_provisioned_concurrency_config().function_name(&self.name);
        let call = call.qualifier(qualifier).provisioned_concurrent_executions(executions);
        self.runtime.block_on(call.send()).unwrap();
    }

    /// Another alias.
    fn lead(&self, alias: &str, version: &str) {
        let call = self.client.create_alias().function_name(&self.name).name(alias);
        self.runtime.block_on(call.function_version(version).send()).unwrap();
    }

    fn reserve(&self, executions: i32) {
        let call = self.client.put_function_concurrency().function_name(&self.name);
        let call = call.reserved_concurrent_executions(executions);
        self.runtime.block_on(call.send()).unwrap();
    }

    /// What is uploaded fails to begin from here on.
    fn break_it(&self) {
        let reason = "FUNCTION_ERROR_INIT_FAILURE";
        let variables = aws_sdk_lambda::types::Environment::builder()
            .variables("TIDEGATE_PROVISIONING_FAILS", reason)
            .build();
        let call = self.client.update_function_configuration().function_name(&self.name);
        self.runtime.block_on(call.environment(variables).send()).unwrap();
    }

    /// So many are asked for, by version.
    fn provisioned(&self) -> BTreeMap<String, i32> {
        let call = self.client.list_provisioned_concurrency_configs().function_name(&self.name);
        let listed = self.runtime.block_on(call.send()).unwrap();
        let configs = listed.provisioned_concurrency_configs.unwrap().into_iter();
        let told = configs.map(|config| {
            let arn = config.function_arn.unwrap();
            let version = arn.rsplit(':').next().unwrap().to_owned();
            (version, config.requested_provisioned_concurrent_executions.unwrap())
        });
        told.collect()
    }
}

/// Version 1 serves with three executions ready, and something new is uploaded.
pub(crate) fn warm(world: &World) {
    world.release(&["--unpublished", "--latency-ms", "1"]);
    Function::of(world).provision("1", 3);
}

fn these(all: &[(&str, i32)]) -> BTreeMap<String, i32> {
    all.iter().map(|(version, executions)| ((*version).to_owned(), *executions)).collect()
}

#[test]
fn a_new_version_is_warm_before_users_come_and_the_old_one_gives_its_executions_up() {
    let world = World::of_kind("lambda", "warmgood");
    warm(&world);
    let function = Function::of(&world);
    function.lead("beta", "1");
    let previewed = world.run(&["plan", &plan(&world, LIKEWISE, "4s")]);
    let told = &previewed.expect(0).told;
    let said = format!("{told}{}", previewed.talk);
    let words = "alias beta leads to version 1, which keeps 0 of its 3 provisioned executions";
    assert!(said.contains(words), "{said}");
    assert!(told.contains("lambda:PutProvisionedConcurrencyConfig"), "{told}");
    let run = world.start(&["run", &plan(&world, LIKEWISE, "4s")]);
    world.wait_for("bake-started");
    assert_eq!(function.provisioned(), these(&[("1", 3), ("3", 3)]));
    let ended = Ended::wait(run);
    let told = &ended.expect(0).told;
    println!("{told}");
    assert!(told.contains("3 of 3 provisioned executions of version 3 ready"), "{told}");
    assert_eq!(function.provisioned(), these(&[("3", 3)]));
    assert_eq!(crate::aliases::alias(&world), ("3".to_owned(), Vec::new()));
    // Going back: the old version is warm again before users are.
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(function.provisioned(), these(&[("1", 3)]));
    assert_eq!(crate::aliases::alias(&world), ("1".to_owned(), Vec::new()));
}

#[test]
fn a_version_that_is_taken_back_keeps_no_executions() {
    let world = World::of_kind("lambda", "warmbad");
    warm(&world);
    let run = world.start(&["run", &plan(&world, "2", "5m")]);
    world.wait_for("bake-started");
    let function = Function::of(&world);
    assert_eq!(function.provisioned(), these(&[("1", 3), ("3", 2)]));
    world.set_alarm("errors", StateValue::Alarm);
    Ended::wait(run).expect(4);
    assert_eq!(function.provisioned(), these(&[("1", 3)]));
    assert_eq!(crate::aliases::alias(&world), ("1".to_owned(), Vec::new()));
}

#[test]
fn a_version_that_never_gets_warm_gets_no_users_and_awss_reason_is_told() {
    let world = World::of_kind("lambda", "warmnever");
    warm(&world);
    let function = Function::of(&world);
    function.break_it();
    let ended = world.run(&["run", &plan(&world, LIKEWISE, "1s")]);
    let told = &ended.expect(4).told;
    assert!(told.contains("FUNCTION_ERROR_INIT_FAILURE"), "{told}");
    assert!(told.contains("AWS has given up what is waited for"), "{told}");
    assert_eq!(function.provisioned(), these(&[("1", 3)]));
    assert_eq!(crate::aliases::alias(&world), ("1".to_owned(), Vec::new()));
}

/// Killed when AWS has taken the call and nobody has heard of it; and when the old version's are being given up.
#[test]
fn a_run_that_is_killed_while_it_provisions_provisions_nothing_twice() {
    let slow = r#""kind": "delay", "times": 1, "delay_seconds": 4, "after": true"#;
    let moments = [
        ("put", "lambda.PutProvisionedConcurrencyConfig", "candidate"),
        ("delete", "lambda.DeleteProvisionedConcurrencyConfig", "stable"),
    ];
    thread::scope(|scope| {
        for (name, operation, side) in moments {
            scope.spawn(move || {
                let world = World::of_kind("lambda", &format!("warmkill{name}"));
                warm(&world);
                world.fault(operation, slow);
                let mut run = world.start(&["run", &plan(&world, LIKEWISE, "1s")]);
                world.wait_until("the intent", |events| {
                    events.iter().any(|event| {
                        event.contains("change-intended")
                            && event.contains(&format!(r#""side":"{side}""#))
                    })
                });
                thread::sleep(Duration::from_millis(500));
                run.kill().unwrap();
                assert_eq!(Ended::wait(run).code, None, "{name}: it was killed by a signal");
                world.run(&["resume"]).expect(0);
                assert_eq!(Function::of(&world).provisioned(), these(&[("3", 3)]), "{name}");
            });
        }
    });
}

#[test]
fn what_aws_would_refuse_is_known_before_anything_is_published() {
    let world = World::of_kind("lambda", "warmroom");
    warm(&world);
    let function = Function::of(&world);
    function.reserve(5);
    let refused = |to: &str| world.run(&["run", &plan(&world, to, "1s")]).expect(3).talk.clone();
    let reserved = refused(LIKEWISE);
    let words = "no room for 3 provisioned executions beside the 3 there are: function warmroom has reserved 5";
    assert!(reserved.contains(words), "{reserved}");
    function.provision("live", 1);
    let aliased = refused("1");
    assert!(
        aliased.contains("alias warmroom:live has provisioned concurrency itself"),
        "{aliased}"
    );
    assert!(aliased.contains("aws lambda delete-provisioned-concurrency-config"), "{aliased}");
}
