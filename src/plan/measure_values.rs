//! The single values of gates that measure, such as `1.1x + 0.05pp` or `2 of 3`: how each is read and written, and what to
//! say when something else stands in its place.

use std::time::Duration;

use serde_json::json;

use super::{
    calendar::{Dates, Hours, Zone},
    events::Rise,
    form::{Definitions, Form},
    measure::{Allowance, Burn, Limit, Periods, Statistic},
    problem::Problem,
    scalar::or_parameter,
    tree::Node,
    units::{Percent, parse_duration},
    yaml,
};

/// Forms that are one word, read by a function that says nothing but no, and written by another.
macro_rules! single {
    ($($type:ty, $what:literal, $json:tt, $pattern:literal, $help:literal, $parse:path, $write:path;)*) => {$(
        impl Form for $type {
            const WHAT: &'static str = $what;

            fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
                let text = node.scalar(Self::WHAT, problems)?;
                let value = $parse(text);
                if value.is_none() {
                    problems.push(
                        Problem::error("plan::measure", format!("`{text}` is not {}", Self::WHAT))
                            .at(node.span, "not understood")
                            .help($help),
                    );
                }
                value
            }

            fn write(&self) -> String {
                $write(self)
            }

            fn schema(definitions: &mut Definitions) -> serde_json::Value {
                let form = json!({ "type": $json, "pattern": $pattern });
                or_parameter(&form, definitions)
            }
        }
    )*};
}

single! {
    Statistic, "a statistic", "string",
        "^(sum|average|minimum|maximum|sample-count|p[0-9]{1,3}(\\.[0-9])?)$",
        "write `sum`, `average`, `minimum`, `maximum`, `sample-count` or a percentile such as `p99`",
        statistic, spelled;
    Limit, "a limit", ["string", "number"], "^[0-9].*$", "write a time (`500ms`), a share (`1%`) or a number", limit,
        ToString::to_string;
    Periods, "a number of periods", "string", "^[0-9]+ of [0-9]+$",
        "write `2 of 3`: at most 100, the first not above the second", periods, ToString::to_string;
    Allowance, "an allowance", "string", "^[0-9.]+ ?(x|pp)( ?\\+ ?[0-9.]+ ?pp)?$",
        "write `1.1x + 0.05pp`, `1.1x` or `0.05pp`", allowance, ToString::to_string;
    Burn, "a burn rate", "string", "^[0-9.]+x in [0-9a-z]+ and [0-9a-z]+$",
        "write `14.4x in 1h and 5m`: whole minutes, the longer window first", burn, quoted;
    Rise, "a rise", "string", "^[0-9]+ in [0-9a-z]+$",
        "write `200 in 5m`: messages, and whole minutes from `3m` to `24h`", rise, quoted;
    Hours, "hours of a day", "string", "^[0-9]{2}:[0-9]{2} ?- ?[0-9]{2}:[0-9]{2}$",
        "write `09:00-16:30`, or `22:00-06:00` into the next day: two digits each, at most `24:00`", Hours::parse,
        quoted;
    Zone, "a time zone", "string", "^(UTC|[+-][0-9]{2}:[0-9]{2}|[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)+)$",
        "write `UTC`, an offset such as `+02:00`, or a name such as `Europe/Berlin`", Zone::parse, quoted;
    Dates, "a date or a span of dates", "string",
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}( to [0-9]{4}-[0-9]{2}-[0-9]{2})?$",
        "write `2026-12-24` or `2026-12-24 to 2027-01-02`", Dates::parse, quoted;
}

