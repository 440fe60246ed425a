//! The quantities of a plan. Each is a type of its own with its range, so that a weight is never taken for a
//! percentage, nor a bare number for seconds.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A share of traffic or of targets in basis points: 0 to 10,000 stands for 0 % to 100 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u16);

/// Why a text is not a percentage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PercentError {
    /// A bare number: `5` where `5%` belongs.
    #[error("a percentage needs its unit")]
    NoUnit,
    /// Not a number, or more than two decimals.
    #[error("not a percentage")]
    Malformed,
    /// Above 100 %.
    #[error("a percentage lies between 0% and 100%")]
    OutOfRange,
}

impl Percent {
    pub const ZERO: Self = Self(0);
    pub const FIVE: Self = Self(500);
    pub const HUNDRED: Self = Self(10_000);

    /// `None` above 10,000.
    pub const fn from_basis_points(points: u16) -> Option<Self> {
        if points <= 10_000 { Some(Self(points)) } else { None }
    }

    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// How many of `total` this share is, rounded up: 50 % of 3 targets are 2.
    pub fn of_rounded_up(self, total: u32) -> u32 {
        let product = u64::from(total) * u64::from(self.0);
        u32::try_from(product.div_ceil(10_000)).unwrap_or(u32::MAX)
    }
}

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(number) = text.strip_suffix('%') else {
            return Err(if text.parse::<f64>().is_ok() {
                PercentError::NoUnit
            } else {
                PercentError::Malformed
            });
        };
        let (whole, fraction) =
            number.trim_end().split_once('.').unwrap_or((number.trim_end(), ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 2 {
            return Err(PercentError::Malformed);
        }
        let whole: u16 = whole.parse().map_err(|_| PercentError::OutOfRange)?;
        let fraction: u16 =
            format!("{fraction:0<2}").parse().map_err(|_| PercentError::Malformed)?;
        whole
            .checked_mul(100)
            .and_then(|points| points.checked_add(fraction))
            .and_then(Self::from_basis_points)
            .ok_or(PercentError::OutOfRange)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 100, self.0 % 100);
        let text = match fraction {
            0 => format!("{whole}%"),
            n if n % 10 == 0 => format!("{whole}.{}%", n / 10),
            n => format!("{whole}.{n:02}%"),
        };
        f.pad(&text)
    }
}

impl fmt::Debug for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The weight of a target group in a forward action: 0 to 999.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupTuple.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Weight(u16);

impl Weight {
    pub const ZERO: Self = Self(0);
    pub const MAX: Self = Self(999);

    /// `None` above 999.
    pub fn new(weight: u16) -> Option<Self> {
        (weight <= Self::MAX.0).then_some(Self(weight))
    }

    pub const fn get(self) -> u16 {
        self.0
    }

    /// Weights for the stable and the candidate side that come nearest to giving the candidate `share`.
    ///
    /// On a load balancer the two add up to 1,000 and so read as permille; at the ends one of them is 0 and the other
    /// 999, because a single weight cannot be 1,000 and `{0, 0}` is unspecified. Of DNS weights the smallest are taken
    /// that do, 19 and 1 for 5 %, and at the ends 255. Hundredths add up to 100, and of a concurrency each side has its part.
    /// What cannot be had of the last two is refused by `check`, and rounded here.
    pub fn split(share: Percent, scale: Scale) -> (Self, Self) {
        match scale {
            Scale::LoadBalancer => match (share.basis_points() + 5) / 10 {
                0 => (Self::MAX, Self::ZERO),
                1000.. => (Self::ZERO, Self::MAX),
                candidate => (Self(1000 - candidate), Self(candidate)),
            },
            Scale::Dns if share == Percent::ZERO => (scale.largest(), Self::ZERO),
            Scale::Dns if share == Percent::HUNDRED => (Self::ZERO, scale.largest()),
            Scale::Dns => dns_split(share),
            Scale::Hundredths => {
                let candidate = (share.basis_points() + 50) / 100;
                (Self(scale.largest().0 - candidate), Self(candidate))
            }
            Scale::Whole if share.basis_points() < 5_000 => (scale.largest(), Self::ZERO),
            Scale::Whole => (Self::ZERO, scale.largest()),
            Scale::Concurrency(most) => {
                let exact = u32::from(most.0) * u32::from(share.basis_points());
                let candidate = u16::try_from((exact + 5_000) / 10_000).unwrap_or(most.0);
                (Self(most.0.saturating_sub(candidate)), Self(candidate))
            }
        }
    }
}

