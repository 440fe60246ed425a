//! The quantities of a judgement, each a type with its range, so that an error level is never taken for a share, a
//! count of minutes for a point in time, or a tolerance of nothing for a careful one.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Why a judgement cannot be set up as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    #[error("an error level lies above 0 and at most at 0.2, not at {0}")]
    Alpha(f64),
    #[error("a share lies between 0 and 1, not at {0}")]
    Share(f64),
    #[error("a tolerance needs a ratio of at least 1 and an absolute part from 0 to 1")]
    Allowance,
    #[error(
        "a tolerance of nothing at all fails every canary once there is enough traffic: allow 1.1x or 0.05 pp"
    )]
    NoTolerance,
    #[error(
        "the margin of metric {0} must lie beyond its tolerance, or PASS and FAIL could both be true"
    )]
    MarginWithinTolerance(String),
    #[error("the weight of metric {0} must be a finite number above 0")]
    Weight(String),
    #[error("there is no metric to judge")]
    NoMetrics,
    #[error("metric {0} is named twice")]
    DuplicateMetric(String),
    #[error("a verdict needs at least {0} settled minutes")]
    TooLittleData(Minutes),
    #[error("the deadline must leave at least {0} after the warm-up")]
    DeadlineTooShort(Minutes),
}

/// A probability of being wrong, above 0 and at most 0.2: alpha (a good canary fails) or beta (a bad one passes).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Alpha(f64);

impl Alpha {
    pub const FIVE_PERCENT: Self = Self(0.05);
    /// The level of the sample-ratio check: at millions of requests a stricter one costs nothing.
    pub const PER_MILLE: Self = Self(0.001);

    pub fn new(level: f64) -> Result<Self, Problem> {
        if level > 0.0 && level <= 0.2 { Ok(Self(level)) } else { Err(Problem::Alpha(level)) }
    }

    pub const fn get(self) -> f64 {
        self.0
    }

    /// `ln(1/alpha)`: the evidence at which Ville's inequality lets one decide.
    pub fn ln_threshold(self) -> f64 {
        -self.0.ln()
    }

    /// What the `retry`-th retry of one artifact may spend: `alpha / 2^retry`, so that any number of retries together
    /// costs at most another alpha.
    #[must_use]
    pub fn for_retry(self, retry: u32) -> Self {
        Self(self.0 * 0.5_f64.powi(i32::try_from(retry.min(60)).unwrap_or(60)))
    }
}

/// A share of traffic or a rate of bad requests, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Share {
    /// An even split.
    pub const HALF: Self = Self(0.5);

    pub fn new(share: f64) -> Result<Self, Problem> {
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(Problem::Share(share)) }
    }

    pub const fn get(self) -> f64 {
        self.0
    }
}

/// How much worse than the baseline a canary may be: `ratio` times its rate plus `absolute` (0 to 1, not percent).
/// As a tolerance it bounds what FAIL forgives, as a margin what PASS must exclude.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Allowance {
    ratio: f64,
    absolute: f64,
}

impl Allowance {
    pub fn new(ratio: f64, absolute: f64) -> Result<Self, Problem> {
        if (1.0..=1e6).contains(&ratio) && (0.0..=1.0).contains(&absolute) {
            Ok(Self { ratio, absolute })
        } else {
            Err(Problem::Allowance)
        }
    }

    pub(super) const fn constant(ratio: f64, absolute: f64) -> Self {
        Self { ratio, absolute }
    }

    /// A multiple of the baseline's rate, at least 1.
    pub const fn ratio(self) -> f64 {
        self.ratio
    }

    /// What is allowed on top, as a share of requests.
    pub const fn absolute(self) -> f64 {
        self.absolute
    }

    pub(super) fn is_nothing(self) -> bool {
        self.ratio <= 1.0 && self.absolute <= 0.0
    }

