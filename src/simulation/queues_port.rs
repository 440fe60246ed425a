//! The simulated queues that gates watch, and what CloudWatch says of them. They were there for a while when the run begins.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    landscape::Landscape,
    queue_script::{Named, QueueScript, QueueState, dead_letters_of},
    world::World,
};
use crate::{
    cloud::{Error, Operation, Query, QueueStanding, Queues},
    plan::Queue,
    rollout::Timestamp,
};

const MINUTE: Duration = Duration::from_mins(1);
/// For how long before the run there are figures.
const PAST: Duration = Duration::from_hours(1);

#[async_trait]
impl Queues for World {
    async fn find(&self, _queue: &Queue) -> Result<(), Error> {
        self.request(Operation::GetQueueUrl, |_, _| Ok(()))
    }

    async fn standing(&self, queue: &Queue) -> Result<QueueStanding, Error> {
        self.request(Operation::GetQueueAttributes, |landscape, now| {
            let absent = || Error::Absent { what: format!("queue {queue}") };
            Ok(match landscape.scenario.queues.named(queue.name()).ok_or_else(absent)? {
                Named::Queue(script) => QueueStanding {
                    visible: state(landscape, &script, now).depth,
                    hidden: 0,
                    dead_letters: script
                        .redrive
                        .then(|| queue.beside(&dead_letters_of(queue.name()))),
                },
                Named::DeadLetters(script) => QueueStanding {
                    visible: state(landscape, &script, now).dead_letters,
                    hidden: 0,
                    dead_letters: None,
                },
            })
        })
    }
}

fn state(landscape: &Landscape, script: &QueueScript, now: Timestamp) -> QueueState {
    script.at(now, landscape.start, |moment| landscape.moment(moment))
}

/// The figures of whole minutes that are over and have arrived; of what is no queue, or has no such metric, none.
pub(super) fn of_queue(
    landscape: &Landscape,
    query: &Query,
    window: (Timestamp, Timestamp),
    visible: Timestamp,
) -> Vec<(Timestamp, f64)> {
    let [(dimension, name)] = &query.dimensions[..] else { return Vec::new() };
    if query.namespace != "AWS/SQS" || dimension != "QueueName" {
        return Vec::new();
    }
    let Some(named) = landscape.scenario.queues.named(name) else { return Vec::new() };
    let figure = |at: Timestamp| {
        let (script, is_dead) = match &named {
            Named::Queue(script) => (script, false),
            Named::DeadLetters(script) => (script, true),
        };
        let state = state(landscape, script, at);
        match query.metric.as_str() {
            "ApproximateAgeOfOldestMessage" if !is_dead => Some(state.age.as_secs_f64()),
            "ApproximateNumberOfMessagesVisible" if is_dead => Some(f64::from(state.dead_letters)),
            "ApproximateNumberOfMessagesVisible" => Some(f64::from(state.depth)),
            "ApproximateNumberOfMessagesNotVisible" => Some(0.0),
            _ => None,
        }
    };
    minutes(landscape, window, visible)
        .filter_map(|at| Some((at, figure(at.plus(MINUTE))?)))
        .collect()
}

/// The minutes of a window that are over and have arrived.
pub(super) fn minutes(
    landscape: &Landscape,
    (from, to): (Timestamp, Timestamp),
    visible: Timestamp,
) -> impl Iterator<Item = Timestamp> + use<> {
    let first = from.max(landscape.start.before(PAST));
    let begin = first.as_millis().div_euclid(60_000).saturating_mul(60_000);
    let begin = if begin < from.as_millis() { begin.saturating_add(60_000) } else { begin };
    let all =
        std::iter::successors(Some(Timestamp::from_millis(begin)), |at| Some(at.plus(MINUTE)));
    all.take_while(move |at| *at < to && at.plus(MINUTE) <= visible)
}