/// As the language spells what CloudWatch writes with capitals.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "taken as values are that cannot be copied")]
fn spelled(statistic: &Statistic) -> String {
    match statistic {
        Statistic::SampleCount => "sample-count".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// What another reader of YAML may take for a time or for a number is in quotes.
fn quoted(value: &impl ToString) -> String {
    yaml::text(&value.to_string())
}

fn burn(text: &str) -> Option<Burn> {
    let (rate, windows) = text.split_once("x in ")?;
    let (long, short) = windows.split_once(" and ")?;
    let rate = u32::try_from(decimal(rate.trim_end(), 3)?).ok().filter(|rate| *rate > 0)?;
    let (long, short) = (parse_duration(long.trim()).ok()?, parse_duration(short.trim()).ok()?);
    let minutes = |window: Duration| !window.is_zero() && window.as_millis().is_multiple_of(60_000);
    // More minutes than one call answers are not asked for.
    let fits = minutes(long) && minutes(short) && short < long && long <= LONGEST_WINDOW;
    fits.then_some(Burn { rate, long, short })
}

/// `GetMetricData` keeps minutes for 15 days, and answers this many well within one call.
const LONGEST_WINDOW: Duration = Duration::from_hours(72);

fn rise(text: &str) -> Option<Rise> {
    let (messages, within) = text.split_once(" in ")?;
    let messages = u32::try_from(decimal(messages.trim(), 0)?).ok()?;
    let within = parse_duration(within.trim()).ok()?;
    // A trend takes three figures, and CloudWatch has one a minute.
    let fits = within.as_millis().is_multiple_of(60_000)
        && (Duration::from_mins(3)..=Duration::from_hours(24)).contains(&within);
    fits.then_some(Rise { messages, within })
}

fn statistic(text: &str) -> Option<Statistic> {
    match text {
        "sum" => Some(Statistic::Sum),
        "average" => Some(Statistic::Average),
        "minimum" => Some(Statistic::Minimum),
        "maximum" => Some(Statistic::Maximum),
        "sample-count" => Some(Statistic::SampleCount),
        _ => {
            let tenths = decimal(text.strip_prefix('p')?, 1).filter(|t| (1..=1_000).contains(t))?;
            u16::try_from(tenths).ok().map(Statistic::Percentile)
        }
    }
}

fn limit(text: &str) -> Option<Limit> {
    if let Ok(percent) = text.parse::<Percent>() {
        Some(Limit::Share(percent))
    } else if let Some(number) = decimal(text, 3) {
        Some(Limit::Number(number))
    } else {
        parse_duration(text).ok().map(Limit::Time)
    }
}

fn periods(text: &str) -> Option<Periods> {
    let (breaching, of) = text.split_once(" of ")?;
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|n| (1..=100).contains(n));
    let (breaching, of) = (number(breaching)?, number(of)?);
    (breaching <= of).then_some(Periods { breaching, of })
}

fn allowance(text: &str) -> Option<Allowance> {
    let parts: Vec<&str> = text.split('+').map(str::trim).collect();
    let ratio = |part: &str| decimal(part.strip_suffix('x')?.trim_end(), 3);
    let points = |part: &str| decimal(part.strip_suffix("pp")?.trim_end(), 4);
    let (ratio, absolute) = match parts[..] {
        [only] if only.ends_with("pp") => (1_000, points(only)?),
        [only] => (ratio(only)?, 0),
        [first, second] => (ratio(first)?, points(second)?),
        _ => return None,
    };
    let fits = (1_000..=1_000_000).contains(&ratio) && absolute <= 1_000_000;
    let whole = |units: u64| u32::try_from(units).ok();
    fits.then_some(Allowance { ratio: whole(ratio)?, absolute: whole(absolute)? })
}

/// A decimal number in units of 10^-`places`; `None` when it needs more places.
fn decimal(text: &str, places: usize) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || part.len() > places || !digits(whole) || !digits(part)
    {
        return None;
    }
    format!("{whole}{part:0<places$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_reads_back_as_it_is_shown() {
        for text in ["1.1x + 0.05pp", "1.5x + 0.1pp", "2x + 0pp"] {
            assert_eq!(allowance(text).unwrap().to_string(), text);
        }
        assert_eq!(allowance("0.05pp").unwrap().to_string(), "1x + 0.05pp");
        for text in ["500ms", "1%", "12.5", "0.001"] {
            assert_eq!(limit(text).unwrap().to_string(), text);
        }
        assert_eq!(statistic("p99.9").unwrap().to_string(), "p99.9");
        assert_eq!(statistic("p50").unwrap().to_string(), "p50");
        assert_eq!(periods("2 of 3").unwrap().to_string(), "2 of 3");
        assert_eq!(burn("14.4x in 1h and 5m").unwrap().to_string(), "14.4x in 1h and 5m");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in ["0.9x", "1.1", "x", "1.1x + 1.1x", "-1x", "", "1.1x + 0.00001pp"] {
            assert_eq!(allowance(text), None, "{text}");
        }
        for text in ["3 of 2", "0 of 1", "2", "1 of 1000"] {
            assert_eq!(periods(text), None, "{text}");
        }
        for text in ["0x in 1h and 5m", "2x in 5m and 1h", "2x in 1h", "2x in 90s and 30s", "2x"] {
            assert_eq!(burn(text), None, "{text}");
        }
        for text in ["p0", "p101", "median", "p"] {
            assert_eq!(statistic(text), None, "{text}");
        }
    }
}
