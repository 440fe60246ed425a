//! A replay that a run starts: the events of a time that is over are sent once more, to the candidate. It bears the name of
//! its run, so that whoever takes over finds it and starts no second one. It goes on by itself, and ends by itself.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Timestamp;
use crate::plan::{self, RouteName};

/// How far a replay is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replay {
    /// There is none by the run's name.
    Absent,
    /// What is wanted: what was archived between two moments, by AWS's clock, has been sent.
    Sent {
        from: Timestamp,
        to: Timestamp,
    },
    /// AWS is at it, in AWS's word.
    UnderWay {
        state: String,
    },
    Completed,
    /// Somebody has ended it before its time.
    Cancelled,
    /// In AWS's words.
    Failed {
        reason: String,
    },
}

/// What a replay of a route's events stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReplayBound {
    /// The ARN of the archive.
    pub archive: String,
    /// The ARN of its bus, to which AWS replays.
    pub bus: String,
    /// The ARN of the rule that is sent the events, and no other.
    pub rule: String,
}

impl Replay {
    /// What a step asks for that has begun at this moment.
    pub(super) fn wanted(asked: &plan::Replay, begun: Timestamp) -> Self {
        let at =
            |moment: plan::PastMoment| Timestamp::from_millis(moment.millis(begun.as_millis()));
        Self::Sent { from: at(asked.from), to: at(asked.to) }
    }

    /// The same as far as a run owns it: what it has started moves by itself.
    pub(super) fn stands_in(&self, live: &Self) -> bool {
        match self {
            Self::Absent | Self::Sent { .. } | Self::UnderWay { .. } => true,
            Self::Completed | Self::Cancelled | Self::Failed { .. } => self == live,
        }
    }

    /// Whether nothing of it is sent any more. What was sent cannot be called back.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Absent | Self::Completed | Self::Cancelled | Self::Failed { .. } => true,
            Self::Sent { .. } | Self::UnderWay { .. } => false,
        }
    }
}

/// The most characters of a replay's name.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_StartReplay.html>
const NAME: usize = 64;

/// What a run's replay of a route is called: the same whoever asks. `mark` is what the run writes on what it makes.
pub fn replay_name(mark: &str, route: &RouteName) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = format!("{mark}-{route}").chars().map(plain).collect();
    if name.len() <= NAME {
        return name;
    }
    let digest = Sha256::digest(name.as_bytes());
    let mut short = "tidegate-".to_owned();
    for byte in digest.iter().take(20) {
        // Writing to a string cannot fail.
        let _ = write!(short, "{byte:02x}");
    }
    short
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("no replay"),
            Self::Sent { from, to } => write!(f, "events from {from} to {to} sent again"),
            Self::UnderWay { state } => write!(f, "a replay under way ({state})"),
            Self::Completed => f.write_str("a replay that is complete"),
            Self::Cancelled => f.write_str("a replay that was cancelled"),
            Self::Failed { reason } => write!(f, "a replay that has failed ({reason})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_is_called_after_its_run_and_route_however_long_they_are() {
        let name = |run: &str| replay_name(&format!("tidegate {run}"), &RouteName::new("events"));
        assert_eq!(name("orders-1"), "tidegate-orders-1-events");
        let long = name(&"x".repeat(80));
        assert!(long.len() <= NAME && long != name(&"x".repeat(81)), "{long}");
    }

    #[test]
    fn what_was_sent_is_over_and_cannot_be_called_back() {
        let failed = Replay::Failed { reason: "no".into() };
        assert!(
            [Replay::Absent, Replay::Completed, Replay::Cancelled, failed]
                .iter()
                .all(Replay::is_over)
        );
        assert!(!Replay::UnderWay { state: "RUNNING".into() }.is_over());
    }
}
