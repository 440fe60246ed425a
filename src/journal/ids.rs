//! What names a run and a place in its journal, and which format and program write them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{plan::PlanName, rollout::Timestamp};

/// The version of everything inside an envelope, events included. A change to either raises it.
pub const FORMAT: u32 = 2;

/// Who writes envelopes: this program with its version.
pub const WRITER: &str = concat!("tidegate ", env!("CARGO_PKG_VERSION"));

/// The place of an event in its run's journal. The first is 1; there are no gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(u64);

impl Seq {
    pub const FIRST: Self = Self(1);

    /// `None` for 0.
    pub fn new(place: u64) -> Option<Self> {
        (place > 0).then_some(Self(place))
    }

    pub const fn get(self) -> u64 {
        self.0
    }

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// `None` for the first.
    pub fn previous(self) -> Option<Self> {
        Self::new(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a run: `<plan>-<yyyymmdd>-<hhmmss>-<4 hex>`, the time being UTC. It is also the name of the run's folder, so
/// it has nothing in it but ASCII letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text that cannot be a run's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of a run, which looks like `checkout-20260131-154502-9f3c`")]
pub struct NotARunId(String);

impl RunId {
    /// The id of a run of `plan` that starts at `at`. `random` tells runs of the same second apart.
    pub fn new(plan: &PlanName, at: Timestamp, random: u16) -> Self {
        let plan: String =
            plan.as_str().chars().map(|c| if may_stand_in_a_run_id(c) { c } else { '-' }).collect();
        let moment = jiff::Timestamp::from_millisecond(at.as_millis())
            .map_or_else(|_| at.to_string(), |t| t.strftime("%Y%m%d-%H%M%S").to_string());
        Self(format!("{plan}-{moment}-{random:04x}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that says when it began, `20260131-154502-9f3c`: ids sorted by it are oldest first, whatever their plans.
    pub fn moment(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(20)..).unwrap_or(&self.0)
    }
}

fn may_stand_in_a_run_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

impl FromStr for RunId {
    type Err = NotARunId;

    /// Accepts whatever is safe as the name of a folder; the shape is not checked further.
    fn from_str(text: &str) -> Result<Self, NotARunId> {
        if !text.is_empty() && text.len() <= 200 && text.chars().all(may_stand_in_a_run_id) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotARunId(text.to_owned()))
        }
    }
}

impl TryFrom<String> for RunId {
    type Error = NotARunId;

    fn try_from(text: String) -> Result<Self, NotARunId> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
