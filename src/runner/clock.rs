//! The one clock. Everybody else is told the time. In a simulation it is virtual: tokio's paused time, which jumps to
//! the next timer as soon as nothing else is left to do, so an hour of baking takes no time and ends the same way.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads clocks and sleeps"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::rollout::Timestamp;

#[derive(Clone, Copy, Debug)]
pub enum Clock {
    System,
    /// Starts at a fixed moment, whenever it is made.
    Virtual {
        start: tokio::time::Instant,
    },
}

/// 2026-01-01T00:00:00Z: a simulation tells the same times whenever it is run.
const VIRTUAL_EPOCH: i64 = 1_767_225_600_000;

impl Clock {
    /// Stops real time in this runtime, which has to be single-threaded.
    pub fn virtual_time() -> Self {
        tokio::time::pause();
        Self::Virtual { start: tokio::time::Instant::now() }
    }

    pub fn now(self) -> Timestamp {
        match self {
            Self::System => {
                let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::default().plus(elapsed)
            }
            Self::Virtual { start } => Timestamp::from_millis(VIRTUAL_EPOCH).plus(start.elapsed()),
        }
    }

    pub async fn sleep_until(self, moment: Timestamp) {
        tokio::time::sleep(moment.since(self.now())).await;
    }

    pub async fn sleep(self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
