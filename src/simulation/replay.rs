//! A simulated replay, which takes half a minute and sends nobody anything that would be counted. Where a scenario says
//! why, it fails halfway.

use std::time::Duration;

use crate::rollout::{Replay, Timestamp};

/// From its start to its end.
const LASTS: Duration = Duration::from_secs(30);

/// One replay.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimulatedReplay {
    started: Timestamp,
    is_cancelled: bool,
}

impl SimulatedReplay {
    pub(super) const fn started(at: Timestamp) -> Self {
        Self { started: at, is_cancelled: false }
    }

    /// Ends it, unless it is over.
    pub(super) fn cancel(&mut self, now: Timestamp) {
        self.is_cancelled |= now.since(self.started) < LASTS;
    }

    /// As AWS would tell of it, where replays fail for this reason.
    pub(super) fn standing(self, fails: Option<&String>, now: Timestamp) -> Replay {
        let lasted = now.since(self.started);
        if self.is_cancelled {
            Replay::Cancelled
        } else if let Some(reason) = fails.filter(|_| lasted >= LASTS / 2) {
            Replay::Failed { reason: reason.clone() }
        } else if lasted >= LASTS {
            Replay::Completed
        } else {
            Replay::UnderWay { state: "RUNNING".to_owned() }
        }
    }
}