/// The weights of a load balancer whose candidate is accompanied by a fresh baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paired {
    pub stable: Weight,
    pub baseline: Weight,
    pub candidate: Weight,
}

impl Paired {
    /// Gives the candidate what [`Weight::split`] does, and the baseline as much of the rest while that leaves the stable
    /// side no less: 5, 5 and 90 % at 5 %, and equal parts of the rest from a third on. With no candidate there is
    /// nothing to compare, with nothing but the candidate nobody is left to compare it with.
    pub fn split(share: Percent) -> Self {
        let (rest, candidate) = Weight::split(share, Scale::LoadBalancer);
        let baseline = Weight(candidate.0.min(rest.0 / 2));
        Self { stable: Weight(rest.0 - baseline.0), baseline, candidate }
    }
}

/// How finely a kind of route can split traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Weights up to 999.
    LoadBalancer,
    /// Weights up to 255.
    /// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-weighted.html>
    Dns,
    /// Hundredths of all requests, which add up to 100. AWS takes fractions; nobody wants finer ones of what is decided
    /// by chance, request by request.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>
    Hundredths,
    /// All or nothing: who reads has 100, and two never read at once.
    Whole,
    /// So many batches at once, which two readers of one queue share. Either has none or at least [`Scale::FEWEST`].
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>
    Concurrency(Weight),
}

impl Scale {
    /// The least that a reader of a queue can be held to, which it also has to have to itself.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html>
    pub const FEWEST: Weight = Weight(2);

    pub const fn largest(self) -> Weight {
        match self {
            Self::LoadBalancer => Weight::MAX,
            Self::Dns => Weight(255),
            Self::Hundredths | Self::Whole => Weight(100),
            Self::Concurrency(most) => most,
        }
    }

    /// Whether a side that gets nothing is named in a split all the same. An alias names no version that gets nothing, and
    /// who does not read is not told apart from who never did.
    pub const fn names_idle(self) -> bool {
        match self {
            Self::LoadBalancer | Self::Dns => true,
            Self::Hundredths | Self::Whole | Self::Concurrency(_) => false,
        }
    }

    /// The nearest shares below and above this one that the candidate can have of a concurrency.
    pub fn around(most: Weight, share: Percent) -> (Percent, Percent) {
        let of = |part: u16| {
            let points = (u32::from(part) * 10_000).checked_div(u32::from(most.0)).unwrap_or(0);
            Percent(u16::try_from(points).unwrap_or(Percent::HUNDRED.0))
        };
        let parts = Self::FEWEST.0..=most.0.saturating_sub(Self::FEWEST.0);
        let all: Vec<Percent> = [0, most.0].into_iter().chain(parts).map(of).collect();
        let below = all.iter().copied().filter(|it| *it <= share).max();
        let above = all.iter().copied().filter(|it| *it >= share).min();
        (below.unwrap_or(Percent::ZERO), above.unwrap_or(Percent::HUNDRED))
    }
}

