//! A Lambda function that is asked whether traffic may move on. What it answers is an environment variable of it there
//! (`localstack/coverage.md`); everything else is the wire.

use aws_sdk_lambda::{Client, types::Environment};

use crate::world::{Ended, World};

fn environment(answer: &str) -> Environment {
    Environment::builder().variables("TIDEGATE_ANSWER", answer).build()
}

/// The function `…-fn` of a world of its own.
pub(crate) struct Verifier {
    client: Client,
    runtime: tokio::runtime::Runtime,
    pub(crate) name: String,
}

impl Verifier {
    pub(crate) fn new(world: &World, answer: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let settings = runtime.block_on(aws_config::from_env().load());
        let name = World::of_kind("lambda", &format!("{}-fn", world.prefix)).prefix;
        let verifier = Self { client: Client::new(&settings), runtime, name };
        verifier.says(answer);
        verifier
    }

    fn says(&self, answer: &str) {
        let update = self.client.update_function_configuration();
        let update = update.function_name(&self.name).environment(environment(answer));
        self.runtime.block_on(update.send()).unwrap();
    }
}

/// The canary of plans/, asking the function beside its alarms.
fn plan(world: &World) -> String {
    world.plan("canary-alb.yaml", |text| {
        let gate = "gates:\n  verify: { lambda: { function: \"${app}-fn\" }, every: 1s }\n";
        text.replace("gates:\n", gate).replace("gates: [errors]", "gates: [errors, verify]")
    })
}

#[test]
fn a_canary_is_promoted_while_its_function_passes() {
    let world = World::new("fnpass");
    let _verifier = Verifier::new(&world, r#"{"outcome": "pass", "because": "all well"}"#);
    let plan = plan(&world);
    let previewed = world.run(&["plan", &plan]);
    assert!(previewed.expect(0).told.contains("lambda:InvokeFunction"), "{}", previewed.told);
    let told = world.run(&["run", &plan]);
    assert!(told.expect(0).told.contains("fnpass-fn says pass: all well"), "{}", told.told);
    assert_eq!(world.split().to_string(), "fnpass-blue 0, fnpass-green 999");
}

#[test]
fn a_canary_is_rolled_back_when_its_function_fails_it() {
    let world = World::new("fnfail");
    let verifier = Verifier::new(&world, r#"{"outcome": "pass"}"#);
    let before = world.snapshot();
    let plan = plan(&world);
    let run = world.start(&["run", &plan]);
    world.wait_for("bake-started");
    verifier.says(r#"{"outcome": "fail", "because": "3 orders are missing"}"#);
    let ended = Ended::wait(run);
    assert!(ended.expect(4).told.contains("fnfail-fn says fail: 3 orders"), "{}", ended.told);
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_function_that_is_not_there_refuses_the_run() {
    let world = World::new("fnabsent");
    let refused = world.run(&["run", &plan(&world)]);
    let talk = &refused.expect(3).talk;
    assert!(talk.contains("function fnabsent-fn does not exist"), "{talk}");
}
