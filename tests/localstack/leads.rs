//! Users who come to a side by another way than the plan's route, a candidate that stands in no rule, and a rule that
//! cannot have a test route: with requests on every rule that leads to a side, none of which may be lost.

use aws_sdk_route53::types::{ResourceRecord, ResourceRecordSet, RrType};

use crate::{
    cases::{awaited, route53, write},
    load::Load,
    routes::by_dns,
    world::{Ended, World},
};

/// The plan of the cases: scale out, wait, shift, scale away, at the rule of a priority or the default action.
fn plan(world: &World, priority: &str) -> String {
    let prefix = &world.prefix;
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
aws: {{ region: eu-west-1 }}
routes:
  web:
    alb: {{ load-balancer: {prefix}, port: 80, {priority}pair: [{prefix}-blue, {prefix}-green], settle: 2s }}
fleets:
  app: {{ autoscaling: {{ pair: [{prefix}-blue, {prefix}-green] }}, behind: web }}
gates:
  errors: {{ alarms: {{ names: [{prefix}-5xx] }} }}
steps:
  - scale: {{ fleet: app, side: candidate, to: {{ same-as: stable }} }}
  - wait: {{ until: {{ healthy: {{ route: web, side: candidate, at-least: 100% }} }}, timeout: 90s }}
  - shift: {{ route: web, candidate: 10%, bake: 3s, gates: [errors] }}
  - shift: {{ route: web, candidate: 100%, bake: 3s, gates: [errors] }}
  - scale: {{ fleet: app, side: stable, to: 0 }}
"
    ))
}

#[test]
fn a_group_that_another_rule_leads_to_is_not_scaled_away() {
    let world = World::new("leadsa");
    world.release(&["--version", "2"]);
    world.leave_the_rest_to_stable("/api/*");
    let before = world.described();
    let loads = [Load::start("leadsa", 30), Load::asking_for("/api/x", "leadsa", 30)];
    let plan = plan(&world, "priority: 10, ");
    let refused = world.run(&["run", &plan]);
    let words =
        "from 2 to 0, and the default action of port 80 of leadsa would still send users there";
    assert!(refused.expect(3).talk.contains(words), "{}", refused.talk);
    assert!(world.events().is_empty() && world.described() == before);
    // Without the step that scales it away the plan may run, and the rest of the users stay where they are.
    let moving = world.plan_text(&plan, |text| {
        text.replace("  - scale: { fleet: app, side: stable, to: 0 }\n", "")
    });
    let told = world.run(&["plan", &moving]).expect(0).told.clone();
    assert!(told.contains("leadsa-blue (stable): the default action of port 80"), "{told}");
    world.run(&["run", &moving]).expect(0);
    let [rest, api] = loads.map(|load| load.stop_after(1));
    println!("shared: {} and {} requests, {:?}", rest.requests, api.requests, api.versions());
    assert!(rest.errors == 0 && api.errors == 0, "{rest:?} {api:?}");
    assert!(api.versions().contains_key("2") && !rest.versions().contains_key("2"), "{rest:?}");
}

#[test]
fn a_rule_that_is_added_under_way_keeps_the_old_side_until_it_is_gone() {
    let world = World::new("leadsb");
    world.release(&["--version", "2"]);
    let loads = [Load::start("leadsb", 30), Load::asking_for("/old", "leadsb", 30)];
    let run = world.start(&["run", &plan(&world, "priority: 10, ")]);
    world.wait_for("bake-started");
    let added = world.add_rule(5, "/old", "blue");
    world.wait_until("the side to be led to", |events| {
        events.iter().any(|event| event.contains("is led to by rule 5 (path /old)"))
    });
    world.delete_rule(&added);
    let ended = Ended::wait(run);
    assert!(ended.expect(0).told.contains("nothing else leads there"), "{}", ended.told);
    for load in loads {
        let seen = load.stop_after(1);
        println!("rule added: {} requests, {:?}", seen.requests, seen.versions());
        assert_eq!(seen.errors, 0, "{seen:?}");
    }
}

