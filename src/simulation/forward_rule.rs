//! A forward action with its weights. What is read back follows a change at once; the nodes that carry the traffic
//! follow some seconds later, and that gap is what runs must not be fooled by.

use std::{collections::VecDeque, time::Duration};

use super::route_place::{Place, setting};
use crate::{
    cloud::{Forward, Lead, Operation},
    plan::{
        Member,
        units::{Scale, Weight},
    },
    rollout::{Split, Timestamp},
};

/// Who made a change: the world holds against a run only what the run itself did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    Run,
    Hand,
}

#[derive(Clone, Debug)]
pub(super) struct SimulatedRule {
    pub(super) place: Place,
    /// As the API shows it.
    pub(super) forward: Forward,
    /// The split when the world began.
    pub(super) at_first: Split,
    /// As traffic sees it.
    pub(super) effective: Split,
    pub(super) effective_by: Author,
    coming: VecDeque<(Timestamp, Split, Author)>,
}

impl SimulatedRule {
    pub(super) fn new(place: Place, forward: Forward) -> Self {
        Self {
            place,
            at_first: forward.split.clone(),
            effective: forward.split.clone(),
            effective_by: Author::Run,
            coming: VecDeque::new(),
            forward,
        }
    }

    /// Shows the new weights at once; traffic follows after `propagation`, behind DNS when the last answer has expired.
    pub(super) fn set(&mut self, now: Timestamp, propagation: Duration, to: Split, by: Author) {
        let propagation = self.place.traits().propagation.unwrap_or(propagation);
        self.coming.push_back((now.plus(propagation), to.clone(), by));
        self.forward.split = to;
    }

    pub(super) fn step(&mut self, now: Timestamp) {
        while let Some((_, split, by)) = self.coming.pop_front_if(|(at, _, _)| now >= *at) {
            self.effective = split;
            self.effective_by = by;
        }
    }

    /// Whether traffic sees what the API shows.
    pub(super) fn is_settled(&self) -> bool {
        self.coming.is_empty()
    }

    /// The largest share of traffic a group gets, or may still get, in basis points.
    pub(super) fn share_in_sight(&self, group: &Member) -> u32 {
        let coming = self.coming.iter().map(|(_, split, _)| split.share(group));
        coming
            .chain([self.effective.share(group), self.forward.split.share(group)])
            .max()
            .unwrap_or(0)
    }

    /// What leads to a group here, in words.
    pub(super) fn lead(&self, group: &Member) -> Option<Lead> {
        let weight = self.forward.split.weight(group);
        let words = self.place.words(&self.forward.resource);
        let place = self.forward.resource.clone();
        (weight != Weight::ZERO).then_some(Lead { place, weight, words })
    }

    /// What AWS calls a change of it.
    pub(super) fn operation(&self) -> Operation {
        setting(&self.place, &self.forward.resource)
    }

    pub(super) fn scale(&self) -> Scale {
        self.place.traits().scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ListenerRule;

    #[test]
    fn traffic_follows_a_change_some_seconds_after_it_shows() {
        let split = |weight| Split([(Member::new("blue"), Weight::new(weight).unwrap())].into());
        let forward = Forward {
            resource: "arn:aws:elasticloadbalancing:x:0:listener-rule/app/a/1/2/3".into(),
            load_balancer: "app/a/1".into(),
            split: split(999),
            sticky_for: None,
            written: None,
            rule: None,
        };
        let place = Place::Rule(ListenerRule::Rule(forward.resource.clone()));
        let mut rule = SimulatedRule::new(place, forward);
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        rule.set(at(10), Duration::from_secs(5), split(0), Author::Hand);
        rule.step(at(14));
        assert_eq!((&rule.forward.split, &rule.effective), (&split(0), &split(999)));
        assert_eq!(rule.share_in_sight(&Member::new("blue")), 10_000);
        rule.step(at(15));
        assert_eq!(rule.effective, split(0));
        assert_eq!(rule.effective_by, Author::Hand);
        assert_eq!(rule.share_in_sight(&Member::new("blue")), 0);
        assert_eq!(rule.operation(), Operation::ModifyRule);
    }
}
