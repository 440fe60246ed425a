//! The small phrases a scenario is written in: `50/s`, `2 of 3`, `after 20s`, `traffic + 90s`. Each is a type that
//! reads itself from one text, so that a mistake is found where it stands and no number lacks its unit.

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};

use crate::{
    plan::units::{DurationError, format_duration, parse_duration},
    rollout::Jump,
};

/// Reads a field like `launch-time: 40s`.
pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text).map_err(|error| de::Error::custom(explain(&text, &error)))
}

/// The same for a field that may be left out.
pub(super) fn optional_duration<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    duration(from).map(Some)
}

fn explain(text: &str, error: &DurationError) -> String {
    match error {
        DurationError::NoUnit => format!("`{text}` needs a unit: write `{text}s` or `{text}m`"),
        DurationError::Malformed | DurationError::TooLong => format!("`{text}`: {error}"),
    }
}

macro_rules! read_from_text {
    ($name:ident, $what:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                Self::read(&text)
                    .ok_or_else(|| de::Error::custom(format!(concat!("`{}` is not ", $what), text)))
            }
        }
    };
}

/// How many requests users send, in requests per second or minute: `50/s`, `90/min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In one minute, so that slow traffic needs no fraction.
    pub per_minute: u32,
}

impl Rate {
    fn read(text: &str) -> Option<Self> {
        let (number, unit) = text.split_once('/')?;
        let number: u32 = number.trim().parse().ok()?;
        let per_minute = match unit.trim() {
            "s" => number.checked_mul(60)?,
            "min" => number,
            _ => return None,
        };
        Some(Self { per_minute })
    }
}

read_from_text!(Rate, "a rate of requests, such as `50/s` or `90/min`");

/// How far a clock is set: `90s` forward, `-1h` back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetBy(pub Jump);

impl SetBy {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, size) = match text.strip_prefix('-') {
            Some(size) => (-1, size),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let millis = i64::try_from(parse_duration(size).ok()?.as_millis()).ok()?;
        Some(Self(Jump::from_millis(sign * millis)))
    }
}

read_from_text!(SetBy, "how far a clock is set, such as `-1h` or `90s`");

/// When a side's targets pass their health checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Healthy {
    /// `after 20s` of being checked.
    After(Duration),
    /// `never`: they fail their checks.
    Never,
}

impl Healthy {
    fn read(text: &str) -> Option<Self> {
        match text.trim() {
            "never" => Some(Self::Never),
            other => parse_duration(other.strip_prefix("after ")?.trim()).ok().map(Self::After),
        }
    }
}

read_from_text!(Healthy, "`after 20s` or `never`");

/// How many of the last periods must be bad before an alarm goes off: `2 of 3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// At least 1, and at most `periods`.
    pub breaching: usize,
    pub periods: usize,
}

impl Evaluation {
    fn read(text: &str) -> Option<Self> {
        let (breaching, periods) = text.split_once(" of ")?;
        let (breaching, periods) = (breaching.trim().parse().ok()?, periods.trim().parse().ok()?);
        // AWS looks back a day at the most, which 1,440 periods of a minute are.
        (1..=periods).contains(&breaching).then_some(())?;
        (periods <= 1_440).then_some(Self { breaching, periods })
    }
}

read_from_text!(Evaluation, "an evaluation, such as `2 of 3`");

/// A moment of a run, said so that it fits any plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// `3m`: so long after the run began.
    Start(Duration),
    /// `traffic + 90s`: so long after the candidate was first given any weight.
    Traffic(Duration),
    /// `asked + 2m`: so long after the run asked for an approval, each time it does.
    Asked(Duration),
}

impl Moment {
    fn read(text: &str) -> Option<Self> {
        let (from, after) = match text.split_once('+') {
            Some((from, after)) => (from.trim(), parse_duration(after.trim()).ok()?),
            None => (text.trim(), Duration::ZERO),
        };
        match from {
            "traffic" => Some(Self::Traffic(after)),
            "asked" => Some(Self::Asked(after)),
            _ if text.contains('+') => None,
            alone => parse_duration(alone).ok().map(Self::Start),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(after) => f.write_str(&format_duration(*after)),
            Self::Traffic(after) => write!(f, "traffic + {}", format_duration(*after)),
            Self::Asked(after) => write!(f, "asked + {}", format_duration(*after)),
        }
    }
}

read_from_text!(Moment, "a moment, such as `3m`, `traffic + 90s` or `asked + 2m`");

/// Some names, or `all` there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    All,
    These(BTreeSet<String>),
}

impl Names {
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(name),
        }
    }
}

impl Names {
    /// Those that are spelled out.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let names = match self {
            Self::All => None,
            Self::These(names) => Some(names.iter().map(String::as_str)),
        };
        names.into_iter().flatten()
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> de::Visitor<'de> for Read {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`all` or a list of names")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Names, E> {
                match text {
                    "all" => Ok(Names::All),
                    other => {
                        Err(E::custom(format!("`{other}` is not `all`; a list is `[{other}]`")))
                    }
                }
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = BTreeSet::new();
                while let Some(name) = list.next_element()? {
                    names.insert(name);
                }
                Ok(Names::These(names))
            }
        }

        from.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_counted_from_the_start_from_traffic_or_from_a_question() {
        let minute = Duration::from_mins(1);
        assert_eq!(Moment::read("1m"), Some(Moment::Start(minute)));
        assert_eq!(Moment::read("traffic"), Some(Moment::Traffic(Duration::ZERO)));
        assert_eq!(Moment::read("traffic + 1m"), Some(Moment::Traffic(minute)));
        assert_eq!(Moment::read("asked+60s"), Some(Moment::Asked(minute)));
        for wrong in ["", "3", "start + 1m", "1m + 1m", "traffic +", "traffic - 1m"] {
            assert_eq!(Moment::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_evaluation_lies_between_one_and_its_periods() {
        assert_eq!(Evaluation::read("2 of 3"), Some(Evaluation { breaching: 2, periods: 3 }));
        for wrong in ["0 of 3", "4 of 3", "2", "2/3", "1 of 99999"] {
            assert_eq!(Evaluation::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_rate_and_a_health_need_their_words() {
        assert_eq!(Rate::read("50/s"), Some(Rate { per_minute: 3_000 }));
        assert_eq!(Rate::read("90/min"), Some(Rate { per_minute: 90 }));
        assert_eq!(Rate::read("50"), None);
        assert_eq!(Healthy::read("never"), Some(Healthy::Never));
        assert_eq!(Healthy::read("after 20s"), Some(Healthy::After(Duration::from_secs(20))));
        assert_eq!(Healthy::read("20"), None);
    }
}
