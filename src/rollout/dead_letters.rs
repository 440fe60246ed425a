//! The dead letters that were there before a run: what a gate counts are only those that came since. How many there were
//! is a fact of the run's first event, so that whoever takes the run over counts from the same number.

use serde::{Deserialize, Serialize};

use crate::plan::Queue;

/// The dead-letter queue of a queue that a gate watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeadLetters {
    /// The queue that the redrive policy named then.
    pub queue: Queue,
    /// How many messages were in it, those that somebody had just received included.
    pub before: u32,
}
