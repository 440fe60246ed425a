//! Situations that people met, as they came to them: records that all have weight 0, alarms that watch exactly what they
//! should, zones of one name, and a wait whose reason changes while it lasts.

use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, Statistic};
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, HostedZoneConfig, ResourceRecord, ResourceRecordSet, RrType,
    Vpc, VpcRegion,
};

use crate::world::{Ended, World};

pub(crate) fn awaited<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

pub(crate) async fn route53() -> aws_sdk_route53::Client {
    aws_sdk_route53::Client::new(&aws_config::from_env().load().await)
}

/// A plan that moves one name of a zone.
fn by_name(world: &World, zone: &str, name: &str) -> String {
    world.own_plan(&format!(
        "tidegate: 1
name: {}
routes:
  site: {{ route53: {{ zone: {zone}, name: {name}, type: CNAME, pair: [blue, green] }} }}
steps:
  - shift: {{ route: site, candidate: 50%, bake: 5m }}
",
        world.prefix
    ))
}

pub(crate) async fn write(
    client: &aws_sdk_route53::Client,
    zone: &str,
    records: Vec<ResourceRecordSet>,
) {
    let change = |record| {
        Change::builder().action(ChangeAction::Upsert).resource_record_set(record).build().unwrap()
    };
    let all = records.into_iter().map(change).collect();
    let batch = ChangeBatch::builder().set_changes(Some(all)).build().unwrap();
    let call = client.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    call.send().await.unwrap();
}

#[test]
fn records_that_all_have_weight_0_are_told_to_be_answered_alike() {
    let world = World::of_kind("route53", "caszero");
    let zone = world.seeded["zone"].as_str().unwrap();
    awaited(async {
        let client = route53().await;
        let all = client.list_resource_record_sets().hosted_zone_id(zone).send().await.unwrap();
        let mut records = all.resource_record_sets;
        records.retain(|record| record.weight.is_some());
        for record in &mut records {
            record.weight = Some(0);
        }
        assert_eq!(records.len(), 2);
        write(&client, zone, records).await;
    });
    let plan = by_name(&world, "caszero.example.com", "app.caszero.example.com");
    let told = world.run(&["plan", &plan]);
    let words = "all weights are 0, so Route 53 answers with every record alike: blue and green each get half";
    assert!(told.expect(3).talk.replace('\n', " ").contains(words), "{}", told.talk);
}

#[test]
fn alarms_that_watch_exactly_the_candidate_of_records_are_not_doubted() {
    let world = World::of_kind("route53", "casalarm");
    let balancer = world.seeded["load_balancers"]["green"].as_str().unwrap();
    let (_, dimension) = balancer.split_once(":loadbalancer/").unwrap();
    awaited(async {
        let client = aws_sdk_cloudwatch::Client::new(&aws_config::from_env().load().await);
        let whole = Dimension::builder().name("LoadBalancer").value(dimension).build();
        let alarm = client
            .put_metric_alarm()
            .alarm_name("casalarm-lb-5xx")
            .namespace("AWS/ApplicationELB")
            .metric_name("HTTPCode_Target_5XX_Count")
            .dimensions(whole)
            .statistic(Statistic::Sum)
            .period(60)
            .evaluation_periods(1)
            .threshold(5.0)
            .comparison_operator(ComparisonOperator::GreaterThanThreshold)
            .treat_missing_data("notBreaching");
        alarm.send().await.unwrap();
    });
    let plan = by_name(&world, "casalarm.example.com", "app.casalarm.example.com");
    let plan = world.plan_text(&plan, |text| {
        let gates = "gates:\n  errors: { alarms: { names: [casalarm-5xx, casalarm-lb-5xx] } }\n";
        let text = text.replace("steps:", &format!("{gates}steps:"));
        text.replace("bake: 5m", "bake: 5m, gates: [errors]")
    });
    let told = world.run(&["plan", &plan]);
    assert!(!told.expect(0).talk.contains(" watches "), "{}", told.talk);
}

