//! Queues as they are looked at: nobody's messages are taken out of them.

use async_trait::async_trait;

use super::Error;
use crate::plan::Queue;

/// How many messages a queue says it has: nearly so many, up to a minute after messages came or went.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStanding {
    /// Those that anybody who asks may receive.
    pub visible: u32,
    /// Those that somebody has received and not deleted yet.
    pub hidden: u32,
    /// Where messages go that are received too often; `None` without a redrive policy.
    pub dead_letters: Option<Queue>,
}

impl QueueStanding {
    /// All that are in it.
    pub fn all(self) -> u32 {
        self.visible.saturating_add(self.hidden)
    }
}

#[async_trait]
pub trait Queues: Send + Sync {
    /// `Absent` when there is no such queue.
    async fn find(&self, queue: &Queue) -> Result<(), Error>;

    /// How it stands now. `Absent` when there is no such queue.
    async fn standing(&self, queue: &Queue) -> Result<QueueStanding, Error>;
}
