//! When each thing is to be read next. The core says what is outstanding; this remembers when it was last asked for.

use std::{collections::BTreeMap, time::Duration};

use crate::rollout::{Outstanding, Poll, Subject, Timestamp};

#[derive(Default)]
pub(super) struct Polls {
    /// When the last reading of each subject began.
    begun: BTreeMap<Subject, Timestamp>,
    under_way: BTreeMap<Subject, Timestamp>,
}

impl Polls {
    /// Those of `outstanding` that should begin now.
    pub(super) fn due(&self, outstanding: &Outstanding, now: Timestamp) -> Vec<Poll> {
        let due =
            |poll: &&Poll| !self.under_way.contains_key(&poll.subject) && self.next(poll) <= now;
        outstanding.polls.iter().filter(due).cloned().collect()
    }

    /// When the next one is due that is not under way.
    pub(super) fn wake(&self, outstanding: &Outstanding) -> Option<Timestamp> {
        let idle = |poll: &&Poll| !self.under_way.contains_key(&poll.subject);
        outstanding.polls.iter().filter(idle).map(|poll| self.next(poll)).min()
    }

    /// A reading is due a period after the last, and at once when the last no longer counts.
    fn next(&self, poll: &Poll) -> Timestamp {
        match self.begun.get(&poll.subject) {
            None => poll.since,
            Some(begun) if *begun < poll.since => poll.since.min(begun.plus(poll.every)),
            Some(begun) => begun.plus(poll.every),
        }
    }

    /// Whether a reading that is due within a short while may be taken together with one that is due now.
    pub(super) fn is_near(&self, poll: &Poll, now: Timestamp) -> bool {
        self.next(poll) <= now.plus(poll.every.min(Duration::from_secs(10)) / 2)
            && poll.since <= now
            && !self.under_way.contains_key(&poll.subject)
    }

    pub(super) fn begin(&mut self, subject: &Subject, now: Timestamp) {
        self.begun.insert(subject.clone(), now);
        self.under_way.insert(subject.clone(), now);
    }

    pub(super) fn end(&mut self, subject: &Subject) {
        self.under_way.remove(subject);
    }
}
