//! The port onto simulated targets of rules. What takes the events stands for a group of targets, like any other side, so
//! that traffic, alarms and scripts see it as they see everything else.

use async_trait::async_trait;
use serde_json::json;

use super::{hindrance::Hindrance, route_place::Place, world::World};
use crate::{
    cloud::{Buses, DISABLED, Error, Lead, Operation, TargetStanding, all_to},
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
            let written = Some(json!({ "Id": at.id, "Arn": leads_to }).to_string());
            let is_managed = landscape.is_hindered(Hindrance::RuleManaged);
            let disabled = leads_to.filter(|_| landscape.is_hindered(Hindrance::RuleDisabled));
            let split = disabled.map_or(split, |arn| all_to(&format!("{arn}{DISABLED}")));
            Ok(TargetStanding {
                rule_arn: rule_arn.ok_or_else(absent)?,
                resource,
                managed_by: is_managed.then(|| "autoscaling.amazonaws.com".to_owned()),
                role: None,
                written,
                split,
            })
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
