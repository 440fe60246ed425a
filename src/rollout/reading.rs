//! What can be asked of the world, and what it answers: a check is a question, a reading its answer with the evidence
//! that led to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{Carried, Target, Timestamp};
use crate::plan::{GateName, RouteName, Side, units::Percent};

/// A question that the runner puts to the world again and again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// A gate of the plan.
    Gate(GateName),
    /// Enough healthy targets stand behind this side of the route.
    Healthy { route: RouteName, side: Side, at_least: Percent },
    /// Enough healthy targets stand in the group that accompanies the candidate.
    BaselineHealthy { route: RouteName, at_least: Percent },
    /// Somebody healthy stands behind the candidate that this route sends users to.
    Served { route: RouteName },
    /// The route sends this side nothing.
    Drained { route: RouteName, side: Side },
    /// The candidate was sent so many requests since a moment.
    Requests { route: RouteName, since: Timestamp, at_least: u32 },
    /// The target still looks the way this run left it.
    Stands(Target),
}

impl Check {
    /// The side of a route that it waits for to be sent nothing.
    pub(super) fn drained(&self) -> Option<(&RouteName, Side)> {
        match self {
            Self::Drained { route, side } => Some((route, *side)),
            Self::Gate(_)
            | Self::Healthy { .. }
            | Self::BaselineHealthy { .. }
            | Self::Served { .. }
            | Self::Requests { .. }
            | Self::Stands(_) => None,
        }
    }

    /// The gate that it reads.
    pub(super) fn gate(&self) -> Option<&GateName> {
        match self {
            Self::Gate(gate) => Some(gate),
            Self::Healthy { .. }
            | Self::BaselineHealthy { .. }
            | Self::Served { .. }
            | Self::Drained { .. }
            | Self::Requests { .. }
            | Self::Stands(_) => None,
        }
    }

    /// Whether it asks how the targets of a group are: there is nothing to wait for where the group is gone.
    pub fn asks_after_targets(&self) -> bool {
        match self {
            Self::Healthy { .. } | Self::BaselineHealthy { .. } | Self::Served { .. } => true,
            Self::Gate(_) | Self::Drained { .. } | Self::Requests { .. } | Self::Stands(_) => false,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate(gate) => write!(f, "gate {gate}"),
            Self::Healthy { route, side, at_least } => {
                write!(f, "{at_least} of {side} targets on {route} healthy")
            }
            Self::BaselineHealthy { route, at_least } => {
                write!(f, "{at_least} of baseline targets on {route} healthy")
            }
            Self::Served { route } => write!(f, "somebody healthy behind the candidate of {route}"),
            Self::Drained { route, side } => write!(f, "{side} drained on {route}"),
            Self::Requests { route, at_least, .. } => {
                write!(f, "{at_least} requests to the candidate on {route}")
            }
            Self::Stands(target) => write!(f, "{target} as set"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Pass,
    Fail,
    /// Not enough seen yet.
    Wait,
    /// Could not be measured.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Wait => "wait",
            Self::Unknown => "unknown",
        })
    }
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reading {
    pub outcome: Outcome,
    /// When the measurement began; what happened later it cannot have seen.
    pub at: Timestamp,
    /// One sentence for people: `checkout-5xx is in ALARM since 12:03:10Z`.
    pub because: String,
    /// The figures behind it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<String, String>,
    /// Alarms that were excused until they are `OK`, and when they first were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recovered: BTreeMap<String, Timestamp>,
    /// What an undecided comparison leaves to a later run with the same artifact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<Carried>,
    /// What was asked about and is not there any more: asking again will not bring it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<String>,
    /// Why waiting longer brings nothing, though all that was asked about is there: AWS has given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<String>,
}

/// Why what an alarm says does not count, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Excuse {
    /// It was in `ALARM` at this moment and has not been `OK` since.
    UntilOk(Timestamp),
    /// It was, but has been `OK` at this moment: what it said before does not count.
    Recovered(Timestamp),
    /// It does not count in this run.
    ForGood,
}

impl Reading {
    /// Evidence that is for whoever looks into a reading afterwards, and not for a line on a terminal: whose figures
    /// they are, and AWS's ids of the requests that brought them.
    pub const SOURCE: &str = "source";
    pub const REQUESTS: &str = "request ids";
    /// Begins the names of the evidence that is a line of a plot.
    pub const PLOT: &str = "plot of ";

    pub fn new(outcome: Outcome, at: Timestamp, because: impl Into<String>) -> Self {
        Self {
            outcome,
            at,
            because: because.into(),
            evidence: BTreeMap::new(),
            recovered: BTreeMap::new(),
            carried: Vec::new(),
            gone: None,
            given_up: None,
        }
    }

    /// With AWS's ids of the requests behind it, where there are any.
    #[must_use]
    pub fn brought_by(self, requests: &BTreeSet<&str>) -> Self {
        if requests.is_empty() {
            return self;
        }
        let ids: Vec<&str> = requests.iter().copied().collect();
        self.with(Self::REQUESTS, ids.join(", "))
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.evidence.insert(name.to_owned(), value.to_string());
        self
    }
}
