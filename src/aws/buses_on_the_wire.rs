//! What is sent to EventBridge for a target of a rule and made of its answers, over a wire that stays in the process
//! (`wire.rs`).

use serde_json::{Value, json};

use super::wire::{Answered, Sent, Wire};
use crate::{
    cloud::{
        Buses, DISABLED, Error, Mark, Marks, Owned, SetMarks, SetWeights, Taker, Takers, Weights,
        all_to,
    },
    plan::{BusTarget, Member},
    rollout::{RouteService, Timestamp},
};

const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/shop/orders";
const PLACE: &str = "arn:aws:events:eu-west-1:111122223333:rule/shop/orders#handler";
const OLD: &str = "arn:aws:lambda:eu-west-1:111122223333:function:orders:6";
const NEW: &str = "arn:aws:lambda:eu-west-1:111122223333:function:orders:7";

fn target() -> BusTarget {
    BusTarget { bus: "shop".into(), rule: "orders".into(), id: "handler".into() }
}

fn rule(state: &Value) -> Value {
    json!({ "Name": "orders", "Arn": RULE, "EventBusName": "shop", "State": state })
}

/// With all that a target can say and that has to stay.
fn handler(arn: &str) -> Value {
    json!({
        "Id": "handler",
        "Arn": arn,
        "RoleArn": "arn:aws:iam::111122223333:role/bus",
        "InputTransformer": {
            "InputPathsMap": { "id": "$.detail.id" },
            "InputTemplate": "{\"order\": <id>}",
        },
        "DeadLetterConfig": { "Arn": "arn:aws:sqs:eu-west-1:111122223333:dead" },
        "RetryPolicy": { "MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 600 },
    })
}

fn other() -> Value {
    json!({ "Id": "audit", "Arn": "arn:aws:sqs:eu-west-1:111122223333:audit" })
}

fn json_of(sent: &Sent) -> Value {
    serde_json::from_slice(&sent.body).unwrap()
}

/// A rule with two targets, and an answer to whatever is written.
fn answering(state: &Value, written: &Value) -> Wire {
    let (rule, written) = (rule(state), written.clone());
    Wire::new(move |sent| {
        let body = match sent.operation.as_str() {
            "DescribeRule" => rule.clone(),
            "ListTargetsByRule" if !sent.mentions("NextToken") => {
                json!({ "Targets": [other()], "NextToken": "more" })
            }
            "ListTargetsByRule" => json!({ "Targets": [handler(OLD)] }),
            "ListRuleNamesByTarget" => json!({ "RuleNames": ["orders"] }),
            _ => written.clone(),
        };
        Answered { status: 200, headers: Vec::new(), body: body.to_string().into() }
    })
}

fn enabled(written: &Value) -> Wire {
    answering(&json!("ENABLED"), written)
}

#[tokio::test]
async fn a_target_is_found_by_its_id_with_all_that_a_person_would_have_to_write() {
    let wire = enabled(&json!({}));
    let found = wire.services.events.find(&target()).await.unwrap();
    assert_eq!((found.resource.as_str(), found.rule_arn.as_str()), (PLACE, RULE));
    assert_eq!(found.split, all_to(OLD));
    assert_eq!(found.role.as_deref(), Some("arn:aws:iam::111122223333:role/bus"));
    let written: Value = serde_json::from_str(&found.written.unwrap()).unwrap();
    assert_eq!(written, handler(OLD));
    let missing = BusTarget { id: "nobody".into(), ..target() };
    let absent = wire.services.events.find(&missing).await.unwrap_err();
    assert_eq!(absent.to_string(), "target nobody of rule shop/orders does not exist");
}

#[tokio::test]
async fn what_is_not_known_to_be_enabled_sends_nobody_anything() {
    for state in [json!("DISABLED"), json!("SOMETHING_NEW"), Value::Null] {
        let wire = answering(&state, &json!({}));
        let split = wire.services.events.split(PLACE).await.unwrap();
        assert_eq!(split, all_to(&format!("{OLD}{DISABLED}")), "{state}");
        let moved = wire.services.events.set_weights(PLACE, &all_to(OLD), &all_to(NEW)).await;
        assert!(matches!(moved, Err(Error::Conflict { .. })), "{moved:?}");
    }
    let managed = answering(&json!("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"), &json!({}));
    assert_eq!(managed.services.events.split(PLACE).await, Ok(all_to(OLD)));
}

#[tokio::test]
async fn a_target_is_put_back_whole_but_for_what_it_names() {
    let wire = enabled(&json!({ "FailedEntryCount": 0, "FailedEntries": [] }));
    wire.services.events.set_weights(PLACE, &all_to(OLD), &all_to(NEW)).await.unwrap();
    let sent = wire.sent();
    let put = sent.iter().find(|sent| sent.operation == "PutTargets").unwrap();
    let expected = json!({ "Rule": "orders", "EventBusName": "shop", "Targets": [handler(NEW)] });
    assert_eq!(json_of(put), expected);
}

#[tokio::test]
async fn a_target_that_is_there_already_is_not_put_and_somebody_elses_is_left() {
    let wire = enabled(&json!({}));
    let events = &wire.services.events;
    assert_eq!(events.set_weights(PLACE, &all_to(NEW), &all_to(OLD)).await, Ok(()));
    let drift = events.set_weights(PLACE, &all_to("arn:theirs"), &all_to(NEW)).await;
    assert!(matches!(drift, Err(Error::Conflict { .. })), "{drift:?}");
    assert!(wire.sent().iter().all(|sent| sent.operation != "PutTargets"));
}

#[tokio::test]
async fn an_entry_that_failed_is_an_error_though_the_call_succeeded() {
    let put = |code: &str| {
        let entry = json!({ "TargetId": "handler", "ErrorCode": code, "ErrorMessage": "no" });
        let wire = enabled(&json!({ "FailedEntryCount": 1, "FailedEntries": [entry] }));
        async move { wire.services.events.set_weights(PLACE, &all_to(OLD), &all_to(NEW)).await }
    };
    let conflict = put("ConcurrentModificationException").await;
    assert!(matches!(conflict, Err(Error::Conflict { .. })), "{conflict:?}");
    let passing = put("InternalFailure").await;
    assert!(matches!(passing, Err(Error::Transient { .. })), "{passing:?}");
    let refused = put("ManagedRuleException").await.unwrap_err().to_string();
    let words = "target handler of rule shop/orders was not changed: ManagedRuleException no";
    assert!(refused.ends_with(words), "{refused}");
}

#[tokio::test]
async fn what_else_leads_to_a_side_is_told_target_by_target() {
    let wire = enabled(&json!({}));
    let leads = wire.services.events.leads(PLACE, &Member::new(OLD)).await.unwrap();
    let [lead] = &leads[..] else { panic!("{leads:?}") };
    assert_eq!(lead.place, PLACE);
    assert_eq!(lead.words, "target handler of rule shop/orders");
}

#[tokio::test]
async fn whatever_is_elsewhere_or_of_another_service_is_not_asked_about() {
    let wire = enabled(&json!({}));
    for arn in [
        "arn:aws:states:eu-west-1:111122223333:stateMachine:orders",
        "arn:aws:lambda:us-east-1:111122223333:function:orders:7",
        "arn:aws:sqs:eu-west-1:444455556666:orders",
    ] {
        let taker = wire.services.takers.taker(PLACE, &Member::new(arn)).await;
        assert_eq!(taker, Ok(Taker::Unasked), "{arn}");
    }
    assert_eq!(wire.sent().len(), 0);
}

#[tokio::test]
async fn marks_are_tags_of_the_rule_told_apart_by_target() {
    let on = Owned::route(RouteService::EventBridge, PLACE);
    let mark = Mark::new("shop-1", "ann@build-7 pid 4711", Timestamp::from_millis(0), "/srv");
    let tags = json!({ "Tags": [{ "Key": on.key(&mark.run), "Value": mark.value() }] });
    let wire = enabled(&tags);
    let all = wire.services.tags();
    all.put(&on, &mark).await.unwrap();
    assert_eq!(all.marks(&on).await, Ok(vec![mark.clone()]));
    let other = Owned::route(RouteService::EventBridge, PLACE.replace("handler", "audit"));
    assert_eq!(all.marks(&other).await, Ok(Vec::new()), "another target of the same rule");
    all.remove(&on, &mark.run).await.unwrap();
    let sent = wire.sent();
    assert!(sent.iter().all(|sent| json_of(sent)["ResourceARN"] == RULE), "{sent:?}");
}
