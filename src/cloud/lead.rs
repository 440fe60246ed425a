//! One way by which users come to a group, beside the places that a plan names.

use serde::Serialize;

use crate::plan::{Header, units::Weight};

/// One way by which users come to a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lead {
    /// ARN of a rule; for a default action, of its listener; zone, name and type of records; the name of anything else.
    pub place: String,
    /// Never 0, which leads nowhere. The largest where there is no weight to read.
    pub weight: Weight,
    /// For people: `rule 10 (path /api/*) of port 443 of shop`.
    #[serde(rename = "is")]
    pub words: String,
}

/// A test route of a run itself: the place it stands ahead of, and the header it is known by.
pub type OwnTest<'a> = (&'a str, &'a Header);