    /// Whether this allows strictly more than `other` at every baseline rate above zero or at zero.
    pub(super) fn exceeds(self, other: Self) -> bool {
        self.ratio >= other.ratio
            && self.absolute >= other.absolute
            && (self.ratio > other.ratio || self.absolute > other.absolute)
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ratio > 1.0, self.absolute > 0.0) {
            (_, false) => write!(f, "{}x", tidy(self.ratio, 4)),
            (false, true) => write!(f, "{} pp", tidy(self.absolute * 100.0, 4)),
            (true, true) => {
                write!(f, "{}x + {} pp", tidy(self.ratio, 4), tidy(self.absolute * 100.0, 4))
            }
        }
    }
}

/// One minute of the clock: whole minutes since 1970-01-01T00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Minute(pub i64);

impl Minute {
    #[must_use]
    pub fn plus(self, minutes: Minutes) -> Self {
        Self(self.0.saturating_add(i64::from(minutes.0)))
    }

    #[must_use]
    pub fn minus(self, minutes: Minutes) -> Self {
        Self(self.0.saturating_sub(i64::from(minutes.0)))
    }

    /// How long after `earlier` this is; nothing when it is not after it.
    pub fn since(self, earlier: Self) -> Minutes {
        Minutes(u32::try_from(self.0.saturating_sub(earlier.0).max(0)).unwrap_or(u32::MAX))
    }
}

/// The time of day in UTC, `12:07`.
impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_day = self.0.rem_euclid(24 * 60);
        write!(f, "{:02}:{:02}", of_day / 60, of_day % 60)
    }
}

/// A length of time in whole minutes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Minutes(pub u32);

impl Minutes {
    /// Rounded up: a warm-up of 90 seconds spoils two minutes.
    pub fn covering(duration: Duration) -> Self {
        Self(u32::try_from(duration.as_secs().div_ceil(60)).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} min", self.0)
    }
}

macro_rules! through_f64 {
    ($($name:ident),*) => {$(
        impl TryFrom<f64> for $name {
            type Error = Problem;

            fn try_from(value: f64) -> Result<Self, Problem> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    )*};
}
through_f64!(Alpha, Share);

/// A count as a number to calculate with. Counts of requests stay below 2^53, where this is exact.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53; the only such cast in the judge")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}

/// How many of something there are, as a number to calculate with.
pub(super) fn size(length: usize) -> f64 {
    float(u64::try_from(length).unwrap_or(u64::MAX))
}

/// A number from 0 to 2^53 as a count, rounded to the nearest; what lies outside is clamped.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and sends what is not a number to 0: what is wanted here"
)]
pub(super) fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// Rounded to so many decimals: figures leave the judge without digits in which two machines' `ln` might differ.
pub(super) fn tidy(number: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (number * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_level_out_of_range_cannot_be_expressed() {
        for level in [0.0, -0.1, 0.21, 1.0, f64::NAN, f64::INFINITY] {
            assert!(Alpha::new(level).is_err(), "{level}");
        }
        assert!(serde_json::from_str::<Alpha>("0.5").is_err());
    }

    #[test]
    fn retries_together_cost_at_most_another_alpha() {
        let spent: f64 = (1..40).map(|k| Alpha::FIVE_PERCENT.for_retry(k).get()).sum();
        assert!(spent <= Alpha::FIVE_PERCENT.get());
    }

    #[test]
    fn a_duration_covers_every_minute_it_touches() {
        assert_eq!(Minutes::covering(Duration::from_secs(90)), Minutes(2));
        assert_eq!(Minutes::covering(Duration::from_mins(2)), Minutes(2));
        assert_eq!(Minutes::covering(Duration::ZERO), Minutes(0));
    }

    #[test]
    fn an_allowance_reads_as_a_plan_writes_it() {
        assert_eq!(Allowance::new(1.1, 0.0005).unwrap().to_string(), "1.1x + 0.05 pp");
        assert_eq!(Allowance::new(1.5, 0.0).unwrap().to_string(), "1.5x");
        assert_eq!(Allowance::new(1.0, 0.001).unwrap().to_string(), "0.1 pp");
    }
}
