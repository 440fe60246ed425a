//! What is asked of Lambda before a version is deleted, and what is sent to delete it, over a wire that stays in the process
//! (`wire.rs`).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::wire::{Answered, Sent, Wire};
use crate::{
    cloud::{Error, Kept, OldVersions, Pruning},
    plan::Member,
};

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:checkout";

fn answered(status: u16, kind: &'static str, body: &Value) -> Answered {
    let headers = if kind.is_empty() { Vec::new() } else { vec![("x-amzn-errortype", kind)] };
    Answered { status, headers, body: body.to_string().into() }
}

/// A function of versions 1 to 9: one is an alias's, one another alias's second, one provisioned, one an event source
/// mapping's, and one may be invoked by somebody.
fn function() -> Wire {
    Wire::new(|sent: &Sent| {
        let uri = &sent.uri;
        if uri.contains("/versions") {
            let version = |n: u32| json!({ "Version": n.to_string() });
            let versions: Vec<Value> = (1..=9).map(version).collect();
            return answered(200, "", &json!({ "Versions": versions }));
        }
        if uri.contains("/aliases") {
            return answered(
                200,
                "",
                &json!({ "Aliases": [
                { "FunctionVersion": "9" },
                { "FunctionVersion": "8", "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.0 } } },
            ] }),
            );
        }
        if uri.contains("/provisioned-concurrency") {
            let config = json!({ "FunctionArn": format!("{FUNCTION}:2") });
            return answered(200, "", &json!({ "ProvisionedConcurrencyConfigs": [config] }));
        }
        if uri.contains("/event-source-mappings") {
            let of = |arn: String| json!({ "FunctionArn": arn });
            let mappings = [of(format!("{FUNCTION}:3")), of(format!("{FUNCTION}-other:5"))];
            return answered(200, "", &json!({ "EventSourceMappings": mappings }));
        }
        if uri.contains("/policy") {
            return if uri.contains("Qualifier=4") {
                answered(200, "", &json!({ "Policy": "{}" }))
            } else {
                answered(404, "ResourceNotFoundException", &json!({}))
            };
        }
        if uri.contains("Qualifier=7") {
            return answered(409, "ResourceConflictException", &json!({ "message": "in use" }));
        }
        answered(204, "", &json!({}))
    })
}

fn versions(of: &[&str]) -> BTreeSet<Member> {
    of.iter().map(|version| Member::new(*version)).collect()
}

fn alias() -> String {
    format!("{FUNCTION}:live")
}

#[tokio::test]
async fn a_version_that_anything_uses_is_not_among_the_old_ones() {
    let wire = function();
    let kept = Kept { newest: 2, sides: versions(&["6"]) };
    let unused = wire.services.lambda.unused(&alias(), &kept).await.unwrap();
    assert_eq!(unused, versions(&["5", "7"]));
    let few = Kept { newest: 9, sides: versions(&[]) };
    wire.sent();
    assert_eq!(wire.services.lambda.unused(&alias(), &few).await.unwrap(), versions(&[]));
    assert_eq!(wire.sent().len(), 2, "where nothing would go, nobody else is asked");
}

#[tokio::test]
async fn only_a_numbered_version_is_ever_deleted() {
    let wire = function();
    wire.services.lambda.delete(&alias(), &versions(&["1", "2"])).await.unwrap();
    let uris: Vec<String> = wire.sent().into_iter().map(|sent| sent.uri).collect();
    assert_eq!(uris.len(), 2);
    assert!(uris[0].ends_with("?Qualifier=1") && uris[1].ends_with("?Qualifier=2"), "{uris:?}");
    for none in ["", "$LATEST", "live"] {
        let refused = wire.services.lambda.delete(&alias(), &versions(&[none])).await;
        assert!(matches!(refused, Err(Error::Rejected { .. })), "{refused:?}");
    }
    assert_eq!(wire.sent().len(), 0);
    let in_use = wire.services.lambda.delete(&alias(), &versions(&["7"])).await.unwrap_err();
    assert!(in_use.to_string().contains("in use"), "{in_use}");
}
