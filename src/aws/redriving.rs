//! Messages that are moved back from a dead-letter queue to where they came from. A task has no name that a run could give it,
//! and a queue has one at a time, so whoever begins looks for one that is under way first, and whoever follows goes by the latest.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>

use std::time::Duration;

use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry as Task;
use tokio::time::Instant;

use super::{
    error::classed,
    handing_over::{pause, queue},
    mappings::{EventSources, Live},
    news::SimpleQueues,
};
use crate::cloud::{Error, Operation, QueueStanding, Queues, Redriving};

/// How long a run follows a task; a queue moves some hundred messages a second.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long the stable side is given to receive what the candidate has left.
const LATE: Duration = Duration::from_secs(20);
/// All that AWS tells of a queue.
const MOST: i32 = 10;

impl EventSources {
    /// From where what a mapping reads gets messages back that were failed too often.
    pub(super) async fn redriving(&self, live: &Live) -> Result<Redriving, Error> {
        let Some(source) = queue(live) else { return Ok(Redriving::Nowhere) };
        let Some(dead) = self.queues.standing(&source).await?.dead_letters else {
            return Ok(Redriving::Nowhere);
        };
        let before = live.mapping.source.rsplit_once(':').map_or("", |(before, _)| before);
        let dead_letters = format!("{before}:{}", dead.name());
        let messages = self.queues.standing(&dead).await.map(QueueStanding::all)?;
        Ok(match messages {
            0 => Redriving::From(dead_letters),
            messages => Redriving::Occupied { dead_letters, messages },
        })
    }
}

fn what(dead_letters: &str) -> String {
    format!("moving messages back from {dead_letters}")
}

/// What is still to be done by a person.
fn by_hand(dead_letters: &str, why: &str) -> Error {
    Error::Rejected {
        operation: Operation::StartMessageMoveTask,
        message: format!(
            "the stable side reads again, but {} {why}; \
             `aws sqs start-message-move-task --source-arn {dead_letters}` tries again",
            what(dead_letters)
        ),
    }
}

/// Whether a task goes on. One that says nothing of itself does: it is looked at again.
fn is_under_way(task: &Task) -> bool {
    !matches!(task.status.as_deref(), Some("COMPLETED" | "CANCELLED" | "FAILED"))
}

impl SimpleQueues {
    /// The task that was started last.
    async fn latest(&self, dead_letters: &str) -> Result<Option<Task>, Error> {
        let call = self.client.list_message_move_tasks().source_arn(dead_letters);
        let answer = call.max_results(MOST).send().await;
        let what = format!("queue {dead_letters}");
        let answer = answer.map_err(classed(Operation::ListMessageMoveTasks, &what))?;
        Ok(answer.results.unwrap_or_default().into_iter().max_by_key(|task| task.started_timestamp))
    }

    /// Begins to move all messages back, unless somebody does.
    pub(super) async fn bring_back(&self, dead_letters: &str) -> Result<(), Error> {
        if self.latest(dead_letters).await?.as_ref().is_some_and(is_under_way) {
            return Ok(());
        }
        let what = format!("queue {dead_letters}");
        let call = self.client.start_message_move_task().source_arn(dead_letters).send().await;
        call.map(|_| ()).map_err(classed(Operation::StartMessageMoveTask, &what))
    }

    /// Follows what was begun to its end, and once more what came meanwhile: a message that was failed for the last time becomes a
    /// dead letter when it would be received again, which is when the stable side reads. More often would move for ever what
    /// nobody can handle.
    pub(super) async fn brought_back(&self, dead_letters: &str) -> Result<(), Error> {
        self.followed(dead_letters).await?;
        let until = Instant::now() + LATE;
        while Instant::now() < until {
            pause().await;
        }
        self.bring_back(dead_letters).await?;
        self.followed(dead_letters).await
    }

    async fn followed(&self, dead_letters: &str) -> Result<(), Error> {
        let until = Instant::now() + PATIENCE;
        loop {
            let task = self.latest(dead_letters).await?;
            match task.as_ref().filter(|task| !is_under_way(task)) {
                Some(task) if task.status.as_deref() == Some("COMPLETED") => return Ok(()),
                Some(task) => {
                    let status = task.status.as_deref().unwrap_or_default();
                    let reason = task.failure_reason.as_deref().unwrap_or("AWS gives no reason");
                    return Err(by_hand(dead_letters, &format!("has {status} ({reason})")));
                }
                None if Instant::now() >= until => {
                    return Err(by_hand(dead_letters, "takes longer than five minutes"));
                }
                None => pause().await,
            }
        }
    }
}
