//! What a run must never do to users, as seen from outside (architecture, section 4, invariants 7 and 8). The world
//! only notes it; a test decides.

use std::fmt;

use crate::{plan::Member, rollout::Timestamp};

/// Something a run did that it must never do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The candidate was given more traffic while none of its targets was healthy.
    RaisedWithoutHealthyTargets { at: Timestamp, resource: String, candidate: Member },
    /// The candidate was given more traffic though an alarm of the step's own gates had long been off.
    RaisedAgainstAlarm { at: Timestamp, resource: String, alarm: String, since: Timestamp },
    /// A group was made smaller while traffic went to it, or was still about to.
    ShrunkWhileServing { at: Timestamp, group: Member, from: u32, to: u32 },
    /// Requests were lost: `group` had a weight and no target; without a group, no group had a weight.
    RequestsLost { at: Timestamp, resource: String, group: Option<Member> },
    /// A version of a function was deleted that is a side of a route.
    SideDeleted { at: Timestamp, version: Member },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RaisedWithoutHealthyTargets { at, resource, candidate } => {
                write!(f, "{at}: {candidate} got more traffic on {resource} with nothing healthy")
            }
            Self::RaisedAgainstAlarm { at, resource, alarm, since } => {
                write!(f, "{at}: more traffic on {resource} while {alarm} was off since {since}")
            }
            Self::ShrunkWhileServing { at, group, from, to } => {
                write!(f, "{at}: {group} went from {from} to {to} instances while it served")
            }
            Self::RequestsLost { at, resource, group: Some(group) } => {
                write!(f, "{at}: {resource} sent requests to {group}, which had no targets")
            }
            Self::SideDeleted { at, version } => {
                write!(f, "{at}: version {version} was deleted, which is a side of a route")
            }
            Self::RequestsLost { at, resource, group: None } => {
                write!(f, "{at}: {resource} had no group with a weight to send requests to")
            }
        }
    }
}
