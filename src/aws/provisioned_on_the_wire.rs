//! Provisioned concurrency over a wire that stays in the process (`wire.rs`): how AWS tells that there is none, that there is
//! not all of it yet, and that there never will be; and what asks for it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::wire::{Answered, Sent, Wire};
use crate::{
    cloud::{Error, Provisioned, ProvisionedConcurrency, Provisioning, Room},
    plan::Member,
};

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:checkout";

fn alias() -> String {
    format!("{FUNCTION}:live")
}

fn answered(status: u16, kind: &'static str, body: &Value) -> Answered {
    let headers = if kind.is_empty() { Vec::new() } else { vec![("x-amzn-errortype", kind)] };
    Answered { status, headers, body: body.to_string().into() }
}

async fn told(status: u16, kind: &'static str, body: Value) -> Result<Provisioned, Error> {
    let wire = Wire::new(move |_: &Sent| answered(status, kind, &body));
    wire.services.lambda.provisioned(&alias(), &Member::new("7")).await
}

fn config(status: Option<&str>, available: Option<u32>) -> Value {
    json!({
        "RequestedProvisionedConcurrentExecutions": 5,
        "AvailableProvisionedConcurrentExecutions": available,
        "Status": status,
    })
}

#[tokio::test]
async fn a_version_without_a_configuration_has_none_and_one_that_is_gone_is_absent() {
    let kind = "ProvisionedConcurrencyConfigNotFoundException";
    assert_eq!(told(404, kind, json!({})).await, Ok(Provisioned::default()));
    let gone = told(404, "ResourceNotFoundException", json!({ "message": "no" })).await;
    assert!(matches!(gone, Err(Error::Absent { .. })), "{gone:?}");
}

#[tokio::test]
async fn only_what_aws_calls_ready_is_all_of_it() {
    let ready = |status, available| async move {
        let Provisioned { requested, ready, failed } =
            told(200, "", config(status, available)).await.unwrap();
        assert_eq!(failed, None);
        (requested, ready)
    };
    assert_eq!(ready(Some("READY"), Some(5)).await, (5, 5));
    assert_eq!(ready(Some("IN_PROGRESS"), Some(3)).await, (5, 3));
    assert_eq!(ready(Some("IN_PROGRESS"), Some(9)).await, (5, 4), "what was there before");
    assert_eq!(ready(None, Some(5)).await, (5, 4));
    assert_eq!(ready(Some("NEW"), Some(5)).await, (5, 4));
    assert_eq!(ready(Some("READY"), None).await, (5, 0));
}

#[tokio::test]
async fn a_failure_is_told_in_awss_words() {
    let mut body = config(Some("FAILED"), Some(0));
    body["StatusReason"] = "FUNCTION_ERROR_INIT_FAILURE".into();
    let reason = told(200, "", body).await.unwrap().failed;
    assert_eq!(reason.as_deref(), Some("FUNCTION_ERROR_INIT_FAILURE"));
    let unsaid = told(200, "", config(Some("FAILED"), None)).await.unwrap().failed;
    assert_eq!(unsaid.as_deref(), Some("AWS gives no reason"));
}

#[tokio::test]
async fn a_configuration_that_says_no_number_is_no_answer() {
    let error = told(200, "", json!({ "Status": "READY" })).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
}

#[tokio::test]
async fn all_that_have_any_are_told_by_version_or_by_the_name_of_an_alias() {
    let wire = Wire::new(|_: &Sent| {
        let of = |who: &str, asked: Option<u32>| {
            let arn = format!("{FUNCTION}:{who}");
            json!({ "FunctionArn": arn, "RequestedProvisionedConcurrentExecutions": asked })
        };
        let configs = [of("6", Some(4)), of("live", Some(2)), of("5", None)];
        answered(200, "", &json!({ "ProvisionedConcurrencyConfigs": configs }))
    });
    let all = wire.services.lambda.all_provisioned(&alias()).await.unwrap();
    let expected = [("5", 1), ("6", 4), ("live", 2)].map(|(who, n)| (Member::new(who), n));
    assert_eq!(all, BTreeMap::from(expected));
}

#[tokio::test]
async fn room_is_what_is_reserved_or_what_the_account_has_left() {
    let room = |settings: Value, concurrency: Value| async move {
        let wire = Wire::new(move |sent: &Sent| {
            let is_settings = sent.uri.contains("account-settings");
            answered(200, "", if is_settings { &settings } else { &concurrency })
        });
        wire.services.lambda.room(&alias()).await
    };
    let limit = |unreserved: u32| {
        json!({ "AccountLimit": {
            "TotalCodeSize": 1, "CodeSizeUnzipped": 1, "CodeSizeZipped": 1, "ConcurrentExecutions": 1_000,
            "UnreservedConcurrentExecutions": unreserved,
        } })
    };
    let reserves = json!({ "ReservedConcurrentExecutions": 20 });
    let both = Room { unreserved: 980, reserved: Some(20) };
    assert_eq!(room(limit(980), reserves).await, Ok(both));
    let none = Room { unreserved: 1_000, reserved: None };
    assert_eq!(room(limit(1_000), json!({})).await, Ok(none));
    let untold = room(json!({}), json!({})).await;
    assert!(matches!(untold, Err(Error::Absent { .. })), "{untold:?}");
}

#[tokio::test]
async fn some_are_put_and_none_is_a_configuration_that_is_deleted() {
    let wire = Wire::new(|_: &Sent| answered(202, "", &json!({})));
    let seven = Member::new("7");
    wire.services.lambda.provision(&alias(), &seven, 5).await.unwrap();
    wire.services.lambda.provision(&alias(), &seven, 0).await.unwrap();
    let sent = wire.sent();
    assert_eq!(sent.len(), 2);
    let uris: Vec<&str> = sent.iter().map(|sent| sent.uri.as_str()).collect();
    assert!(uris.iter().all(|uri| uri.ends_with("?Qualifier=7")), "{uris:?}");
    assert_eq!(sent[0].body, br#"{"ProvisionedConcurrentExecutions":5}"#);
    let gone = Wire::new(|_: &Sent| answered(404, "ResourceNotFoundException", &json!({})));
    gone.services.lambda.provision(&alias(), &seven, 0).await.unwrap();
    let refused = gone.services.lambda.provision(&alias(), &seven, 5).await;
    assert!(matches!(refused, Err(Error::Absent { .. })), "{refused:?}");
}
