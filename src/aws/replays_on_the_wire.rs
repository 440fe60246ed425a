//! What is sent to EventBridge for a replay and made of its answers, over a wire that stays in the process (`wire.rs`).

use serde_json::{Value, json};

use super::wire::{Answered, Wire};
use crate::{
    cloud::{Error, Replaying, Replays},
    rollout::{Replay, ReplayBound, Timestamp},
};

const HOME: &str = "arn:aws:events:eu-west-1:111122223333";

fn bound() -> ReplayBound {
    ReplayBound {
        archive: format!("{HOME}:archive/shop"),
        bus: format!("{HOME}:event-bus/shop"),
        rule: format!("{HOME}:rule/shop/rehearsal"),
    }
}

fn answering(body: &Value) -> Wire {
    let body = body.to_string();
    Wire::new(move |_| Answered { status: 200, headers: Vec::new(), body: body.clone().into() })
}

fn failing(kind: &'static str) -> Wire {
    Wire::new(move |_| {
        let body = json!({ "__type": kind, "message": "no" }).to_string().into();
        Answered { status: 400, headers: vec![("x-amzn-errortype", kind)], body }
    })
}

fn window() -> (Timestamp, Timestamp) {
    (Timestamp::from_millis(1_767_225_600_000), Timestamp::from_millis(1_767_227_400_000))
}

#[tokio::test]
async fn a_window_is_replayed_to_one_rule_by_name() {
    let wire = answering(&json!({ "ReplayArn": "arn", "State": "STARTING" }));
    wire.services.events.start("tidegate-shop-1-events", &bound(), window()).await.unwrap();
    let sent: Value = serde_json::from_slice(&wire.sent()[0].body).unwrap();
    let ReplayBound { archive, bus, rule } = bound();
    assert_eq!(sent["ReplayName"], "tidegate-shop-1-events");
    assert_eq!(sent["EventSourceArn"], archive);
    assert_eq!(sent["Destination"], json!({ "Arn": bus, "FilterArns": [rule] }));
    assert_eq!(sent["EventStartTime"].as_f64(), Some(1_767_225_600.0));
    assert_eq!(sent["EventEndTime"].as_f64(), Some(1_767_227_400.0));
}

#[tokio::test]
async fn a_name_that_is_taken_is_the_runs_own_and_what_is_over_need_not_be_ended() {
    let taken = failing("ResourceAlreadyExistsException");
    assert_eq!(taken.services.events.start("mine", &bound(), window()).await, Ok(()));
    for over in ["IllegalStatusException", "ResourceNotFoundException"] {
        assert_eq!(failing(over).services.events.cancel("mine").await, Ok(()), "{over}");
    }
    let full = failing("LimitExceededException");
    let refused = full.services.events.start("mine", &bound(), window()).await;
    assert!(matches!(refused, Err(Error::Rejected { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_is_not_told_to_be_over_is_under_way() {
    let state = |answer: Value| async move {
        answering(&answer).services.events.replay("mine").await.unwrap()
    };
    let under_way = |state: &str| Replay::UnderWay { state: state.to_owned() };
    assert_eq!(state(json!({ "State": "RUNNING" })).await, under_way("RUNNING"));
    assert_eq!(state(json!({ "State": "SOMETHING_NEW" })).await, under_way("SOMETHING_NEW"));
    assert_eq!(state(json!({})).await, under_way("no state"));
    assert_eq!(state(json!({ "State": "COMPLETED" })).await, Replay::Completed);
    assert_eq!(state(json!({ "State": "CANCELLED" })).await, Replay::Cancelled);
    let failed = state(json!({ "State": "FAILED", "StateReason": "no" })).await;
    assert_eq!(failed, Replay::Failed { reason: "no".to_owned() });
    let absent = failing("ResourceNotFoundException").services.events.replay("mine").await;
    assert_eq!(absent, Ok(Replay::Absent));
}
