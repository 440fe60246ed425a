//! What to type about a route of each kind: to give it weights, to make again a place that is gone, and to look at one.
//! Each command carries all that stood there when the run began; where that is not known there is none.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{AwsCommand, mapping_commands};
use crate::{
    plan::{Deployed, Member, StageCache},
    rollout::{Bindings, BusPlace, Picture, RouteBound, RouteService, Split, StagePlace, Written},
};

/// What gives all places of a route these weights; none when that cannot be said of one.
pub(super) fn set(
    bindings: &Bindings,
    bound: &RouteBound,
    picture: &Picture,
) -> Option<Vec<AwsCommand>> {
    let each = |command: &dyn Fn(&str, &Split) -> Option<AwsCommand>| {
        bound.places().map(|place| command(place, picture.part(place)?)).collect()
    };
    let written = |place: &str| bindings.written.get(place);
    match bound.service {
        RouteService::ElasticLoadBalancing => {
            each(&|place, split| Some(forwarding(place, actions(written(place)?, split)?)))
        }
        RouteService::Route53 => each(&|place, split| upserted(place, written(place)?, split)),
        RouteService::Lambda => each(&|place, split| alias("lambda update-alias", place, split)),
        RouteService::EventBridge => each(&|place, split| target(place, written(place)?, split)),
        // They take several commands, and have one place.
        RouteService::ApiGateway => stage(bound, picture.part(&bound.resource)?),
        RouteService::EventSource => {
            mapping_commands::mappings(&bound.resource, picture.part(&bound.resource)?)
        }
    }
}

/// What makes the places of a route again, as they were; none when that cannot be said.
pub(super) fn made_again(
    bindings: &Bindings,
    bound: &RouteBound,
    picture: &Picture,
) -> Option<Vec<AwsCommand>> {
    match bound.service {
        RouteService::ElasticLoadBalancing => rules(bindings, bound, picture),
        RouteService::Lambda => {
            let made = |at: &String| alias("lambda create-alias", at, picture.part(at)?);
            bound.places().map(made).collect()
        }
        // Written anew or written over is the same to them.
        RouteService::Route53 | RouteService::EventBridge => set(bindings, bound, picture),
        // What else a stage or a mapping had is nowhere to be read.
        RouteService::ApiGateway | RouteService::EventSource => None,
    }
}

/// What shows how a place stands now.
pub(super) fn look(service: RouteService, place: &str) -> Vec<AwsCommand> {
    let one = match service {
        RouteService::EventSource => return mapping_commands::look(place),
        RouteService::ElasticLoadBalancing => balancer(place),
        RouteService::Route53 => records(place),
        RouteService::Lambda => place.rsplit_once(':').map(|(function, _)| {
            AwsCommand::new("lambda list-aliases").with("function-name", function)
        }),
        RouteService::EventBridge => targets(place),
        RouteService::ApiGateway => StagePlace::of(place)
            .map(|stage| AwsCommand::new("apigateway get-stages").with("rest-api-id", stage.api)),
    };
    one.into_iter().collect()
}

fn forwarding(place: &str, actions: Value) -> AwsCommand {
    if place.contains(":listener-rule/") {
        let command = AwsCommand::new("elbv2 modify-rule");
        return command.with("rule-arn", place).with("actions", actions);
    }
    let command = AwsCommand::new("elbv2 modify-listener");
    command.with("listener-arn", place).with("default-actions", actions)
}

fn upserted(place: &str, written: &Written, split: &Split) -> Option<AwsCommand> {
    let zone = place.split('/').nth(1)?;
    let batch = json!({ "Changes": upserts(written, split)? });
    let command = AwsCommand::new("route53 change-resource-record-sets");
    Some(command.with("hosted-zone-id", zone).with("change-batch", batch))
}

