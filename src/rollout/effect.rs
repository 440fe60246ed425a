//! What the core may ask of the outside world: calls that change it, and things to be read again and again.

use std::time::Duration;

use super::{Check, Picture, Target, Timestamp};

/// A call that changes the world. Its intent is in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub target: Target,
    pub before: Picture,
    pub after: Picture,
}

/// Something to be read, again and again until it is no longer outstanding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Poll {
    pub subject: Subject,
    pub every: Duration,
    /// A reading that began earlier does not count; one is due at once when the last began earlier.
    pub since: Timestamp,
    /// The reading answers for everything that happened from here on, what came and went between two polls included.
    pub covering: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    Target(Target),
    Check(Check),
}

/// All that should be under way at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outstanding {
    pub calls: Vec<Call>,
    pub polls: Vec<Poll>,
    /// When time alone will change something.
    pub wake: Option<Timestamp>,
}
