//! On what terms a run is driven: how a runner comes to it, how long it stays, and why it lets go.

use std::sync::Arc;

use crate::{
    journal::{self, RunId},
    rollout::{Actor, Command, Event, Signal},
};

/// How a runner comes to its run.
pub enum Begin {
    /// It is new: its first event.
    Run(Box<Event>),
    /// It was somebody else's: who takes over, and what they ask of it.
    TakeOver { by: Actor, then: Vec<Command> },
}

/// What to do when only a person can take the run further.
#[derive(Clone)]
pub enum WhenAwaiting {
    Stay,
    /// Stop; the run can be resumed later.
    Leave,
    /// Stay as long as somebody may still say something.
    StayWhile(Arc<dyn Fn() -> bool + Send + Sync>),
}

/// Why the loop ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Ended, held or interrupted: the state says which.
    AtRest,
    /// Only a person can take it further.
    AwaitsPerson,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("this runner no longer owns run {run} and has stopped touching the world")]
    LostOwnership { run: RunId, source: journal::Error },
    #[error("the journal of run {run} cannot be written")]
    Journal { run: RunId, source: journal::Error },
    #[error("{signal} ended this process before {until} for run {run}")]
    Interrupted { run: RunId, signal: Signal, until: String },
}
