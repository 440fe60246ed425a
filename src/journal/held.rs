//! A lock that somebody holds, in the words for whoever is refused by it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::RunId;
use crate::rollout::Timestamp;

/// What is written into a lock, for whoever is refused by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    pub resource: String,
    pub run: RunId,
    pub holder: String,
    /// Since when the run owns the resource; taking a run over does not change it.
    pub since: Timestamp,
    /// When the holder last said that it lives.
    pub heartbeat: Timestamp,
}

/// Whether the process that holds a lock is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    Alive,
    /// It ended or was killed; its run is unfinished.
    Gone,
}

/// A lock that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub info: LockInfo,
    pub liveness: Liveness,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LockInfo { resource, run, holder, since, heartbeat } = &self.info;
        write!(f, "{resource} belongs to run {run} since {since}, ")?;
        match self.liveness {
            Liveness::Alive => write!(f, "which {holder} is running"),
            Liveness::Gone => {
                write!(f, "unfinished; its process ({holder}) is gone, last seen {heartbeat}")
            }
        }
    }
}