/// All rules of a route, or none: of a listener too little is known.
fn rules(bindings: &Bindings, bound: &RouteBound, picture: &Picture) -> Option<Vec<AwsCommand>> {
    let rule = |place: &String| {
        let (written, split) = (bindings.written.get(place)?, picture.part(place)?);
        let mut rule: Value = serde_json::from_str(written.rule.as_ref()?).ok()?;
        rule.as_object_mut()?.insert("Actions".to_owned(), actions(written, split)?);
        Some(AwsCommand::new("elbv2 create-rule").with("cli-input-json", rule))
    };
    bound.places().map(rule).collect()
}

/// What makes a stage serve one side alone, or the stable one with the other as its canary. What it serves by now is
/// not known here, so each variable that either side has is set or removed.
fn stage(bound: &RouteBound, split: &Split) -> Option<Vec<AwsCommand>> {
    let place = StagePlace::of(&bound.resource)?;
    let of = |operations: Vec<Value>| {
        AwsCommand::new("apigateway update-stage")
            .with("rest-api-id", place.api)
            .with("stage-name", place.name)
            .with("patch-operations", Value::Array(operations))
    };
    let set = |path: &str, value: &str| json!({ "op": "replace", "path": path, "value": value });
    let gone = |path: &str| json!({ "op": "remove", "path": path });
    let heaviest = || split.0.iter().max_by_key(|(_, weight)| **weight).map(|(member, _)| member);
    let stays = split.0.get_key_value(&bound.stable).filter(|(_, weight)| weight.get() > 0);
    let serving = stays.map(|(member, _)| member).or_else(heaviest)?;
    let serves = Deployed::of(serving);
    let mut operations = vec![set("/deploymentId", &serves.deployment)];
    let variables = serves.variables.iter();
    operations.extend(variables.map(|(name, value)| set(&format!("/variables/{name}"), value)));
    let others = bound.members().map(Deployed::of).flat_map(|side| side.variables.into_keys());
    let others: BTreeSet<String> = others.filter(|it| !serves.variables.contains_key(it)).collect();
    let others = others.iter().map(|name| gone(&format!("/variables/{name}")));
    let without = others.map(|operation| of(vec![operation]).remarked(NO_VARIABLE));
    if let Some((canary, weight)) = split.0.iter().find(|(member, _)| *member != serving) {
        let canary = Deployed::of(canary);
        let mut own = |name: &str, value: &str| {
            operations.push(set(&format!("/canarySettings/{name}"), value));
        };
        own("deploymentId", &canary.deployment);
        own("percentTraffic", &format!("{weight}.0"));
        for (name, value) in &canary.variables {
            own(&format!("stageVariableOverrides/{name}"), value);
        }
        own("useStageCache", if place.cache == StageCache::Shared { "true" } else { "false" });
    }
    // First, because a stage takes no other deployment while it has a canary.
    let bare = of(vec![gone("/canarySettings")]).remarked(NO_CANARY);
    Some([bare, of(operations)].into_iter().chain(without).collect())
}

/// Said of taking away what API Gateway refuses to where there is none.
const NO_CANARY: &str = "refused where there is no canary, which is fine";
const NO_VARIABLE: &str = "refused where there is no such variable, which is fine";

/// What points an alias to its heaviest version, and gives another so much, in making it or in changing it. An alias has
/// two versions at most.
fn alias(operation: &'static str, arn: &str, split: &Split) -> Option<AwsCommand> {
    let (function, alias) = arn.rsplit_once(':')?;
    let (version, _) = split.0.iter().max_by_key(|(_, weight)| **weight)?;
    let others = split.0.iter().filter(|(other, weight)| *other != version && weight.get() > 0);
    let others: BTreeMap<&str, f64> =
        others.map(|(other, weight)| (other.as_str(), f64::from(weight.get()) / 100.0)).collect();
    let command = AwsCommand::new(operation)
        .with("function-name", function)
        .with("name", alias)
        .with("function-version", version)
        .with("routing-config", json!({ "AdditionalVersionWeights": others }));
    Some(command)
}

/// What makes a target lead there, with all else that it says.
fn target(place: &str, written: &Written, split: &Split) -> Option<AwsCommand> {
    let BusPlace { bus, rule, .. } = BusPlace::of(place)?;
    let mut target: Value = serde_json::from_str(&written.json).ok()?;
    let (member, _) = split.0.first_key_value()?;
    target.as_object_mut()?.insert("Arn".to_owned(), json!(member));
    let command = AwsCommand::new("events put-targets").with("event-bus-name", bus);
    Some(command.with("rule", rule).with("targets", json!([target])))
}

