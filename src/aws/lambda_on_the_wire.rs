//! What is sent to Lambda and made of its answers, over a wire that stays in the process (`wire.rs`).

use std::time::Duration;

use super::wire::{Answered, Wire};
use crate::{
    cloud::{Error, Functions, Invoked},
    plan::FunctionName,
};

const LONG: Duration = Duration::from_secs(30);

fn verify() -> FunctionName {
    FunctionName { name: "verify".into(), qualifier: Some("live".into()) }
}

fn answers(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> Wire {
    Wire::new(move |_| Answered { status, headers: headers.to_vec(), body: body.into() })
}

async fn invoke(wire: &Wire) -> Result<Invoked, Error> {
    wire.services.lambda.invoke(&verify(), "{\"depth\":2}", LONG).await
}

#[tokio::test]
async fn a_function_is_waited_for_and_its_request_is_told() {
    let wire = answers(200, &[("x-amzn-requestid", "0a1b")], "{\"outcome\":\"pass\"}");
    let invoked = invoke(&wire).await.unwrap();
    let expected = Invoked {
        request: Some("0a1b".into()),
        error: None,
        payload: "{\"outcome\":\"pass\"}".into(),
        took: invoked.took,
    };
    assert_eq!(invoked, expected);
    let sent = wire.sent();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].uri.contains("/functions/verify/invocations?Qualifier=live"), "{sent:?}");
    assert_eq!(sent[0].headers["x-amz-invocation-type"], "RequestResponse");
    assert_eq!(sent[0].body, b"{\"depth\":2}");
    assert_eq!(wire.calls.by_operation()["Invoke"], 1);
}

#[tokio::test]
async fn that_the_function_failed_is_told_apart_from_what_it_says() {
    let headers = &[("x-amz-function-error", "Unhandled")];
    let wire = answers(200, headers, "{\"errorMessage\":\"boom\"}");
    let invoked = invoke(&wire).await.unwrap();
    assert_eq!(invoked.error.as_deref(), Some("Unhandled"));
    assert_eq!(invoked.payload, "{\"errorMessage\":\"boom\"}");
}

#[tokio::test]
async fn whether_it_may_be_invoked_is_asked_without_invoking_it() {
    let wire = answers(204, &[], "");
    assert_eq!(wire.services.lambda.may_invoke(&verify()).await, Ok(()));
    assert_eq!(wire.sent()[0].headers["x-amz-invocation-type"], "DryRun");
}

#[tokio::test(start_paused = true)]
async fn each_refusal_has_its_class() {
    let wire = answers(404, &[("x-amzn-errortype", "ResourceNotFoundException")], "{}");
    let absent = Error::Absent { what: "function verify:live".into() };
    assert_eq!(invoke(&wire).await, Err(absent));
    let wire = answers(403, &[("x-amzn-errortype", "AccessDeniedException")], "{}");
    let denied = invoke(&wire).await.unwrap_err();
    let told = "not allowed to call lambda:InvokeFunction on function verify:live \
                (AccessDeniedException)";
    assert_eq!(denied.to_string(), told);
    let wire = answers(429, &[("x-amzn-errortype", "TooManyRequestsException")], "{}");
    assert!(matches!(invoke(&wire).await, Err(Error::Throttled { .. })));
}
