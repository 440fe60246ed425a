//! What a fleet's groups really run, on the wire: leftovers of an earlier try, a serving group of no instances, and a
//! version that does not exist.

use crate::{load::Load, replacements::rolling, world::World};

/// Two instances of template version 1 in green, whose template then becomes version 2.
fn with_leftovers(world: &World) {
    world.resize("green", 2);
    world.release(&[]);
}

fn plan(world: &World, leftovers: &str) -> String {
    world.own_plan(&format!(
        "\
tidegate: 1
name: fleets
aws: {{ region: eu-west-1 }}
routes:
  web:
    alb: {{ load-balancer: {app}, port: 80, priority: 10, pair: [{app}-blue, {app}-green], settle: 3s }}
fleets:
  app: {{ autoscaling: {{ pair: [{app}-blue, {app}-green]{leftovers} }}, behind: web }}
gates:
  errors: {{ alarms: {{ names: [{app}-5xx] }} }}
steps:
  - scale: {{ fleet: app, side: candidate, to: {{ same-as: stable }} }}
  - wait: {{ until: {{ healthy: {{ route: web, side: candidate, at-least: 100% }} }}, timeout: 120s }}
  - shift: {{ route: web, candidate: 10%, bake: 3s, gates: [errors] }}
  - shift: {{ route: web, candidate: 100%, bake: 3s, gates: [errors] }}
  - scale: {{ fleet: app, side: stable, to: 0 }}
",
        app = world.prefix
    ))
}

#[test]
fn leftovers_of_an_earlier_try_are_refused_and_replaced_when_the_plan_says_so() {
    let world = World::new("leftover");
    with_leftovers(&world);
    let before = world.snapshot();
    let refused = world.run(&["run", &plan(&world, "")]);
    let told = "2 of 2 instances of leftover-green run version 1, the group says 2";
    assert!(refused.expect(3).talk.contains(told), "{}", refused.talk);
    assert_eq!(world.snapshot(), before, "nothing was touched");
    let load = Load::start(&world.prefix, 40);
    let ended = world.run(&["run", &plan(&world, ", leftovers: replace")]);
    assert!(ended.expect(0).told.contains("serves     app: leftover-green"), "{}", ended.told);
    let seen = load.stop();
    println!("leftovers replaced: {} requests, {:?}", seen.requests, seen.versions());
    assert_eq!(seen.errors, 0);
    assert!(seen.versions().get("2").is_some_and(|answers| *answers > 0), "version 2 served");
}

#[test]
fn a_candidate_as_large_as_an_empty_group_is_refused() {
    let world = World::new("nobody");
    world.resize("blue", 0);
    let refused = world.run(&["run", &plan(&world, "")]);
    let told = "stable group nobody-blue runs no instances; `same-as: stable` would start none";
    assert!(refused.expect(3).talk.contains(told), "{}", refused.talk);
}

#[test]
fn a_template_version_that_does_not_exist_is_refused_in_awss_words() {
    let world = World::of_kind("rolling", "nosuch");
    let before = world.described();
    let plan = rolling(&world, "[50%]", 9);
    for command in ["plan", "run"] {
        let refused = world.run(&[command, &plan]);
        let talk = &refused.expect(3).talk;
        assert!(talk.contains("InvalidLaunchTemplateId.VersionNotFound"), "{talk}");
    }
    assert_eq!(world.described(), before);
}
