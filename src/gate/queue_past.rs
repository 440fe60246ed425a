//! What a queue gate would have said in the past, minute by minute. CloudWatch publishes nothing of a queue that has been
//! empty, and that nobody has asked for anything, for six hours, and is up to a quarter of an hour late when it is used
//! again: a moment that it says nothing of is unknown.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html>

use super::{
    lag::{MINUTE, Minutes, minutes},
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
    // The first minute that is told of counts, too.
    let began = since.before(MINUTE);
    let read = |at: &Timestamp| {
        let mut seen = past(gate, &asked, &answers, began, *at);
        seen.visible = latest(&waiting, *at);
        seen.dead = match &standing.dead_letters {
            None => Err(format!("queue {} has no redrive policy", gate.queue)),
            Some(_) => latest(&seen.dead_since, *at),
        };
        judge_queue(gate, &seen, *at)
    };
    Ok(moments.iter().map(read).collect())
}

/// How many there were in the last minute before a moment of which that is known.
fn latest(all: &Minutes, at: Timestamp) -> Result<u32, String> {
    let all = all.as_ref().map_err(Clone::clone)?;
    let last = all.iter().rev().find(|(minute, _)| *minute < at);
    let (_, messages) =
        last.ok_or("CloudWatch tells of no messages by then, nor that there were none")?;
    Ok(u32::try_from(whole(*messages)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_nothing_is_told_of_is_not_taken_for_empty() {
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000);
        let told = Ok(vec![(at(3), 40.0), (at(4), 7.0)]);
        assert_eq!(latest(&told, at(4)), Ok(40));
        assert_eq!(latest(&told, at(9)), Ok(7));
        assert!(latest(&told, at(3)).is_err(), "not known yet");
        assert!(latest(&Ok(Vec::new()), at(3)).is_err());
    }
}
