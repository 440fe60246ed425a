//! What is sent to API Gateway for a stage and made of its answers, over a wire that stays in the process (`wire.rs`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::wire::{Answered, Wire};
use crate::{
    cloud::{
        Error, Integration, Mark, Marks, NewDeployments, Owned, SetMarks, SetWeights, Stages,
        Weights,
    },
    plan::{Deployed, Member, Stage, StageCache, units::Weight},
    rollout::{RouteService, Split, Timestamp},
};

const ARN: &str = "arn:aws:apigateway:eu-west-1::/restapis/a1b2c3/stages/prod";

fn side(id: &str, variables: &[(&str, &str)]) -> Deployed {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Deployed::new(id, variables.collect())
}

fn split(sides: &[(&Deployed, u16)]) -> Split {
    let weight = |weight| Weight::new(weight).unwrap();
    Split(sides.iter().map(|(side, share)| (side.member(), weight(*share))).collect())
}

fn stage() -> Stage {
    let (api, name) = ("a1b2c3".to_owned(), "prod".to_owned());
    Stage { api, name, overrides: BTreeMap::new(), cache: StageCache::Apart }
}

/// Answers to reads with this stage, and to writes with a status and the kind of its error.
fn answering(stage: &Value, written: (u16, &'static str)) -> Wire {
    let body = stage.to_string();
    Wire::new(move |request| {
        let (status, kind) = if request.body.is_empty() { (200, "") } else { written };
        let headers = if kind.is_empty() { Vec::new() } else { vec![("x-amzn-errortype", kind)] };
        Answered { status, headers, body: body.clone().into() }
    })
}

fn failing(kind: &'static str, status: u16, message: &str) -> Wire {
    let body = json!({ "message": message }).to_string();
    Wire::new(move |_| Answered {
        status,
        headers: vec![("x-amzn-errortype", kind)],
        body: body.clone().into(),
    })
}

const FINE: (u16, &str) = (200, "");

#[tokio::test]
async fn a_stage_is_read_with_the_variables_of_both_sides() {
    let wire = answering(
        &json!({
            "deploymentId": "d1",
            "variables": { "alias": "live", "table": "shop" },
            "canarySettings": {
                "deploymentId": "d2",
                "percentTraffic": 10.0,
                "stageVariableOverrides": { "alias": "next", "table": "shop" },
                "useStageCache": false,
            },
        }),
        FINE,
    );
    let found = wire.services.api_gateway.find(&stage()).await.unwrap();
    let old = side("d1", &[("alias", "live"), ("table", "shop")]);
    let new = side("d2", &[("alias", "next"), ("table", "shop")]);
    assert_eq!(found.resource, ARN);
    assert_eq!((&found.serves, found.canary.as_ref()), (&old, Some(&new)));
    assert_eq!(found.split, split(&[(&old, 90), (&new, 10)]));
    assert!(wire.sent()[0].uri.contains("/restapis/a1b2c3/stages/prod"), "{:?}", wire.sent());
    let shared = format!("{ARN}#use-stage-cache");
    let other = wire.services.api_gateway.split(&shared).await.unwrap();
    assert_ne!(other, found.split, "this canary has a cache of its own");
}

#[tokio::test]
async fn what_a_stage_does_not_tell_is_not_taken_for_good_news() {
    let read = async |body: Value| answering(&body, FINE).services.api_gateway.split(ARN).await;
    let told = read(json!({})).await.unwrap_err().to_string();
    assert!(told.contains("serves no deployment"), "{told}");
    let alone = side("d1", &[]);
    assert_eq!(read(json!({ "deploymentId": "d1" })).await, Ok(split(&[(&alone, 100)])));
    let bare = read(json!({ "deploymentId": "d1", "canarySettings": {} })).await.unwrap();
    assert_eq!(bare, split(&[(&alone, 100)]), "a canary of nothing else gets nothing");
    let canary = json!({ "deploymentId": "d2", "percentTraffic": 0.0 });
    let nothing = read(json!({ "deploymentId": "d1", "canarySettings": canary })).await.unwrap();
    assert_eq!(nothing, split(&[(&alone, 100), (&side("d2", &[]), 0)]), "it is somebody's");
    let finer = json!({ "deploymentId": "d2", "percentTraffic": 0.5 });
    let told = read(json!({ "deploymentId": "d1", "canarySettings": finer })).await.unwrap_err();
    assert!(told.to_string().contains("gives its canary 0.5% of its requests"), "{told}");
}

#[tokio::test]
async fn a_promotion_is_one_call() {
    let canary = json!({
        "deploymentId": "d2",
        "percentTraffic": 50.0,
        "stageVariableOverrides": { "alias": "next" },
    });
    let there = json!({
        "deploymentId": "d1", "variables": { "alias": "live" }, "canarySettings": canary,
    });
    let wire = answering(&there, FINE);
    let (old, new) = (side("d1", &[("alias", "live")]), side("d2", &[("alias", "next")]));
    let (from, to) = (split(&[(&old, 50), (&new, 50)]), split(&[(&new, 100)]));
    wire.services.api_gateway.set_weights(ARN, &from, &to).await.unwrap();
    let sent = wire.sent();
    assert_eq!(sent.len(), 2, "read, and written once: {sent:?}");
    let written: Value = serde_json::from_slice(&sent[1].body).unwrap();
    let expected = json!({ "patchOperations": [
        { "op": "remove", "path": "/canarySettings" },
        { "op": "replace", "path": "/deploymentId", "value": "d2" },
        { "op": "replace", "path": "/variables/alias", "value": "next" },
    ] });
    assert_eq!(written, expected);
}

#[tokio::test]
async fn what_somebody_else_has_changed_is_not_overwritten() {
    let (old, new) = (side("d1", &[("alias", "live")]), side("d2", &[("alias", "live")]));
    let (from, to) = (split(&[(&old, 100)]), split(&[(&old, 90), (&new, 10)]));
    let stage = |variables: Value| json!({ "deploymentId": "d1", "variables": variables });
    let drifted = answering(&stage(json!({ "alias": "theirs" })), FINE);
    let conflict = drifted.services.api_gateway.set_weights(ARN, &from, &to).await.unwrap_err();
    assert!(matches!(&conflict, Error::Conflict { .. }), "{conflict:?}");
    assert_eq!(drifted.sent().len(), 1, "nothing was written");
    let raced = answering(&stage(json!({ "alias": "live" })), (409, "ConflictException"));
    let conflict = raced.services.api_gateway.set_weights(ARN, &from, &to).await.unwrap_err();
    assert!(matches!(&conflict, Error::Conflict { .. }), "{conflict:?}");
    let refused = answering(&stage(json!({ "alias": "live" })), (400, "BadRequestException"));
    let rejected = refused.services.api_gateway.set_weights(ARN, &from, &to).await.unwrap_err();
    assert!(matches!(&rejected, Error::Rejected { .. }), "{rejected:?}");
    assert_eq!(refused.services.api_gateway.set_weights(ARN, &from, &from).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_told_by_what_it_is() {
    let missing = async |message: &str| {
        let wire = failing("NotFoundException", 404, message);
        let found = wire.services.api_gateway.find(&stage()).await;
        found.unwrap_err().to_string()
    };
    let api = missing("Invalid API identifier specified 111122223333:a1b2c3").await;
    assert!(api.contains("REST API a1b2c3 does not exist") && !api.contains("stage"), "{api}");
    let stage = missing("Invalid stage identifier specified").await;
    assert!(stage.contains("stage prod of REST API a1b2c3 does not exist"), "{stage}");
    let wire = failing("NotFoundException", 404, "Invalid Deployment identifier specified");
    let absent = wire.services.api_gateway.deployment(ARN, &Member::new("d9")).await.unwrap_err();
    assert!(matches!(&absent, Error::Absent { .. }), "{absent:?}");
    assert!(absent.to_string().contains("deployment d9 of REST API a1b2c3"), "{absent}");
    let wire = failing("TooManyRequestsException", 429, "Rate exceeded");
    let throttled = wire.services.api_gateway.split(ARN).await.unwrap_err();
    assert!(matches!(&throttled, Error::Throttled { .. }), "{throttled:?}");
}

#[tokio::test]
async fn the_functions_that_variables_lead_to_are_told_by_method_page_by_page() {
    let function = "arn:aws:lambda:eu-west-1:111122223333:function:orders:${stageVariables.alias}";
    let uri = |function: &str| {
        let path = "lambda:path/2015-03-31/functions";
        format!("arn:aws:apigateway:eu-west-1:{path}/{function}/invocations")
    };
    let method = |uri: &str| json!({ "methodIntegration": { "type": "AWS_PROXY", "uri": uri } });
    let first = json!({ "position": "p2", "item": [
        { "id": "r1", "path": "/" },
        { "id": "r2", "path": "/orders", "resourceMethods": {
            "POST": method(&uri(function)),
            "GET": method(&uri(function)),
            "PUT": method(&uri("arn:aws:lambda:eu-west-1:111122223333:function:orders:live")),
            "DELETE": method("https://${stageVariables.host}/orders"),
            "OPTIONS": {},
        } },
    ] });
    let by_role = json!({ "methodIntegration": { "uri": uri("${stageVariables.alias}"), "credentials": "arn:role" } });
    let second = json!({ "item": [
        { "id": "r3", "path": "/by-role", "resourceMethods": { "ANY": by_role } },
    ] });
    let wire = Wire::new(move |request| {
        let body = if request.uri.contains("position=p2") { &second } else { &first };
        Answered { status: 200, headers: Vec::new(), body: body.to_string().into() }
    });
    let found = wire.services.api_gateway.integrations(ARN).await.unwrap();
    let told = |(method, path, function, role): (&str, &str, &str, Option<&str>)| Integration {
        method: method.to_owned(),
        path: path.to_owned(),
        function: function.to_owned(),
        role: role.map(str::to_owned),
    };
    let expected = [
        ("ANY", "/by-role", "${stageVariables.alias}", Some("arn:role")),
        ("GET", "/orders", function, None),
        ("POST", "/orders", function, None),
    ];
    assert_eq!(found, expected.map(told));
    assert!(wire.sent().iter().all(|sent| sent.uri.contains("embed=methods")), "{:?}", wire.sent());
}

#[tokio::test]
async fn a_deployment_is_made_once_and_found_by_what_was_written_on_it() {
    let there = |description: &'static str| {
        Wire::new(move |request| {
            let page = json!({ "position": "p2", "item": [{ "id": "d1" }] });
            let last = json!({ "item": [{ "id": "d2", "description": description }] });
            let body = match (request.body.is_empty(), request.uri.contains("position=p2")) {
                (true, false) => page,
                (true, true) => last,
                (false, _) => json!({ "id": "d3" }),
            };
            let status = if request.body.is_empty() { 200 } else { 201 };
            Answered { status, headers: Vec::new(), body: body.to_string().into() }
        })
    };
    let made = there("tidegate shop-1");
    let gateway = &made.services.api_gateway;
    assert_eq!(gateway.deploy(ARN, "tidegate shop-1").await, Ok(Member::new("d2")));
    assert!(made.sent().iter().all(|sent| sent.body.is_empty()), "{:?}", made.sent());
    let new = there("somebody's");
    let gateway = &new.services.api_gateway;
    assert_eq!(gateway.made(ARN, "tidegate shop-1").await, Ok(None));
    assert_eq!(gateway.deploy(ARN, "tidegate shop-1").await, Ok(Member::new("d3")));
    let sent = new.sent();
    let written: Value = serde_json::from_slice(&sent.last().unwrap().body).unwrap();
    assert_eq!(written, json!({ "description": "tidegate shop-1" }), "and no stage");
}

#[tokio::test]
async fn marks_are_tags_of_the_stage() {
    let mark = Mark::new("shop-1", "ann", Timestamp::from_millis(1_767_225_600_000), "/srv");
    let on = Owned::route(RouteService::ApiGateway, ARN);
    let (key, value) = (on.key(&mark.run), mark.value());
    let wire = answering(&json!({ "tags": { key.clone(): value, "team": "shop" } }), FINE);
    let tags = wire.services.tags();
    assert_eq!(tags.marks(&on).await, Ok(vec![mark.clone()]));
    tags.put(&on, &mark).await.unwrap();
    tags.remove(&on, &mark.run).await.unwrap();
    let sent = wire.sent();
    let written: Value = serde_json::from_slice(&sent[1].body).unwrap();
    assert_eq!(written, json!({ "tags": { key: mark.value() } }));
    assert!(sent.iter().all(|sent| sent.uri.contains("/tags/arn")), "{sent:?}");
}
