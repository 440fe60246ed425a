//! Replays: which past events a bus's archive is to send once more, to whom, and how a plan names a moment that is over.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde_json::json;

use super::{
    form::{Definitions, Form},
    names::RouteName,
    problem::Problem,
    tree::Node,
    units::{format_duration, parse_duration},
    yaml,
};

/// What a step replays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Whose candidate is sent the events.
    pub route: RouteName,
    /// The name of the archive that has kept them.
    pub archive: String,
    /// The rule that leads replayed events to the candidate, and nothing else.
    pub rule: String,
    pub from: PastMoment,
    pub to: PastMoment,
}

/// A moment that is over when a step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastMoment {
    /// So long before the step begins.
    Ago(Duration),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    At(i64),
}

impl PastMoment {
    /// When a step begins.
    pub const NOW: Self = Self::Ago(Duration::ZERO);

    /// In milliseconds since 1970, of a step that has begun then.
    pub fn millis(self, begun: i64) -> i64 {
        match self {
            Self::Ago(ago) => {
                begun.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))
            }
            Self::At(millis) => millis,
        }
    }

    /// Whether it is known, whenever a step begins, that `other` is later.
    pub(super) fn is_before(self, other: Self) -> Option<bool> {
        match (self, other) {
            (Self::Ago(one), Self::Ago(other)) => Some(one > other),
            (Self::At(one), Self::At(other)) => Some(one < other),
            (Self::Ago(_), Self::At(_)) | (Self::At(_), Self::Ago(_)) => None,
        }
    }
}

impl fmt::Display for PastMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(Duration::ZERO) => f.write_str("now"),
            Self::Ago(ago) => write!(f, "{} ago", format_duration(*ago)),
            Self::At(millis) => match Timestamp::from_millisecond(*millis) {
                Ok(at) => write!(f, "{at}"),
                Err(_) => write!(f, "{millis} ms"),
            },
        }
    }
}

impl Form for PastMoment {
    const WHAT: &'static str = "a moment that is over, such as `30m ago` or `2026-03-01T09:00:00Z`";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = node.scalar(Self::WHAT, problems)?;
        let ago = text.strip_suffix(" ago").and_then(|ago| parse_duration(ago).ok());
        let ago = ago.or((text == "now").then_some(Duration::ZERO));
        let at = || text.parse::<Timestamp>().ok().map(|at| Self::At(at.as_millisecond()));
        let read = ago.map(Self::Ago).or_else(at);
        if read.is_none() {
            problems.push(
                Problem::error("plan::moment", format!("`{text}` is no moment that is over"))
                    .at(node.span, "not a moment")
                    .help(
                        "write `30m ago`, or a time with its zone such as `2026-03-01T09:00:00Z`",
                    ),
            );
        }
        read
    }

    fn write(&self) -> String {
        yaml::text(&self.to_string())
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let text = String::schema(definitions);
        json!({ "allOf": [text], "examples": ["30m ago", "2026-03-01T09:00:00Z"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_by_how_long_ago_it_is_or_by_the_clock() {
        let ago = PastMoment::Ago(Duration::from_mins(30));
        assert_eq!(ago.to_string(), "30m ago");
        assert_eq!(PastMoment::NOW.to_string(), "now");
        assert_eq!(ago.millis(3_600_000), 1_800_000);
        let at = PastMoment::At(0);
        assert_eq!(at.to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(at.millis(3_600_000), 0);
        assert_eq!(ago.is_before(PastMoment::NOW), Some(true));
        assert_eq!(at.is_before(PastMoment::At(0)), Some(false));
        assert_eq!(at.is_before(ago), None, "nobody knows yet");
    }
}