#[test]
fn a_candidate_in_no_rule_is_attached_and_detached_again() {
    let world = World::new("leadsc");
    world.release(&["--version", "2"]);
    world.detach_the_candidate();
    let before = world.described();
    let load = Load::start("leadsc", 30);
    let plan = plan(&world, "");
    let told = world.run(&["plan", &plan]);
    let words = "leadsc-green stands in none of its rules";
    assert!(told.expect(0).talk.contains(words), "{}", told.talk);
    assert!(told.told.contains("main/0-attach-web"), "{}", told.told);
    // Killed right after it was attached: whoever goes on knows of the step.
    let mut run = world.start(&["run", &plan]);
    world.wait_until("the group to be attached", |events| {
        events.iter().any(|event| event.contains("step-done") && event.contains("0-attach-web"))
    });
    run.kill().unwrap();
    assert_eq!(Ended::wait(run).code, None, "it was killed by a signal");
    world.run(&["status"]).expect(0);
    world.run(&["resume"]).expect(0);
    world.run(&["rollback", "--reason", "not today"]).expect(4);
    assert_eq!(world.described(), before);
    let seen = load.stop_after(1);
    println!("detached: {} requests, {:?}", seen.requests, seen.versions());
    assert!(seen.errors == 0 && seen.versions().contains_key("2"), "{seen:?}");
}

#[test]
fn a_side_that_another_record_leads_to_is_not_scaled_away() {
    let world = World::of_kind("route53", "leadse");
    let (zone, old) = (world.seeded["zone"].as_str().unwrap(), "old.leadse.example.com.");
    let host = "leadse-blue.elb.localhost.localstack.cloud";
    let answer = ResourceRecord::builder().value(host).build().unwrap();
    let record = ResourceRecordSet::builder().name(old).r#type(RrType::Cname).ttl(5);
    let record = record.resource_records(answer).build().unwrap();
    awaited(async { write(&route53().await, zone, vec![record]).await });
    let before = world.described();
    let loads = [Load::start("leadse", 30), Load::resolving(old, "leadse", 30)];
    let plan = by_dns(&world);
    let refused = world.run(&["run", &plan]);
    let talk = refused.expect(3).talk.replace('\n', " ");
    assert!(talk.contains("old.leadse.example.com"), "{talk}");
    assert!(talk.contains("would still send users there"), "{talk}");
    assert!(world.events().is_empty() && world.described() == before);
    let moving = world.plan_text(&plan, |text| {
        text.replace("  - scale: { fleet: app, side: stable, to: 0 }\n", "")
    });
    world.run(&["run", &moving]).expect(0);
    for load in loads {
        let seen = load.stop_after(1);
        println!("shared by a record: {} requests", seen.requests);
        assert!(seen.errors == 0 && seen.requests > 0, "{seen:?}");
    }
}

#[test]
fn records_that_somebody_changes_are_drift_and_no_user_is_lost() {
    let world = World::of_kind("route53", "leadsf");
    let zone = world.seeded["zone"].as_str().unwrap();
    let before = world.described();
    let load = Load::start("leadsf", 30);
    let run = world.start(&["run", &by_dns(&world), "--param", "bake=60s"]);
    world.wait_for("bake-started");
    awaited(async {
        let client = route53().await;
        let all = client.list_resource_record_sets().hosted_zone_id(zone).send().await.unwrap();
        let mut records = all.resource_record_sets;
        records.retain(|record| record.weight.is_some());
        for record in &mut records {
            record.weight = Some(100);
        }
        write(&client, zone, records).await;
    });
    Ended::wait(run).expect(8);
    world.run(&["rollback"]).expect(5);
    world.run(&["rollback", "--overwrite"]).expect(4);
    assert_eq!(world.described(), before);
    let seen = load.stop_after(1);
    println!("drifted records: {} requests", seen.requests);
    assert!(seen.errors == 0 && seen.requests > 0, "{seen:?}");
}

#[test]
fn a_rule_that_cannot_have_a_test_route_is_known_by_preflight() {
    let world = World::new("leadsd");
    world.sign_users_in();
    let before = world.described();
    let prefix = &world.prefix;
    let plan = world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
aws: {{ region: eu-west-1 }}
routes:
  web: {{ alb: {{ load-balancer: {prefix}, port: 80, priority: 10, pair: [{prefix}-blue, {prefix}-green], settle: 1s }} }}
fleets:
  app: {{ autoscaling: {{ pair: [{prefix}-blue, {prefix}-green] }}, behind: web }}
gates:
  errors: {{ alarms: {{ names: [{prefix}-5xx] }} }}
  smoke: {{ http: {{ url: \"http://127.0.0.1:9/\", headers: {{ x-canary: \"1\" }}, status: 200 }} }}
strategy:
  blue-green: {{ route: web, fleet: app, test: smoke, test-header: {{ name: x-canary, value: \"1\" }}, bake: 3s, gates: [errors], old-fleet: {{ keep: 1s }} }}
"
    ));
    for command in ["plan", "run"] {
        let refused = world.run(&[command, &plan]);
        let words = "cannot have a test route: it signs users in by OIDC";
        assert!(refused.expect(3).talk.contains(words), "{}", refused.talk);
    }
    assert!(world.events().is_empty() && world.described() == before);
}
