//! The ports through which a step has archived events sent once more, and looks how far that is.

use async_trait::async_trait;

use super::Error;
use crate::rollout::{Replay, ReplayBound, Timestamp};

/// What would be replayed, by which rule, as preflight finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveStanding {
    pub bound: ReplayBound,
    /// Whether the rule is enabled.
    pub is_enabled: bool,
    /// JSON; a rule may have none.
    pub pattern: Option<String>,
    /// The ARNs of all that the rule sends events to.
    pub targets: Vec<String>,
}

#[async_trait]
pub trait Replays: Send + Sync {
    /// Finds an archive and a rule by their names, the latter on a bus. `Absent` when one of them is not there.
    async fn find(&self, archive: &str, bus: &str, rule: &str) -> Result<ArchiveStanding, Error>;

    /// How far the replay of this name is.
    async fn replay(&self, name: &str) -> Result<Replay, Error>;
}

#[async_trait]
pub trait Replaying: Send + Sync {
    /// Starts a replay of what was archived between two moments. One of this name that is there already is that one.
    async fn start(
        &self,
        name: &str,
        bound: &ReplayBound,
        window: (Timestamp, Timestamp),
    ) -> Result<(), Error>;

    /// Ends a replay before its time; one that is over, or not there, is fine.
    async fn cancel(&self, name: &str) -> Result<(), Error>;
}
