//! A forward action with its weights. What is read back follows a change at once; the nodes that carry the traffic
//! follow some seconds later, and that gap is what runs must not be fooled by.

use std::{collections::VecDeque, time::Duration};

use crate::{
    cloud::Forward,
    plan::{ListenerRule, Member},
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
    pub(super) place: ListenerRule,
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
    pub(super) fn new(place: ListenerRule, forward: Forward) -> Self {
        Self {
            place,
            at_first: forward.split.clone(),
            effective: forward.split.clone(),
            effective_by: Author::Run,
            coming: VecDeque::new(),
            forward,
        }
    }

    /// Shows the new weights at once; traffic follows after `propagation`.
    pub(super) fn set(&mut self, now: Timestamp, propagation: Duration, to: Split, by: Author) {
        self.coming.push_back((now.plus(propagation), to.clone(), by));
        self.forward.split = to;
    }

    pub(super) fn step(&mut self, now: Timestamp) {
        while let Some((_, split, by)) = self.coming.pop_front_if(|(at, _, _)| now >= *at) {
            self.effective = split;
            self.effective_by = by;
        }
    }

    /// The largest share of traffic a group gets, or may still get, in basis points.
    pub(super) fn share_in_sight(&self, group: &Member) -> u32 {
        let coming = self.coming.iter().map(|(_, split, _)| split.share(group));
        coming
            .chain([self.effective.share(group), self.forward.split.share(group)])
            .max()
            .unwrap_or(0)
    }

    pub(super) fn is_listener(&self) -> bool {
        !self.forward.resource.contains(":listener-rule/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::units::Weight;

    #[test]
    fn traffic_follows_a_change_some_seconds_after_it_shows() {
        let split = |weight| Split([(Member::new("blue"), Weight::new(weight).unwrap())].into());
        let forward = Forward {
            resource: "arn:aws:elasticloadbalancing:x:0:listener-rule/app/a/1/2/3".into(),
            load_balancer: "app/a/1".into(),
            split: split(999),
            sticky_for: None,
        };
        let place = ListenerRule::Rule(forward.resource.clone());
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
        assert!(!rule.is_listener());
    }
}