fn dns_split(share: Percent) -> (Weight, Weight) {
    let largest = Scale::Dns.largest().get();
    let points = u64::from(share.basis_points());
    let pairs = (0..=largest).flat_map(|candidate| {
        // The stable weight that fits a candidate's lies beside `candidate * (1 - share) / share`.
        let exact = (u64::from(candidate) * (10_000 - points)).checked_div(points);
        let below = exact.and_then(|exact| u16::try_from(exact).ok()).unwrap_or(largest);
        [below.min(largest), below.saturating_add(1).min(largest)].map(|stable| (stable, candidate))
    });
    // Fractions are compared by cross multiplication: how far `candidate / total` is from `points / 10,000`.
    let distance = |&(stable, candidate): &(u16, u16)| {
        let total = u64::from(stable) + u64::from(candidate);
        (total > 0).then(|| ((u64::from(candidate) * 10_000).abs_diff(points * total), total))
    };
    let nearest = pairs
        .filter_map(|pair| Some((distance(&pair)?, pair)))
        .min_by(|(a, _), (b, _)| (a.0 * b.1).cmp(&(b.0 * a.1)).then(a.1.cmp(&b.1)));
    let (stable, candidate) = nearest.map_or((largest, 0), |(_, pair)| pair);
    (Weight(stable), Weight(candidate))
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let weight = u16::deserialize(deserializer)?;
        Self::new(weight).ok_or_else(|| de::Error::custom("a weight lies between 0 and 999"))
    }
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A bare number: `10` where `10m` or `10s` belongs.
    #[error("a duration needs its unit")]
    NoUnit,
    /// Not of the form `1h30m`, `90s`, `500ms`.
    #[error("not a duration")]
    Malformed,
    /// Longer than a year.
    #[error("a duration is at most 365 days")]
    TooLong,
}

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads `10m`, `1h30m`, `90s`, `250ms`, `2d`: whole numbers, each with its unit, largest unit first.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    if !text.is_empty() && text.parse::<f64>().is_ok() {
        return Err(DurationError::NoUnit);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        let number: u64 = number.parse().map_err(|_| DurationError::Malformed)?;
        let millis = UNITS
            .iter()
            .find_map(|(name, millis)| (*name == unit).then_some(*millis))
            .filter(|millis| *millis < smallest)
            .ok_or(DurationError::Malformed)?;
        smallest = millis;
        total = number
            .checked_mul(millis)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= 365 * 86_400_000)
            .ok_or(DurationError::TooLong)?;
        rest = tail;
    }
    if text.is_empty() { Err(DurationError::Malformed) } else { Ok(Duration::from_millis(total)) }
}

