//! Deployments in which `CodeDeploy` moves traffic: a function's alias from one version to the next, a service's
//! listeners from one set of tasks to the other.

use aws_sdk_cloudwatch::types::StateValue;

use crate::world::{Ended, World};

/// A world in which a first revision was deployed by hand, the one that its seed tells.
fn deployed_once(kind: &str, prefix: &str, all_at_once: &str) -> World {
    let world = World::of_kind(kind, prefix);
    world.deploy_by_hand(world.seeded["app_spec"].as_str().unwrap(), all_at_once);
    world
}

/// A plan that deploys what ran before the first revision.
fn shifting(world: &World, spec: &str, config: &str, alarm: &str) -> String {
    let prefix = &world.prefix;
    let plan = format!(
        "tidegate: 1
name: {prefix}
fleets: {{ app: {{ codedeploy: {{ application: {prefix}, group: {prefix} }} }} }}
gates: {{ errors: {{ alarms: {{ names: [{prefix}-{alarm}] }} }} }}
steps:
  - deploy:
      fleet: app
      revision: {{ app-spec: '{spec}' }}
      config: CodeDeployDefault.{config}
      gates: [errors]
      bake: 8s
"
    );
    let path = world.journal.path().join("shifting.yaml");
    std::fs::write(&path, plan).unwrap();
    path.to_str().unwrap().to_owned()
}

/// All at once to promoted, and back; then, elsewhere, a canary whose alarm goes off on the way.
fn is_moved_and_moved_back(
    kind: &str,
    (all_at_once, canary): (&str, &str),
    alarm: &str,
    spec: fn(&World) -> String,
) {
    let world = deployed_once(kind, &format!("{kind}good"), all_at_once);
    let before = world.described();
    world.run(&["run", &shifting(&world, &spec(&world), all_at_once, alarm)]).expect(0);
    assert_ne!(world.described(), before);
    world.run(&["rollback", "--reason", "customers complain"]).expect(4);
    assert_eq!(world.described(), before);

    let world = deployed_once(kind, &format!("{kind}bad"), all_at_once);
    let before = world.described();
    let run = world.start(&["run", &shifting(&world, &spec(&world), canary, alarm)]);
    world.wait_until("traffic to move", |_| world.described() != before);
    world.set_alarm(alarm, StateValue::Alarm);
    let ended = Ended::wait(run);
    println!("{kind}:\n{}", ended.told);
    assert!(ended.expect(4).told.contains("gate errors: fail"), "{}", ended.told);
    assert_eq!(world.described(), before);
}

#[test]
fn an_alias_of_a_function_is_moved_and_moved_back() {
    let configs = ("LambdaAllAtOnce", "LambdaCanary10Percent5Minutes");
    is_moved_and_moved_back("lambda", configs, "errors", |world| {
        let spec = world.seeded["app_spec"].as_str().unwrap();
        let (one, two) = (r#"Version": "1""#, r#"Version": "2""#);
        spec.replace(one, "old").replace(two, one).replace("old", two)
    });
}

#[test]
fn a_service_is_moved_to_other_tasks_and_moved_back() {
    let configs = ("ECSAllAtOnce", "ECSCanary10Percent5Minutes");
    is_moved_and_moved_back("ecs", configs, "5xx", |world| {
        let definition = |n: &str| world.seeded["task_definitions"][n].as_str().unwrap();
        let spec = world.seeded["app_spec"].as_str().unwrap();
        spec.replace(definition("2"), definition("1"))
    });
}
