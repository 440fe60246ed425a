//! The port onto simulated targets of rules. What takes the events stands for a group of targets, like any other side, so
//! that traffic, alarms and scripts see it as they see everything else; every one lets EventBridge in.

use async_trait::async_trait;
use serde_json::json;

use super::{route_place::Place, world::World};
use crate::{
    cloud::{Buses, Error, FunctionVersion, Lead, Operation, Taker, TargetStanding, VersionState},
    plan::{BusTarget, Member},
    rollout::BusPlace,
};

#[async_trait]
impl Buses for World {
    async fn find(&self, at: &BusTarget) -> Result<TargetStanding, Error> {
        self.calls().count(Operation::ListTargetsByRule.name());
        self.request(Operation::DescribeRule, |landscape, _| {
            let place = Place::Target(at.clone());
            let found = landscape.rules.values().find(|rule| rule.place == place);
            let absent = || Error::Absent { what: format!("target {at}") };
            let (resource, split) = found
                .map(|rule| (rule.forward.resource.clone(), rule.forward.split.clone()))
                .ok_or_else(absent)?;
            let rule_arn = BusPlace::of(&resource).map(|place| place.rule_arn.to_owned());
            let leads_to = split.0.keys().next().map(ToString::to_string);
            Ok(TargetStanding {
                rule_arn: rule_arn.ok_or_else(absent)?,
                resource,
                managed_by: None,
                role: None,
                written: Some(json!({ "Id": at.id, "Arn": leads_to }).to_string()),
                split,
            })
        })
    }

    async fn taker(&self, _place: &str, side: &Member) -> Result<Taker, Error> {
        let policy =
            json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "*" }] });
        let policy = Some(policy.to_string());
        let service = side.as_str().split(':').nth(2);
        let asked = match service {
            Some("lambda") => Operation::GetFunctionConfiguration,
            Some("sqs") => Operation::GetQueueAttributes,
            Some(_) | None => return Ok(Taker::Unasked),
        };
        self.request(asked, |landscape, _| {
            let group = landscape.target_groups.get(side);
            let group = group.ok_or_else(|| Error::Absent { what: side.to_string() })?;
            if asked == Operation::GetQueueAttributes {
                return Ok(Taker::Queue { policy });
            }
            let (state, reason) = if group.healthy() > 0 {
                (VersionState::Active, String::new())
            } else {
                (VersionState::Pending, "Creating".to_owned())
            };
            let version = FunctionVersion {
                state,
                reason,
                role: None,
                dead_letters: None,
                code: None,
                snapshots: false,
            };
            Ok(Taker::Function { version, policy })
        })
    }

    async fn leads(&self, _place: &str, side: &Member) -> Result<Vec<Lead>, Error> {
        self.request(Operation::ListRuleNamesByTarget, |landscape, _| {
            let rules = landscape.rules.values();
            let targets = rules.filter(|rule| matches!(rule.place, Place::Target(_)));
            Ok(targets.filter_map(|rule| rule.lead(side)).collect())
        })
    }
}
