//! The changes a run makes to the landscape: what AWS would refuse is refused, and what must never be done is done all
//! the same, and noted.

use super::{
    forward_rule::Author, landscape::Landscape, scaling_group::changed, scenario::CapacityChange,
    violation::Violation,
};
use crate::{
    cloud::{AlarmValue, Error},
    plan::{Member, Side},
    rollout::{Capacity, Split, Timestamp},
};

/// Target groups in one forward action.
const MOST_TARGET_GROUPS: usize = 5;

/// Whether a change had to be made at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Changed,
    StoodAlready,
}

impl Landscape {
    pub(super) fn set_weights(
        &mut self,
        now: Timestamp,
        resource: &str,
        expected: &Split,
        to: &Split,
    ) -> Result<Effect, Error> {
        let absent = |what: String| Err(Error::Absent { what });
        let Some(rule) = self.rules.get(resource) else {
            return absent(format!("rule {resource}"));
        };
        let operation = rule.operation();
        let live = &rule.forward.split;
        if live == to {
            return Ok(Effect::StoodAlready);
        }
        if live != expected {
            let message = format!("expected {expected}, found {live}");
            return Err(Error::Conflict { operation, message });
        }
        if to.0.is_empty() || to.0.len() > MOST_TARGET_GROUPS {
            let message = format!("a forward action has 1 to {MOST_TARGET_GROUPS} target groups");
            return Err(Error::Rejected { operation, message });
        }
        if let Some(weight) = to.0.values().find(|weight| **weight > rule.scale().largest()) {
            return Err(Error::Rejected { operation, message: format!("weight {weight}") });
        }
        if let Some(unknown) = to.0.keys().find(|name| !self.target_groups.contains_key(*name)) {
            return absent(format!("target group {unknown}"));
        }
        let noted = self.judge_rise(now, resource, live, to);
        self.violations.extend(noted);
        if let Some(rule) = self.rules.get_mut(resource) {
            rule.set(now, self.scenario.propagation, to.clone(), Author::Run);
        }
        self.note_traffic(now);
        Ok(Effect::Changed)
    }

    fn judge_rise(
        &self,
        now: Timestamp,
        resource: &str,
        live: &Split,
        to: &Split,
    ) -> Vec<Violation> {
        let candidates = self.target_groups.iter().filter(|(name, group)| {
            group.side == Side::Candidate && to.share(name) > live.share(name)
        });
        let mut rises = false;
        let mut noted = Vec::new();
        for (name, group) in candidates {
            rises = true;
            if group.healthy() == 0 {
                noted.push(Violation::RaisedWithoutHealthyTargets {
                    at: now,
                    resource: resource.to_owned(),
                    candidate: name.clone(),
                });
            }
        }
        let gated = self.gated_rises.iter().filter(|gated| {
            rises
                && gated.resource == resource
                && gated.split.0.iter().all(|(name, weight)| to.weight(name) == *weight)
        });
        let alarms = gated.flat_map(|gated| &gated.alarms);
        let alarms =
            alarms.flat_map(|(names, patience)| names.iter().map(move |it| (it, patience)));
        for (name, patience) in alarms {
            let Some(alarm) = self.alarms.get(name) else { continue };
            let since = alarm.since().filter(|since| now.since(*since) > *patience);
            if let (AlarmValue::Alarm, Some(since)) = (alarm.value(), since) {
                noted.push(Violation::RaisedAgainstAlarm {
                    at: now,
                    resource: resource.to_owned(),
                    alarm: name.clone(),
                    since,
                });
            }
        }
        noted
    }

    pub(super) fn resize(
        &mut self,
        now: Timestamp,
        name: &Member,
        to: Capacity,
    ) -> Result<(), Error> {
        let Some(group) = self.groups.get(name) else {
            return Err(Error::Absent { what: format!("Auto Scaling group {name}") });
        };
        let Capacity { min, max, desired } = to;
        let (min, max, desired) = (Some(min), Some(max), Some(desired));
        let side = group.side;
        let to = changed(group.capacity, CapacityChange { side, min, max, desired })?;
        let from = group.capacity.desired;
        let serves_more_than_at_first = group.target_groups.iter().any(|member| {
            self.rules.values().any(|rule| {
                let share = rule.share_in_sight(member);
                // Going back to the size at which it carried this share before the run takes nothing away.
                let did_before = rule.at_first.share(member) >= share;
                share > 0 && !(did_before && to.desired >= group.at_first.desired)
            })
        });
        let is_tested =
            self.test_routes.iter().any(|rule| group.target_groups.contains(&rule.group));
        if to.desired < from && (serves_more_than_at_first || is_tested) {
            self.violations.push(Violation::ShrunkWhileServing {
                at: now,
                group: name.clone(),
                from,
                to: to.desired,
            });
        }
        if let Some(group) = self.groups.get_mut(name) {
            group.capacity = to;
        }
        self.resized_by_hand.remove(name);
        Ok(())
    }
}
