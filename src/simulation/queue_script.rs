//! What a scenario may say of the queues and streams that gates watch. They are as they are told to be: what feeds and what
//! empties them is not played.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::phrases::{Moment, Rate, duration, optional_duration};
use crate::rollout::Timestamp;

/// How a simulated queue is named to which another's dead letters go.
pub(super) const DEAD: &str = "-dead";

/// A queue. The default is one that is being emptied as fast as it is filled.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct QueueScript {
    /// `false`: there is none.
    pub exists: bool,
    /// `false`: nothing says where its dead letters go.
    pub redrive: bool,
    /// Messages that wait in the beginning.
    pub depth: u32,
    /// How many more come than go.
    pub growth: Rate,
    /// Of its oldest message.
    #[serde(deserialize_with = "duration")]
    pub age: Duration,
    /// How many of its messages were given up.
    pub dead_letters: u32,
    /// What becomes different later.
    pub later: Vec<QueueChange>,
}

impl Default for QueueScript {
    fn default() -> Self {
        Self {
            exists: true,
            redrive: true,
            depth: 10,
            growth: Rate { per_minute: 0 },
            age: Duration::from_secs(1),
            dead_letters: 0,
            later: Vec::new(),
        }
    }
}

/// Only what is given changes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct QueueChange {
    pub at: Moment,
    pub depth: Option<u32>,
    pub growth: Option<Rate>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub age: Option<Duration>,
    pub dead_letters: Option<u32>,
}

/// A queue as it is at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueState {
    pub(super) depth: u32,
    pub(super) age: Duration,
    pub(super) dead_letters: u32,
}

/// By name; the entry `all` is for every queue that has none of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct QueueScripts(pub BTreeMap<String, QueueScript>);

/// What a name stands for.
pub(super) enum Named {
    Queue(QueueScript),
    /// The queue of its dead letters.
    DeadLetters(QueueScript),
}

impl QueueScripts {
    pub(super) fn named(&self, name: &str) -> Option<Named> {
        let script = |name: &str| {
            self.0.get(name).or_else(|| self.0.get("all")).cloned().unwrap_or_default()
        };
        let named = match name.strip_suffix(DEAD) {
            Some(source) => Named::DeadLetters(script(source)),
            None => Named::Queue(script(name)),
        };
        let (Named::Queue(script) | Named::DeadLetters(script)) = &named;
        script.exists.then_some(named)
    }

    pub(super) fn moments(&self) -> impl Iterator<Item = Moment> {
        self.0.values().flat_map(|script| &script.later).map(|change| change.at)
    }
}

/// The name of the queue to which dead letters of this one go.
pub(super) fn dead_letters_of(name: &str) -> String {
    format!("{name}{DEAD}")
}

impl QueueScript {
    /// As it is at one time, given when it was as it begins, and when each moment is.
    pub(super) fn at(
        &self,
        now: Timestamp,
        start: Timestamp,
        when: impl Fn(Moment) -> Option<Timestamp>,
    ) -> QueueState {
        let (mut depth, mut growth, mut since) = (self.depth, self.growth, start);
        let (mut age, mut dead_letters) = (self.age, self.dead_letters);
        let mut changes: Vec<(Timestamp, &QueueChange)> = self
            .later
            .iter()
            .filter_map(|change| Some((when(change.at)?, change)))
            .filter(|(at, _)| *at <= now)
            .collect();
        changes.sort_by_key(|(at, _)| *at);
        for (at, change) in changes {
            depth = change.depth.unwrap_or_else(|| grown(depth, growth, at.since(since)));
            since = at;
            growth = change.growth.unwrap_or(growth);
            age = change.age.unwrap_or(age);
            dead_letters = change.dead_letters.unwrap_or(dead_letters);
        }
        QueueState { depth: grown(depth, growth, now.since(since)), age, dead_letters }
    }
}

fn grown(depth: u32, growth: Rate, lasts: Duration) -> u32 {
    let more = u128::from(growth.per_minute) * lasts.as_millis() / 60_000;
    depth.saturating_add(u32::try_from(more).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_grows_from_the_moment_it_is_told_to() {
        let text = "depth: 4\nlater: [{ at: 2m, growth: 30/min }, { at: 4m, depth: 0, growth: 0/min, age: 9s }]";
        let script: QueueScript = serde_saphyr::from_str(text).unwrap();
        let start = Timestamp::from_millis(0);
        let when = |moment| match moment {
            Moment::Start(after) => Some(start.plus(after)),
            Moment::Traffic(_) | Moment::Asked(_) => None,
        };
        let depth =
            |seconds: i64| script.at(Timestamp::from_millis(seconds * 1_000), start, when).depth;
        assert_eq!([0, 119, 120, 180, 239, 240, 900].map(depth), [4, 4, 4, 34, 63, 0, 0]);
        assert_eq!(script.at(Timestamp::from_millis(240_000), start, when).age.as_secs(), 9);
    }
}
