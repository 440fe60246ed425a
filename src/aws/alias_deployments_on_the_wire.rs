//! What is asked of `CodeDeploy` to know who moves an alias, over a wire that stays in the process (`wire.rs`).

use serde_json::{Value, json};

use super::wire::{Answered, Sent, Wire};
use crate::{
    cloud::{AliasDeployment, AliasDeployments, Error},
    plan::Alias,
};

fn live() -> Alias {
    Alias { function: "checkout".into(), name: "live".into() }
}

/// Answers each operation by name; what is not told of is refused.
fn code_deploy(answers: &[(&'static str, Value)]) -> Wire {
    let answers: Vec<(&'static str, String)> =
        answers.iter().map(|(name, body)| (*name, body.to_string())).collect();
    Wire::new(move |request: &Sent| {
        let known = answers.iter().find(|(name, _)| request.operation == *name);
        match known {
            Some((_, body)) => {
                Answered { status: 200, headers: Vec::new(), body: body.clone().into() }
            }
            None => Answered {
                status: 400,
                headers: vec![("x-amzn-errortype", "AccessDeniedException")],
                body: "{}".into(),
            },
        }
    })
}

const LISTED: &str = r#"{ "deployments": ["d-EC2", "d-MINE", "d-OTHER"] }"#;

fn info(id: &str, platform: &str) -> Value {
    let (application, group) = ("shop", "live-traffic");
    json!({
        "deploymentId": id, "computePlatform": platform,
        "applicationName": application, "deploymentGroupName": group,
    })
}

fn target(function: &str, alias: &str) -> Value {
    json!({ "deploymentTargets": [{
        "deploymentTargetType": "LambdaTarget",
        "lambdaTarget": { "lambdaFunctionInfo": { "functionName": function, "functionAlias": alias } },
    }] })
}

#[tokio::test]
async fn deployments_under_way_to_functions_are_asked_what_they_move() {
    let infos = json!({ "deploymentsInfo": [
        info("d-EC2", "Server"), info("d-MINE", "Lambda"),
    ] });
    let by_arn = target("arn:aws:lambda:eu-west-1:111122223333:function:checkout", "live");
    let wire = code_deploy(&[
        ("ListDeployments", serde_json::from_str(LISTED).unwrap()),
        ("BatchGetDeployments", infos.clone()),
        ("ListDeploymentTargets", json!({ "targetIds": ["checkout:live"] })),
        ("BatchGetDeploymentTargets", by_arn),
    ]);
    let found = wire.services.code_deploy.moving(&live()).await.unwrap();
    let (id, application) = ("d-MINE".to_owned(), "shop".to_owned());
    assert_eq!(found, [AliasDeployment { id, application, group: "live-traffic".into() }]);
    let sent = wire.sent();
    let listing = String::from_utf8_lossy(&sent[0].body).into_owned();
    assert!(listing.contains("InProgress") && !listing.contains("Succeeded"), "{listing}");
    let asked: Vec<&str> = sent.iter().map(|sent| sent.operation.as_str()).collect();
    let expected = [
        "ListDeployments",
        "BatchGetDeployments",
        "ListDeploymentTargets",
        "BatchGetDeploymentTargets",
    ];
    assert_eq!(asked, expected, "instances are not asked about");
    for other in [target("checkout", "beta"), target("cart", "live")] {
        let wire = code_deploy(&[
            ("ListDeployments", serde_json::from_str(LISTED).unwrap()),
            ("BatchGetDeployments", infos.clone()),
            ("ListDeploymentTargets", json!({ "targetIds": ["another"] })),
            ("BatchGetDeploymentTargets", other),
        ]);
        assert_eq!(wire.services.code_deploy.moving(&live()).await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn while_nothing_is_under_way_one_call_tells() {
    let wire = code_deploy(&[("ListDeployments", json!({}))]);
    assert_eq!(wire.services.code_deploy.moving(&live()).await, Ok(Vec::new()));
    assert_eq!(wire.operations(), ["ListDeployments"]);
}

#[tokio::test]
async fn a_denial_is_told_as_one() {
    let denied = code_deploy(&[]).services.code_deploy.moving(&live()).await.unwrap_err();
    assert!(matches!(&denied, Error::Denied { .. }), "{denied:?}");
}
