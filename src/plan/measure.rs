//! What the gates that measure ask for: a figure of a side held against a limit, or two sides held against each other.
//! Numbers are whole multiples of a small unit, so that plans can be compared and digested.

use std::{fmt, time::Duration};

use super::{
    names::{RouteName, Side},
    units::{Percent, format_duration},
};

/// How the values within a period become one. Displayed as CloudWatch writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statistic {
    Sum,
    Average,
    Minimum,
    Maximum,
    SampleCount,
    /// In tenths: 999 is `p99.9`. From 1 to 1000.
    Percentile(u16),
    /// How many values are above so many thousandths: a trimmed count, whose lower bound is exclusive.
    CountAbove(u32),
    /// How many values are at most so many thousandths.
    CountUpTo(u32),
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum => f.write_str("Sum"),
            Self::Average => f.write_str("Average"),
            Self::Minimum => f.write_str("Minimum"),
            Self::Maximum => f.write_str("Maximum"),
            Self::SampleCount => f.write_str("SampleCount"),
            Self::Percentile(tenths) if tenths % 10 == 0 => write!(f, "p{}", tenths / 10),
            Self::Percentile(tenths) => write!(f, "p{}.{}", tenths / 10, tenths % 10),
            Self::CountAbove(bound) => write!(f, "TC({}:)", decimal(u64::from(*bound), 3)),
            Self::CountUpTo(bound) => write!(f, "TC(:{})", decimal(u64::from(*bound), 3)),
        }
    }
}

/// A figure of one side of a route, held against a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricGate {
    pub route: RouteName,
    pub side: Side,
    pub measure: Measure,
    pub bound: Bound,
    pub limit: Limit,
    pub periods: Periods,
    /// Whole minutes.
    pub period: Duration,
    /// Requests within the judged periods below which nothing is said.
    pub min_samples: u32,
}

/// What is measured; metrics are named as the load balancer publishes them for a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    One {
        name: String,
        statistic: Statistic,
    },
    /// The sum of one count in relation to another's.
    Ratio {
        of: String,
        to: String,
    },
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One { name, statistic } => write!(f, "{name} ({statistic})"),
            Self::Ratio { of, to } => write!(f, "{of} / {to}"),
        }
    }
}

/// On which side of its limit a figure has to stay; the limit itself is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Below,
    Above,
}

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Share(Percent),
    Time(Duration),
    /// In thousandths.
    Number(u64),
}

impl Limit {
    /// In CloudWatch's units: times in seconds, shares from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "limits stay far below 2^53 thousandths")]
    pub fn get(self) -> f64 {
        match self {
            Self::Share(percent) => f64::from(percent.basis_points()) / 10_000.0,
            Self::Time(duration) => duration.as_secs_f64(),
            Self::Number(thousandths) => thousandths as f64 / 1_000.0,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(percent) => write!(f, "{percent}"),
            Self::Time(duration) => f.write_str(&format_duration(*duration)),
            Self::Number(thousandths) => f.write_str(&decimal(*thousandths, 3)),
        }
    }
}

/// So many of the latest periods have to be beyond the limit for the gate to fail. `breaching` is from 1 to `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    pub breaching: u32,
    pub of: u32,
}

impl fmt::Display for Periods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.breaching, self.of)
    }
}

/// The candidate of a route held against its baseline, by the share of requests answered with a server error, and by
/// the share answered slowly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompareGate {
    pub route: RouteName,
    pub baseline: Baseline,
    pub errors: Comparison,
    pub latency: Option<LatencyAbove>,
    /// How often a harmless candidate may fail, over all looks; at most 20 %.
    pub alpha: Percent,
    /// How old a minute has to be before it counts.
    pub settle: Duration,
    /// From the first traffic on, shown and not judged.
    pub warmup: Duration,
    pub min_canary_requests: u32,
    /// After the latest change of weights, when an undecided gate becomes `unknown`.
    pub deadline: Duration,
    /// What tells the candidate's version. Runs of the same plan with the same one are attempts with one artifact.
    pub artifact: Option<String>,
}

/// What a candidate is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Baseline {
    /// What serves today: the most requests, of instances that have been warm for long.
    #[default]
    Stable,
    /// The route's baseline group: as few requests and as fresh as the candidate's.
    Paired,
}

/// How two shares of requests are held against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// How much worse is tolerated: beyond it the gate fails.
    pub tolerance: Allowance,
    /// How much worse has to be excluded before it passes; more than the tolerance.
    pub margin: Allowance,
    /// In relation to the gate's other comparisons, 1 to 1000: `alpha` is divided in these proportions.
    pub weight: u32,
}

impl Comparison {
    /// 1.1x + 0.05pp tolerated, 1.5x + 0.1pp excluded.
    pub const USUAL: Self = Self {
        tolerance: Allowance { ratio: 1_100, absolute: 500 },
        margin: Allowance { ratio: 1_500, absolute: 1_000 },
        weight: 1,
    };
}

/// Requests whose answer took longer than the threshold, compared as counts: percentiles of a small side and a large
/// one differ even where the sides do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyAbove {
    /// From a millisecond to an hour, in whole milliseconds.
    pub threshold: Duration,
    pub compared: Comparison,
}

/// How fast the errors of one side may use up what a service level objective leaves for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorBudgetGate {
    pub route: RouteName,
    pub side: Side,
    /// What is counted as an error.
    pub of: String,
    /// Out of what.
    pub to: String,
    /// The share that has to go well; below 100 %.
    pub objective: Percent,
    /// At least one.
    pub burns: Vec<Burn>,
    /// Requests within the longest window below which nothing is said.
    pub min_samples: u32,
}

/// `14.4x in 1h and 5m`: so many times faster than allowed, within both windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burn {
    /// In thousandths; above zero.
    pub rate: u32,
    /// Both in whole minutes, `short` below `long`.
    pub long: Duration,
    pub short: Duration,
}

impl Burn {
    pub fn rate(&self) -> f64 {
        f64::from(self.rate) / 1_000.0
    }
}

impl fmt::Display for Burn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = decimal(u64::from(self.rate), 3);
        let (long, short) = (format_duration(self.long), format_duration(self.short));
        write!(f, "{rate}x in {long} and {short}")
    }
}

/// `1.1x + 0.05pp`: a multiple of the stable side's rate, and percentage points on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// In thousandths, at least 1000.
    pub ratio: u32,
    /// A share of requests in millionths: 500 is 0.05 percentage points.
    pub absolute: u32,
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = decimal(u64::from(self.ratio), 3);
        write!(f, "{ratio}x + {}pp", decimal(u64::from(self.absolute), 4))
    }
}

/// A whole number of units of 10^-`places`, without needless zeros.
fn decimal(units: u64, places: u32) -> String {
    let scale = 10_u64.pow(places);
    let width = usize::try_from(places).unwrap_or(0);
    let text = format!("{}.{:0width$}", units / scale, units % scale);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_asked_for_in_seconds_as_cloudwatch_writes_them() {
        assert_eq!(Statistic::CountAbove(500).to_string(), "TC(0.5:)");
        assert_eq!(Statistic::CountUpTo(1_250).to_string(), "TC(:1.25)");
        assert_eq!(Statistic::CountUpTo(2_000).to_string(), "TC(:2)");
    }
}