/// The whole list of actions, with these weights where it forwards.
fn actions(written: &Written, split: &Split) -> Option<Value> {
    let mut actions: Value = serde_json::from_str(&written.json).ok()?;
    let groups: Option<Vec<Value>> = split
        .0
        .iter()
        .map(|(member, weight)| {
            let arn = arn_of(written, &actions, member)?;
            Some(json!({ "TargetGroupArn": arn, "Weight": weight.get() }))
        })
        .collect();
    let groups = Value::Array(groups?);
    for action in actions.as_array_mut()? {
        if action.get("Type").and_then(Value::as_str) == Some("forward") {
            let config = action.as_object_mut()?.entry("ForwardConfig").or_insert(json!({}));
            config.as_object_mut()?.insert("TargetGroups".to_owned(), groups.clone());
        }
    }
    Some(actions)
}

/// The ARN of a group that is one of the route's, or stood there already.
fn arn_of(written: &Written, actions: &Value, member: &Member) -> Option<String> {
    if member.as_str().starts_with("arn:") {
        return Some(member.to_string());
    }
    let named = format!(":targetgroup/{member}/");
    let groups = actions
        .as_array()?
        .iter()
        .filter_map(|action| action.get("ForwardConfig")?.get("TargetGroups")?.as_array());
    let mut arns = groups.flatten().filter_map(|group| group.get("TargetGroupArn")?.as_str());
    let there = arns.find(|arn| arn.contains(&named)).map(str::to_owned);
    written.arns.get(member).cloned().or(there)
}

fn upserts(written: &Written, split: &Split) -> Option<Vec<Value>> {
    let records: Vec<Value> = serde_json::from_str(&written.json).ok()?;
    let change = |(member, weight): (&Member, &crate::plan::units::Weight)| {
        let is_its = |record: &&Value| {
            record.get("SetIdentifier").and_then(Value::as_str) == Some(member.as_str())
        };
        let mut record = records.iter().find(is_its)?.clone();
        record.as_object_mut()?.insert("Weight".to_owned(), json!(weight.get()));
        Some(json!({ "Action": "UPSERT", "ResourceRecordSet": record }))
    };
    split.0.iter().map(change).collect()
}

fn targets(place: &str) -> Option<AwsCommand> {
    let BusPlace { bus, rule, .. } = BusPlace::of(place)?;
    let list = AwsCommand::new("events list-targets-by-rule");
    Some(list.with("event-bus-name", bus).with("rule", rule))
}

fn records(place: &str) -> Option<AwsCommand> {
    let mut parts = place.strip_prefix("hostedzone/")?.split('/');
    let (zone, name, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let list = AwsCommand::new("route53 list-resource-record-sets");
    let list = list.with("hosted-zone-id", zone).with("start-record-name", name);
    Some(list.with("start-record-type", kind).with("max-items", 10))
}

fn balancer(place: &str) -> Option<AwsCommand> {
    if place.contains(":listener-rule/") {
        return Some(rules_at(place));
    }
    let (balancer, _) = place.rsplit_once('/')?;
    let balancer = balancer.replacen(":listener/", ":loadbalancer/", 1);
    Some(AwsCommand::new("elbv2 describe-listeners").with("load-balancer-arn", balancer))
}

/// What shows the rules of a rule's listener, or of a listener.
pub(super) fn rules_at(place: &str) -> AwsCommand {
    AwsCommand::new("elbv2 describe-rules").with("listener-arn", listener(place))
}

/// The listener of a rule's ARN; a listener's own is that.
pub(super) fn listener(place: &str) -> String {
    match place.rsplit_once('/') {
        Some((of, _)) if place.contains(":listener-rule/") => {
            of.replacen(":listener-rule/", ":listener/", 1)
        }
        Some(_) | None => place.to_owned(),
    }
}
