//! The core is told the time; it never asks. A moment is milliseconds since the Unix epoch, whole and comparable, so
//! that a state can be hashed and a journal line can be read by any tool.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::plan::units::format_duration;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Saturates at the end of representable time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Saturates at the beginning of representable time.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The same moment by a clock that was set.
    #[must_use]
    pub fn moved(self, by: Jump) -> Self {
        Self(self.0.saturating_add(by.0))
    }

    /// How a clock that showed this moment was set when it shows `now` at once.
    pub fn jump_to(self, now: Self) -> Jump {
        Jump(now.0.saturating_sub(self.0))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// How far a clock was set, in milliseconds; below zero it was set back.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Jump(i64);

impl Jump {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub const fn is_back(self) -> bool {
        self.0 < 0
    }

    /// How far, whichever way.
    pub const fn size(self) -> Duration {
        Duration::from_millis(self.0.unsigned_abs())
    }
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.is_back() { "back" } else { "forward" };
        // Below a second there is nothing to tell, and the words know no fractions.
        let whole = Duration::from_secs(self.size().as_secs().max(1));
        write!(f, "{way} by {}", format_duration(whole))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.0}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}