/// Writes a duration as a plan would: `1h30m`, `45s`, `250ms`; nothing at all is `0s`.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (name, millis) in UNITS {
        if rest >= millis {
            text.push_str(&(rest / millis).to_string());
            text.push_str(name);
            rest %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bare_number_is_told_apart_from_nonsense() {
        assert_eq!("5".parse::<Percent>(), Err(PercentError::NoUnit));
        assert_eq!("five".parse::<Percent>(), Err(PercentError::Malformed));
        assert_eq!("100.01%".parse::<Percent>(), Err(PercentError::OutOfRange));
        assert_eq!("70000%".parse::<Percent>(), Err(PercentError::OutOfRange));
        assert_eq!(parse_duration("10"), Err(DurationError::NoUnit));
        assert_eq!(parse_duration("5m1h"), Err(DurationError::Malformed));
        assert_eq!(parse_duration(""), Err(DurationError::Malformed));
        assert_eq!(parse_duration("99999999999999999h"), Err(DurationError::TooLong));
    }

    proptest! {
        #[test]
        fn a_percentage_reads_back_as_it_was_written(points in 0u16..=10_000) {
            let percent = Percent::from_basis_points(points).unwrap();
            prop_assert_eq!(percent.to_string().parse::<Percent>().unwrap(), percent);
        }

        #[test]
        fn a_duration_reads_back_as_it_was_written(millis in 0u64..=365 * 86_400_000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&format_duration(duration)).unwrap(), duration);
        }

        #[test]
        fn a_split_is_never_all_zero_and_is_within_a_permille(points in 0u16..=10_000) {
            let share = Percent::from_basis_points(points).unwrap();
            let (stable, candidate) = Weight::split(share, Scale::LoadBalancer);
            let total = f64::from(stable.get() + candidate.get());
            prop_assert!(total > 0.0);
            let share = f64::from(candidate.get()) / total;
            prop_assert!((share - f64::from(points) / 10_000.0).abs() <= 0.0005 + 1e-9);
        }

        #[test]
        fn a_baseline_takes_from_the_stable_side_alone(points in 0u16..=10_000) {
            let share = Percent::from_basis_points(points).unwrap();
            let Paired { stable, baseline, candidate } = Paired::split(share);
            prop_assert_eq!((Weight(stable.0 + baseline.0), candidate), Weight::split(share, Scale::LoadBalancer));
            prop_assert!(baseline <= candidate, "never above what it is compared with");
            prop_assert!(baseline <= stable, "a third at most");
            prop_assert!(baseline == candidate || stable.0 - baseline.0 <= 1, "no less than there is");
        }

        #[test]
        fn no_other_pair_of_dns_weights_comes_nearer(points in 0u16..=10_000) {
            let (stable, candidate) =
                Weight::split(Percent::from_basis_points(points).unwrap(), Scale::Dns);
            let far = |stable: u16, candidate: u16| {
                let share = f64::from(candidate) / f64::from(stable + candidate);
                (share - f64::from(points) / 10_000.0).abs()
            };
            let found = far(stable.get(), candidate.get());
            for s in 0..=255 {
                for c in u16::from(s == 0)..=255 {
                    prop_assert!(found <= far(s, c) + 1e-12, "{}:{} beats {}:{}", s, c, stable, candidate);
                }
            }
        }
    }

    #[test]
    fn a_concurrency_is_shared_in_whole_batches_and_a_whole_not_at_all() {
        let split = |share: &str, scale| {
            let (stable, candidate) = Weight::split(share.parse().unwrap(), scale);
            (stable.get(), candidate.get())
        };
        let twenty = Scale::Concurrency(Weight(20));
        assert_eq!(split("0%", twenty), (20, 0));
        assert_eq!(split("10%", twenty), (18, 2));
        assert_eq!(split("33%", twenty), (13, 7));
        assert_eq!(split("100%", twenty), (0, 20));
        assert_eq!(split("0%", Scale::Whole), (100, 0));
        assert_eq!(split("100%", Scale::Whole), (0, 100));
        let around = |share: &str| {
            let (below, above) = Scale::around(Weight(20), share.parse().unwrap());
            format!("{below} {above}")
        };
        assert_eq!(around("5%"), "0% 10%");
        assert_eq!(around("97%"), "90% 100%");
        assert_eq!(around("50%"), "50% 50%");
    }

    #[test]
    fn a_baseline_is_as_large_as_the_candidate_while_there_is_enough() {
        let split = |share: &str| {
            let Paired { stable, baseline, candidate } = Paired::split(share.parse().unwrap());
            (stable.get(), baseline.get(), candidate.get())
        };
        assert_eq!(split("0%"), (999, 0, 0));
        assert_eq!(split("5%"), (900, 50, 50));
        assert_eq!(split("50%"), (250, 250, 500));
        assert_eq!(split("99.9%"), (1, 0, 999));
        assert_eq!(split("100%"), (0, 0, 999));
    }

    #[test]
    fn dns_weights_are_the_smallest_that_fit() {
        let pair = |share: &str| {
            let (stable, candidate) = Weight::split(share.parse().unwrap(), Scale::Dns);
            (stable.get(), candidate.get())
        };
        assert_eq!(pair("0%"), (255, 0));
        assert_eq!(pair("100%"), (0, 255));
        assert_eq!(pair("50%"), (1, 1));
        assert_eq!(pair("5%"), (19, 1));
        assert_eq!(pair("33.3%"), (2, 1));
        assert_eq!(pair("0.4%"), (249, 1));
    }
}
