//! What is judged: bad requests out of all requests, per arm and minute. Rows may come in any order and in any number
//! of pieces; only their sums per minute count, which is what makes a verdict independent of how they were fetched.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::quantity::{Minute, Share, float};

/// Who answered a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// What serves today: the stable side, or a fresh group of the same software and the canary's size.
    Baseline,
    Canary,
}

/// Requests, and how many of them were bad; never more bad ones than requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "RawCounts")]
pub struct Counts {
    total: u64,
    bad: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCounts {
    total: u64,
    bad: u64,
}

impl From<RawCounts> for Counts {
    fn from(raw: RawCounts) -> Self {
        Self::new(raw.total, raw.bad)
    }
}

impl Counts {
    /// Something bad is at least one request: connection errors may be counted where the request itself was not, and
    /// dropping them would hide a canary that is down.
    pub fn new(total: u64, bad: u64) -> Self {
        Self { total: total.max(bad), bad }
    }

    pub const fn total(self) -> u64 {
        self.total
    }

    pub const fn bad(self) -> u64 {
        self.bad
    }

    /// Bad ones per request; `None` without requests.
    pub fn rate(self) -> Option<f64> {
        (self.total > 0).then(|| float(self.bad) / float(self.total))
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            total: self.total.saturating_add(other.total),
            bad: self.bad.saturating_add(other.bad),
        }
    }
}

/// Both arms over the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pair {
    pub canary: Counts,
    pub baseline: Counts,
}

impl Pair {
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            canary: self.canary.plus(other.canary),
            baseline: self.baseline.plus(other.baseline),
        }
    }

    /// The canary's share of the requests as observed; `None` without requests.
    pub fn share(self) -> Option<f64> {
        let all = self.canary.total.saturating_add(self.baseline.total);
        (all > 0).then(|| float(self.canary.total) / float(all))
    }

    /// Bad requests of both arms.
    pub(super) fn bad(self) -> f64 {
        float(self.canary.bad) + float(self.baseline.bad)
    }

    #[must_use]
    pub fn swapped(self) -> Self {
        Self { canary: self.baseline, baseline: self.canary }
    }
}

/// One observation. A minute in which an arm served nothing has no row for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub minute: Minute,
    pub arm: Arm,
    pub counts: Counts,
}

/// The observations of one metric, in any order; several rows of one minute and arm add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// The name the configuration knows the metric by.
    pub metric: Arc<str>,
    pub rows: Vec<Row>,
}

/// From which minute on the canary is meant to get which share of both arms' requests. For a paired baseline of the
/// canary's size that is a half, whatever the route's weight says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub at: Minute,
    pub share: Share,
}

/// Since when the canary has had traffic, and in which steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exposure {
    first: Step,
    later: Vec<Step>,
}

impl Exposure {
    pub fn new(first: Step) -> Self {
        Self { first, later: Vec::new() }
    }

    /// With another step; one that is not after the last is taken to replace it.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.later.retain(|earlier| earlier.at < step.at);
        if step.at > self.first.at {
            self.later.push(step);
        } else {
            self.first = Step { at: self.first.at, ..step };
        }
        self
    }

    pub fn began(&self) -> Minute {
        self.first.at
    }

    /// When the share was last changed.
    pub fn latest(&self) -> Minute {
        self.later.last().map_or(self.first.at, |step| step.at)
    }

    /// The steps after the first, oldest first.
    pub(super) fn later(&self) -> &[Step] {
        &self.later
    }

    /// Whether both say the same of the minutes before `end`.
    pub(super) fn agrees_with(&self, other: &Self, end: Minute) -> bool {
        let before = |of: &Self| of.later.iter().take_while(|step| step.at < end).count();
        let steps = before(self);
        self.first == other.first
            && steps == before(other)
            && self.later.iter().zip(&other.later).take(steps).all(|(a, b)| a == b)
    }

    /// The configured share in a minute.
    pub(super) fn share_at(&self, minute: Minute) -> Share {
        self.later
            .iter()
            .rev()
            .find(|step| step.at <= minute)
            .map_or(self.first.share, |step| step.share)
    }
}

/// The sums per minute, oldest first.
pub(super) type Table = Vec<(Minute, Pair)>;

/// The rows' table over the minutes in `within`.
pub(super) fn per_minute<'a>(
    rows: impl IntoIterator<Item = &'a Row>,
    within: std::ops::Range<Minute>,
) -> Table {
    let mut table: BTreeMap<Minute, Pair> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| within.contains(&row.minute)) {
        let pair = table.entry(row.minute).or_default();
        let arm = match row.arm {
            Arm::Baseline => &mut pair.baseline,
            Arm::Canary => &mut pair.canary,
        };
        *arm = arm.plus(row.counts);
    }
    table.into_iter().collect()
}

pub(super) fn sum(pairs: impl IntoIterator<Item = Pair>) -> Pair {
    pairs.into_iter().fold(Pair::default(), Pair::plus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_bad_is_at_least_one_request() {
        assert_eq!(Counts::new(3, 5).total(), 5);
        assert_eq!(serde_json::from_str::<Counts>(r#"{"total":0,"bad":7}"#).unwrap().total(), 7);
    }

    #[test]
    fn rows_outside_the_range_are_left_out_and_pieces_add_up() {
        let row = |minute, bad| Row {
            minute: Minute(minute),
            arm: Arm::Canary,
            counts: Counts::new(10, bad),
        };
        let table = per_minute(&[row(3, 1), row(5, 9), row(3, 2), row(1, 9)], Minute(2)..Minute(5));
        assert_eq!(table.len(), 1);
        assert_eq!(table[0].1.canary, Counts::new(20, 3));
    }
}
