//! News of alarms: that one of them changed state, told by whoever watches them before anybody asks. It is hearsay. What
//! an alarm says is only ever what [`Alarms`](super::Alarms) answers.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::Error;
use crate::plan::Queue;

/// What came out of a queue at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// The names of alarms that changed state. Messages that tell of none are left out.
    pub alarms: BTreeSet<String>,
    /// What all the messages are deleted by.
    pub receipts: Vec<String>,
}

#[async_trait]
pub trait AlarmNews: Send + Sync {
    /// Waits for news, for 20 seconds at most; none is fine. What was heard comes again unless it is forgotten soon.
    async fn hear(&self, queue: &Queue) -> Result<News, Error>;

    /// Deletes messages, at most as many as were heard at one time.
    async fn forget(&self, queue: &Queue, receipts: &[String]) -> Result<(), Error>;
}
