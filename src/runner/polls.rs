//! When each thing is to be read next. The core says what is outstanding; this remembers when it was last asked for.

use std::{collections::BTreeMap, time::Duration};

use crate::rollout::{Outstanding, Poll, Subject, Timestamp};

#[derive(Default)]
pub(super) struct Polls {
    /// When the last reading of each subject began.
    begun: BTreeMap<Subject, Timestamp>,
    under_way: BTreeMap<Subject, Cause>,
    /// Readings that are due before their time.
    hastened: BTreeMap<Subject, (Timestamp, Cause)>,
}

/// Why something is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It is time.
    Time,
    /// There was news of it.
    News,
    /// There was news of it, and the first look said nothing of it yet.
    SecondLook,
}

/// However much news there is, so long passes from one reading to the next at the least.
const LEAST_BETWEEN: Duration = Duration::from_millis(500);

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
        let regular = match self.begun.get(&poll.subject) {
            None => poll.since,
            Some(begun) if *begun < poll.since => poll.since.min(begun.plus(poll.every)),
            Some(begun) => begun.plus(poll.every),
        };
        match self.hastened.get(&poll.subject) {
            None => regular,
            Some((at, _)) => regular.min(poll.since.max(*at)),
        }
    }

    /// Makes a reading due at `at`, also when one is under way: that may have begun too early to see what there is news of.
    pub(super) fn hasten(&mut self, subject: &Subject, at: Timestamp, cause: Cause) {
        let at = match self.begun.get(subject) {
            None => at,
            Some(begun) => at.max(begun.plus(LEAST_BETWEEN)),
        };
        match self.hastened.get(subject) {
            Some((earlier, _)) if *earlier <= at => {}
            Some(_) | None => {
                self.hastened.insert(subject.clone(), (at, cause));
            }
        }
    }

    /// Whether a reading that is due within a short while may be taken together with one that is due now.
    pub(super) fn is_near(&self, poll: &Poll, now: Timestamp) -> bool {
        self.next(poll) <= now.plus(poll.every.min(Duration::from_secs(10)) / 2)
            && poll.since <= now
            && !self.under_way.contains_key(&poll.subject)
    }

    /// The clock was set, so that when something was read last says nothing any more: all of it is due.
    pub(super) fn forget_times(&mut self) {
        self.begun.clear();
        self.hastened.clear();
    }

    pub(super) fn begin(&mut self, subject: &Subject, now: Timestamp) {
        self.begun.insert(subject.clone(), now);
        let hastened = self.hastened.get(subject).filter(|(at, _)| *at <= now);
        let cause = hastened.map_or(Cause::Time, |(_, cause)| *cause);
        if hastened.is_some() {
            self.hastened.remove(subject);
        }
        self.under_way.insert(subject.clone(), cause);
    }

    /// Why it was read.
    pub(super) fn end(&mut self, subject: &Subject) -> Cause {
        self.under_way.remove(subject).unwrap_or(Cause::Time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::GateName, rollout::Check};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn poll() -> Poll {
        let subject = Subject::Check(Check::Gate(GateName::new("errors")));
        Poll { subject, every: Duration::from_mins(1), since: at(0), covering: at(0) }
    }

    #[test]
    fn news_while_a_reading_is_under_way_makes_another_due_when_it_has_ended() {
        let (mut polls, poll) = (Polls::default(), poll());
        let out = Outstanding { polls: vec![poll.clone()], ..Outstanding::default() };
        polls.begin(&poll.subject, at(10_000));
        polls.hasten(&poll.subject, at(10_900), Cause::News);
        assert_eq!(polls.due(&out, at(11_000)), []);
        assert_eq!(polls.end(&poll.subject), Cause::Time);
        assert_eq!(polls.due(&out, at(11_000)).len(), 1);
        polls.begin(&poll.subject, at(11_000));
        assert_eq!(polls.end(&poll.subject), Cause::News);
        assert_eq!(polls.wake(&out), Some(at(71_000)), "news is good for one reading");
    }

    #[test]
    fn a_flood_of_news_leaves_time_between_readings() {
        let (mut polls, poll) = (Polls::default(), poll());
        let out = Outstanding { polls: vec![poll.clone()], ..Outstanding::default() };
        polls.begin(&poll.subject, at(10_000));
        polls.end(&poll.subject);
        for millis in 10_001..10_100 {
            polls.hasten(&poll.subject, at(millis), Cause::News);
        }
        assert_eq!(polls.wake(&out), Some(at(10_500)));
    }
}
