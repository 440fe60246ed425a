//! What a queue gate would have said in the past, minute by minute. CloudWatch publishes nothing of a queue that has been
//! empty, and that nobody has asked for anything, for six hours: where it says nothing at all, nothing was in the queue.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html>

use super::{
    lag::{MINUTE, minutes},
    queue::{Queries, earliest, judge_queue, most_waiting, past},
    rows::whole,
};
use crate::{
    cloud::{Error, Reads},
    plan::QueueGate,
    rollout::{Reading, Timestamp},
};

/// What the gate would have said at each of these moments, to a run that began at `since`. Messages that waited are the
/// most of a minute.
pub(super) async fn past_queue(
    reads: &Reads,
    gate: &QueueGate,
    since: Timestamp,
    moments: &[Timestamp],
) -> Result<Vec<Reading>, Error> {
    let standing = reads.queues.standing(&gate.queue).await?;
    let Some(end) = moments.last() else { return Ok(Vec::new()) };
    let asked = Queries::of(gate, standing.dead_letters.as_ref());
    let waiting = most_waiting(&gate.queue);
    let from = earliest(gate, since, since).min(since.before(MINUTE));
    let all: Vec<_> = asked.all.iter().chain([&waiting]).cloned().collect();
    let mut answers = reads.metrics.series(&all, from, *end, MINUTE).await?;
    let waiting = minutes(&waiting, answers.pop().as_ref(), from);
    let answers = Ok(answers);
    let read = |at: &Timestamp| {
        let mut seen = past(gate, &asked, &answers, since, *at);
        seen.visible = waiting.as_ref().map(|all| latest(all, *at)).map_err(Clone::clone);
        seen.dead = match &standing.dead_letters {
            None => Err(format!("queue {} has no redrive policy", gate.queue)),
            Some(_) => seen.dead_since.as_ref().map(|all| latest(all, *at)).map_err(Clone::clone),
        };
        let is_silent = seen.dead_since.as_ref().is_ok_and(Vec::is_empty);
        seen.dead_before = is_silent.then_some(0);
        judge_queue(gate, &seen, *at)
    };
    Ok(moments.iter().map(read).collect())
}

/// How many there were in the last minute before a moment of which that is known.
fn latest(all: &[(Timestamp, f64)], at: Timestamp) -> u32 {
    let last = all.iter().rev().find(|(minute, _)| *minute < at);
    last.map_or(0, |(_, messages)| u32::try_from(whole(*messages)).unwrap_or(u32::MAX))
}
