//! What the absence of a field in an answer is taken for, over a wire that stays in the process (`wire.rs`): never for
//! good news. ARCHITECTURE.md has the table.

use serde_json::json;

use super::wire::{Wire, cbor, xml};
use crate::{
    cloud::{
        Alarm, Alarms, Dns, Error, Forward, Groups, Installations, LoadBalancers, Queues, Told,
    },
    plan::{ListenerRule, Member, Queue},
    rollout::{Phase, Timestamp},
};

const RULE: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener-rule/app/shop/50dc/f2f7/1";

async fn alarm(fields: serde_json::Value) -> Alarm {
    let wire = Wire::new(move |_| {
        let mut answered = super::wire::Answered::from(cbor(&json!({ "MetricAlarms": [fields] })));
        answered.headers.push(("date", "Sat, 03 Jan 2026 12:00:00 GMT"));
        answered
    });
    let alarms = wire.services.cloudwatch.alarms(&["5xx".to_owned()]).await.unwrap();
    alarms.into_iter().next().unwrap()
}

#[tokio::test]
async fn an_alarm_without_the_time_of_its_last_change_has_none_but_the_answer_has() {
    let found = alarm(json!({
        "AlarmName": "5xx", "StateValue": "OK", "StateUpdatedTimestamp": { "epoch": 99.0 },
    }))
    .await;
    assert_eq!(found.since, None);
    let there = Timestamp::from_millis(1_767_441_600_000);
    assert!(matches!(found.told, Some(Told { there: at, .. }) if at == there), "{found:?}");
}

#[tokio::test]
async fn an_alarm_without_a_state_or_with_an_unknown_one_is_not_to_be_trusted() {
    let none = alarm(json!({ "AlarmName": "5xx" })).await;
    assert_eq!(none.evaluation.as_deref(), Some("no state"));
    let new = alarm(json!({ "AlarmName": "5xx", "StateValue": "SNOOZED" })).await;
    assert_eq!(new.evaluation.as_deref(), Some("the unknown state SNOOZED"));
}

#[tokio::test]
async fn an_empty_token_ends_a_listing() {
    let wire = Wire::new(|_| cbor(&json!({ "NextToken": "", "AlarmHistoryItems": [] })));
    let cloudwatch = &wire.services.cloudwatch;
    assert_eq!(cloudwatch.alarms(&["5xx".to_owned()]).await.unwrap(), []);
    assert_eq!(cloudwatch.history("5xx", Timestamp::default()).await.unwrap(), []);
    assert_eq!(wire.sent().len(), 2);
}

/// The forward action of a rule with this configuration.
async fn forward(config: &'static str) -> Result<Forward, Error> {
    let wire = Wire::new(move |sent| {
        let rule = format!(
            "<Rules><member><RuleArn>{RULE}</RuleArn><Priority>1</Priority><Actions><member>\
             <Type>forward</Type><ForwardConfig>{config}</ForwardConfig></member></Actions></member></Rules>"
        );
        xml(&sent.operation, &rule)
    });
    wire.services.load_balancing.find(&ListenerRule::Rule(RULE.to_owned())).await
}

#[tokio::test]
async fn a_group_without_weight_beside_others_is_not_known_to_weigh_anything() {
    let error = forward(
        "<TargetGroups><member><TargetGroupArn>arn:aws:x:y:1:targetgroup/blue/1</TargetGroupArn>\
         <Weight>1</Weight></member><member>\
         <TargetGroupArn>arn:aws:x:y:1:targetgroup/green/1</TargetGroupArn></member></TargetGroups>",
    );
    let error = error.await.unwrap_err().to_string();
    assert!(error.contains("targetgroup/green/1 has no weight, beside other groups"), "{error}");
}

#[tokio::test]
async fn stickiness_without_a_duration_may_last_as_long_as_aws_allows() {
    let found = forward(
        "<TargetGroups><member><TargetGroupArn>arn:aws:x:y:1:targetgroup/blue/1</TargetGroupArn>\
         </member></TargetGroups><TargetGroupStickinessConfig><Enabled>true</Enabled>\
         </TargetGroupStickinessConfig>",
    );
    assert_eq!(found.await.unwrap().sticky_for.unwrap().as_secs(), 604_800);
}

#[tokio::test]
async fn a_size_that_is_not_told_is_not_0() {
    for missing in ["MinSize", "MaxSize", "DesiredCapacity"] {
        let wire = Wire::new(move |sent| {
            let sizes = ["MinSize", "MaxSize", "DesiredCapacity"];
            let told = sizes.iter().filter(|size| **size != missing);
            let told: Vec<String> = told.map(|size| format!("<{size}>2</{size}>")).collect();
            let told = told.concat();
            let group = format!(
                "<AutoScalingGroups><member><AutoScalingGroupName>app</AutoScalingGroupName>{told}\
                 </member></AutoScalingGroups>"
            );
            xml(&sent.operation, &group)
        });
        let error = wire.services.auto_scaling.group(&Member::new("app")).await.unwrap_err();
        assert!(error.is_passing(), "{error:?}");
        assert!(error.to_string().contains("group app came without its "), "{error}");
    }
}

#[tokio::test]
async fn a_refresh_without_status_is_under_way() {
    let wire = Wire::new(|sent| {
        let result = match sent.operation.as_str() {
            "DescribeAutoScalingGroups" => {
                "<AutoScalingGroups><member><AutoScalingGroupName>app</AutoScalingGroupName>\
                 </member></AutoScalingGroups>"
            }
            _ => {
                "<InstanceRefreshes><member><InstanceRefreshId>r-1</InstanceRefreshId>\
                 </member></InstanceRefreshes>"
            }
        };
        xml(&sent.operation, result)
    });
    let app = wire.services.auto_scaling.installation(&Member::new("app")).await.unwrap();
    let phase = app.software.operation.unwrap().phase;
    assert!(matches!(phase, Phase::Moving { .. }), "{phase:?}");
}

#[tokio::test]
async fn half_a_set_of_records_is_not_a_set() {
    let wire = Wire::new(|_| {
        let answer = "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet>\
            <Name>www.example.com.</Name><Type>A</Type><SetIdentifier>blue</SetIdentifier>\
            <Weight>1</Weight><TTL>60</TTL></ResourceRecordSet></ResourceRecordSets>\
            <NextRecordName>www.example.com.</NextRecordName>\
            <NextRecordType>A</NextRecordType><MaxItems>1</MaxItems></ListResourceRecordSetsResponse>";
        (200, answer.as_bytes().to_vec())
    });
    let records = wire.services.route53.records("hostedzone/Z1/www.example.com/A").await;
    assert!(matches!(records, Err(Error::Transient { .. })), "{records:?}");
}

#[tokio::test]
async fn a_queue_without_url_is_not_there() {
    let wire = Wire::new(|_| (200, b"{}".to_vec()));
    let found = wire.services.queues.find(&Queue::new("news")).await;
    assert!(matches!(found, Err(Error::Absent { .. })), "{found:?}");
}