/// A public and a private zone of one name, each with the records; answers with their ids as AWS tells them.
fn twins(world: &World) -> [String; 2] {
    let group = world.seeded["target_groups"]["green"].as_str().unwrap();
    awaited(async {
        let settings = aws_config::from_env().load().await;
        let balancing = aws_sdk_elasticloadbalancingv2::Client::new(&settings);
        let groups = balancing.describe_target_groups().target_group_arns(group).send().await;
        let vpc = groups.unwrap().target_groups()[0].vpc_id().unwrap().to_owned();
        let client = route53().await;
        let (public, private) = ("public", "private");
        let mut ids = Vec::new();
        for kind in [public, private] {
            let call = client.create_hosted_zone().name("castwin.test.").caller_reference(kind);
            let call = if kind == private {
                let vpc = Vpc::builder().vpc_region(VpcRegion::EuWest1).vpc_id(&vpc).build();
                let config = HostedZoneConfig::builder().private_zone(true).comment(kind).build();
                call.vpc(vpc).hosted_zone_config(config)
            } else {
                call
            };
            let id = call.send().await.unwrap().hosted_zone.unwrap().id;
            let record = |(side, weight): (&str, i64)| {
                let value = ResourceRecord::builder().value(format!("{side}.example.com"));
                ResourceRecordSet::builder()
                    .name("www.castwin.test.")
                    .r#type(RrType::Cname)
                    .set_identifier(side)
                    .weight(weight)
                    .ttl(5)
                    .resource_records(value.build().unwrap())
                    .build()
                    .unwrap()
            };
            write(&client, &id, [("blue", 255), ("green", 0)].map(record).into()).await;
            ids.push(id);
        }
        ids.try_into().unwrap()
    })
}

#[test]
fn of_two_zones_of_one_name_each_is_told_and_can_be_named_by_its_id() {
    let world = World::of_kind("route53", "castwin");
    let ids = twins(&world);
    let plan = |zone: &str| world.run(&["plan", &by_name(&world, zone, "www.castwin.test")]);
    let both = plan("castwin.test");
    let talk = &both.expect(3).talk;
    assert!(talk.contains("(public)") && talk.contains("(private)"), "{talk}");
    assert!(!talk.contains("try again"), "{talk}");
    for id in &ids {
        let bare = id.trim_start_matches("/hostedzone/");
        assert!(talk.contains(bare), "{bare}: {talk}");
        for zone in [bare, &format!("/hostedzone/{bare}")] {
            plan(zone).expect(0);
        }
    }
}

#[test]
fn a_wait_that_runs_out_of_time_tells_the_last_reason_that_aws_gave() {
    let world = World::new("casewait");
    world.release(&["--unhealthy"]);
    world.detach_the_candidate();
    let plan = world.own_plan(
        "tidegate: 1
name: casewait
routes:
  web: { alb: { load-balancer: casewait, port: 80, pair: [casewait-blue, casewait-green], settle: 2s } }
fleets:
  app: { autoscaling: { pair: [casewait-blue, casewait-green] }, behind: web }
steps:
  - scale: { fleet: app, side: candidate, to: { same-as: stable } }
  - wait: { until: { healthy: { route: web, side: candidate, at-least: 100% } }, timeout: 60s }
  - shift: { route: web, candidate: 10%, bake: 3s }
",
    );
    let run = world.start(&["run", &plan]);
    world.wait_for("Target.ResponseCodeMismatch");
    let ended = Ended::wait(run);
    let reason = "unhealthy, Target.ResponseCodeMismatch";
    assert!(ended.expect(4).told.contains(reason), "{}", ended.told);
    let failed = world.events().into_iter().find(|event| event.contains("step-failed")).unwrap();
    assert!(failed.contains(reason) && !failed.contains("registered 0"), "{failed}");
    let status = world.run(&["status"]);
    let page = status.told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(reason), "{page}");
}
