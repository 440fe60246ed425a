//! Who owns what. A run owns its routes and fleets from before its first change until it has ended, across crashes,
//! hand-overs and pauses: a living process holds the lock, and when it dies the unfinished run still owns what it
//! may have left half changed.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{Error, Held, LockInfo, RunId};
use crate::rollout::{Event, Timestamp};

/// What a runner asks for before it touches anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub run: RunId,
    /// Routes and fleets: ARNs of rules and listeners, names of groups. The run itself is locked besides, unasked.
    pub resources: BTreeSet<String>,
    /// The process that asks; see [`holder`].
    pub holder: String,
    pub at: Timestamp,
}

impl Claim {
    /// All that is to be locked, in the order in which everybody locks.
    pub(super) fn all(&self) -> BTreeSet<String> {
        let mut all = self.resources.clone();
        all.insert(of_run(&self.run));
        all
    }

    pub(super) fn info(&self, resource: &str, since: Timestamp) -> LockInfo {
        LockInfo {
            resource: resource.to_owned(),
            run: self.run.clone(),
            holder: self.holder.clone(),
            since,
            heartbeat: self.at,
        }
    }
}

/// What the lock of a run itself is called.
pub(super) fn of_run(run: &RunId) -> String {
    format!("run {run}")
}

/// Describes this process: `ann@build-7 pid 4711`.
pub fn holder(user: &str) -> String {
    let host = rustix::system::uname();
    format!("{user}@{} pid {}", host.nodename().to_string_lossy(), std::process::id())
}

/// Grants and lists locks. Beside the objects of a store, not made of them: what tells a dead process from a living one is
/// the kernel on a disk, and would be a lease in S3.
#[async_trait]
pub trait Locks: Send + Sync {
    /// Locks everything in the claim, or nothing. `Owned` says which unfinished run has something of it.
    async fn acquire(&self, claim: &Claim) -> Result<Box<dyn Hold>, Error>;

    /// The locks in force, by resource. A run is being run by a process exactly while one of its locks is `Alive`.
    async fn held(&self) -> Result<Vec<Held>, Error>;

    /// The lock of a run itself: who drives it, or did last. None when it was given up, as it is at a run's end.
    async fn driver(&self, run: &RunId) -> Result<Option<Held>, Error>;
}

/// Locks held by this process. Dropping it is what dying does: the process lets go, the run keeps what it owns.
#[async_trait]
pub trait Hold: Send + Sync {
    /// `LockLost` when any of it was taken away. To be asked before each touch of the world.
    async fn still_ours(&self) -> Result<(), Error>;

    /// Asks the same, and says that this process lives.
    async fn beat(&self, now: Timestamp) -> Result<(), Error>;

    /// Gives the resources up, because the run has ended.
    async fn release(self: Box<Self>) -> Result<(), Error>;
}

/// Whether an event says where a run stands. That somebody takes it over, be it with another clock, asks what is refused,
/// or allows what the next command is to do, says nothing: a run that has ended is over until it goes back.
pub(super) fn tells(event: &Event) -> bool {
    !matches!(
        event,
        Event::ClockJumped { .. }
            | Event::RunnerStarted { .. }
            | Event::CommandRefused { .. }
            | Event::OverwriteAllowed { .. }
    )
}
