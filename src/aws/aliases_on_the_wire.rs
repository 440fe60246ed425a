//! What is sent to Lambda for an alias and made of its answers, over a wire that stays in the process (`wire.rs`).

use serde_json::{Value, json};

use super::wire::{Answered, Wire};
use crate::{
    cloud::{Aliases, Error, SetWeights, VersionState, Weights},
    plan::{Alias, Member, units::Weight},
    rollout::Split,
};

const ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:checkout:live";

fn split(versions: &[(&str, u16)]) -> Split {
    let weight = |weight| Weight::new(weight).unwrap();
    Split(versions.iter().map(|(version, w)| (Member::new(*version), weight(*w))).collect())
}

/// An alias that points to a version and gives others these fractions; writes are answered with `written`.
fn alias(version: &str, others: &Value, written: u16) -> Wire {
    let body = json!({
        "AliasArn": ARN,
        "Name": "live",
        "FunctionVersion": version,
        "RoutingConfig": { "AdditionalVersionWeights": others },
        "RevisionId": "0a1b",
    });
    let body = body.to_string();
    Wire::new(move |request| {
        let is_write = !request.body.is_empty();
        let kind = ("x-amzn-errortype", "PreconditionFailedException");
        Answered {
            status: if is_write { written } else { 200 },
            headers: if is_write && written != 200 { vec![kind] } else { Vec::new() },
            body: body.clone().into(),
        }
    })
}

/// What was written last.
fn written(wire: &Wire) -> Value {
    serde_json::from_slice(&wire.sent().last().unwrap().body).unwrap()
}

#[tokio::test]
async fn an_alias_is_read_in_hundredths_by_version() {
    let wire = alias("6", &json!({ "7": 0.05 }), 200);
    let lambda = &wire.services.lambda;
    let at = Alias { function: "checkout".into(), name: "live".into() };
    let found = lambda.find(&at).await.unwrap();
    assert_eq!((found.resource.as_str(), &found.split), (ARN, &split(&[("6", 95), ("7", 5)])));
    assert!(wire.sent()[0].uri.contains("/functions/checkout/aliases/live"), "{:?}", wire.sent());
    let alone = alias("6", &json!({}), 200);
    assert_eq!(alone.services.lambda.split(ARN).await, Ok(split(&[("6", 100)])));
    let finer = alias("6", &json!({ "7": 0.055 }), 200);
    let told = finer.services.lambda.split(ARN).await.unwrap_err().to_string();
    assert!(told.contains("gives version 7 0.055 of its requests"), "{told}");
}

#[tokio::test]
async fn a_split_is_set_against_the_revision_that_was_read() {
    let wire = alias("6", &json!({}), 200);
    let (from, to) = (split(&[("6", 100)]), split(&[("6", 90), ("7", 10)]));
    wire.services.lambda.set_weights(ARN, &from, &to).await.unwrap();
    let expected = json!({
        "FunctionVersion": "6",
        "RoutingConfig": { "AdditionalVersionWeights": { "7": 0.1 } },
        "RevisionId": "0a1b",
    });
    assert_eq!(written(&wire), expected);
}

#[tokio::test]
async fn at_the_end_the_alias_points_to_the_candidate_and_nothing_else_is_left() {
    let wire = alias("6", &json!({ "7": 0.5 }), 200);
    let (from, to) = (split(&[("6", 50), ("7", 50)]), split(&[("7", 100)]));
    wire.services.lambda.set_weights(ARN, &from, &to).await.unwrap();
    let written = written(&wire);
    assert_eq!(written["FunctionVersion"], "7");
    assert_eq!(written["RoutingConfig"], json!({ "AdditionalVersionWeights": {} }));
}

#[tokio::test]
async fn what_somebody_else_has_changed_is_not_overwritten() {
    let (from, to) = (split(&[("6", 100)]), split(&[("6", 90), ("7", 10)]));
    let drifted = alias("5", &json!({}), 200);
    let conflict = drifted.services.lambda.set_weights(ARN, &from, &to).await.unwrap_err();
    assert!(matches!(&conflict, Error::Conflict { .. }), "{conflict:?}");
    assert_eq!(drifted.sent().len(), 1, "nothing was written");
    let raced = alias("6", &json!({}), 412);
    let conflict = raced.services.lambda.set_weights(ARN, &from, &to).await.unwrap_err();
    assert!(matches!(&conflict, Error::Conflict { .. }), "{conflict:?}");
    let there = alias("6", &json!({ "7": 0.1 }), 500);
    assert_eq!(there.services.lambda.set_weights(ARN, &from, &to).await, Ok(()));
}

#[tokio::test]
async fn a_version_whose_state_is_not_told_is_not_active() {
    let answer = |body: Value| {
        let body = body.to_string();
        Wire::new(move |_| Answered { status: 200, headers: Vec::new(), body: body.clone().into() })
    };
    let seven = Member::new("7");
    let wire = answer(json!({ "State": "Active", "Role": "arn:role" }));
    let active = wire.services.lambda.version(ARN, &seven).await.unwrap();
    assert_eq!((active.state, active.role.as_deref()), (VersionState::Active, Some("arn:role")));
    assert!(wire.sent()[0].uri.contains("Qualifier=7"), "{:?}", wire.sent());
    let untold = answer(json!({})).services.lambda.version(ARN, &seven).await.unwrap();
    assert_eq!(untold.state, VersionState::Pending);
}
