//! Listening for news of alarms while gates that asked for it are outstanding, so that their alarms are asked when they
//! change and not only every so often. News decides nothing, it only makes a poll due: a queue that is lost, full of
//! something else or emptied by another reader costs a notice and some speed, never the truth.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    cloud::{Error, News},
    plan::{AlarmsGate, Gate, GateName, Place, Plan, Queue},
    rollout::{Check, Jump, Outstanding, Subject, Timestamp},
};

/// How long a queue that cannot be read is left alone.
const BACK_OFF: Duration = Duration::from_secs(30);
/// How long, at the least, from one look into an empty queue to the next, should it answer without waiting.
const AT_LEAST: Duration = Duration::from_secs(1);

/// A queue, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Channel {
    pub(super) place: Place,
    pub(super) queue: Queue,
}

#[derive(Debug)]
enum Ear {
    Open { since: Timestamp },
    Shut { until: Timestamp },
}

#[derive(Default)]
pub(super) struct Listening {
    ears: BTreeMap<Channel, Ear>,
    /// What was told of trouble, each once: it may last for hours.
    told: BTreeSet<String>,
}

impl Listening {
    /// The queues to begin listening to now.
    pub(super) fn begin(&mut self, plan: &Plan, out: &Outstanding, now: Timestamp) -> Vec<Channel> {
        let mut begun = Vec::new();
        for channel in wanted(plan, out) {
            if self.next(&channel).is_some_and(|next| next <= now) {
                self.ears.insert(channel.clone(), Ear::Open { since: now });
                begun.push(channel);
            }
        }
        begun
    }

    /// The clock was set.
    pub(super) fn follow(&mut self, by: Jump) {
        for ear in self.ears.values_mut() {
            match ear {
                Ear::Open { since: moment } | Ear::Shut { until: moment } => {
                    *moment = moment.moved(by);
                }
            }
        }
    }

    /// When to begin with the next.
    pub(super) fn wake(&self, plan: &Plan, out: &Outstanding) -> Option<Timestamp> {
        wanted(plan, out).iter().filter_map(|channel| self.next(channel)).min()
    }

    /// `None` while it is being listened to.
    fn next(&self, channel: &Channel) -> Option<Timestamp> {
        match self.ears.get(channel) {
            None => Some(Timestamp::default()),
            Some(Ear::Open { .. }) => None,
            Some(Ear::Shut { until }) => Some(*until),
        }
    }

    /// Takes in that listening has ended, and says when to begin again.
    pub(super) fn end(&mut self, channel: &Channel, heard: &Result<News, Error>, now: Timestamp) {
        let until = match (heard, self.ears.get(channel)) {
            (Err(_), _) => now.plus(BACK_OFF),
            (Ok(news), Some(Ear::Open { since })) if news.receipts.is_empty() => {
                since.plus(AT_LEAST)
            }
            (Ok(_), _) => now,
        };
        self.ears.insert(channel.clone(), Ear::Shut { until });
    }

    /// What to tell of trouble with a queue, unless that was told before.
    pub(super) fn trouble(&mut self, queue: &Queue, error: &Error) -> Option<String> {
        let words = format!(
            "no news of alarms from queue {queue}: {error}; its gates are read every so often all the same"
        );
        self.told.insert(words.clone()).then_some(words)
    }
}

fn wanted(plan: &Plan, out: &Outstanding) -> BTreeSet<Channel> {
    let gates = out.polls.iter().filter_map(|poll| match &poll.subject {
        Subject::Check(Check::Gate(gate)) => plan.gates.get(gate),
        Subject::Check(_) | Subject::Target(_) => None,
    });
    let channel = |gate: &Gate| {
        let queue = gate.kind.alarms()?.listen.clone()?;
        Some(Channel { place: gate.place.clone(), queue })
    };
    gates.filter_map(channel).collect()
}

/// The gates that news from a queue concerns.
pub(super) fn concerned<'a>(
    plan: &'a Plan,
    channel: &'a Channel,
    news: &'a News,
) -> impl Iterator<Item = &'a GateName> {
    plan.gates.iter().filter_map(move |(name, gate)| {
        let listens = |alarms: &&AlarmsGate| {
            gate.place == channel.place && alarms.listen.as_ref() == Some(&channel.queue)
        };
        let alarms = gate.kind.alarms().filter(listens)?;
        alarms.names.iter().any(|alarm| news.alarms.contains(alarm)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::GateKind, rollout::Poll, testkit::sample_plan};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_queue_is_listened_to_once_and_left_alone_for_a_while_when_it_fails() {
        let mut plan = sample_plan();
        let queue = Queue::new("news");
        let channel = Channel { place: plan.aws.clone(), queue: queue.clone() };
        let mut polls = Vec::new();
        for (name, gate) in &mut plan.gates {
            if let GateKind::Alarms(alarms) = &mut gate.kind {
                alarms.listen = Some(queue.clone());
            }
            let subject = Subject::Check(Check::Gate(name.clone()));
            let (every, since) = (gate.every, at(0));
            polls.push(Poll { subject, every, since, covering: since });
        }
        let out = Outstanding { polls, ..Outstanding::default() };
        let mut listening = Listening::default();
        assert_eq!(listening.begin(&plan, &Outstanding::default(), at(0)), [], "no gate waits");
        assert_eq!(listening.begin(&plan, &out, at(1_000)).len(), 1);
        assert_eq!(listening.begin(&plan, &out, at(2_000)), []);
        listening.end(&channel, &Ok(News::default()), at(1_010));
        assert_eq!(listening.wake(&plan, &out), Some(at(2_000)), "it did not wait by itself");
        let error = Error::Absent { what: "queue news".into() };
        listening.end(&channel, &Err(error.clone()), at(3_000));
        assert_eq!(listening.wake(&plan, &out), Some(at(33_000)));
        assert!(listening.trouble(&queue, &error).is_some());
        assert!(listening.trouble(&queue, &error).is_none(), "once is enough");
        let news = News { alarms: BTreeSet::new(), receipts: vec!["1".into()] };
        listening.end(&channel, &Ok(news), at(34_000));
        assert_eq!(listening.wake(&plan, &out), Some(at(34_000)), "there may be more");
    }
}
