//! What a person may write in a gate that measures. Single values say how they are written when something else stands
//! in their place.

use std::time::Duration;

use serde_json::json;

use super::{
    calendar::{Dates, Day, Hours, Zone},
    form::{Definitions, Form, record},
    measure::{Allowance, Baseline, Burn, Limit, Periods, Statistic},
    names::Side,
    problem::Problem,
    scalar::{Literal, Whole, or_parameter, words},
    span::Spanned,
    tree::Node,
    units::{Percent, parse_duration},
};

record! {
    /// A figure that the load balancer publishes for one side of a route, held against a limit. Only whole periods
    /// since the run began count; without requests it waits, and never passes.
    MetricForm, "a metric gate", choice "`name` or `ratio`" "plan::unknown-field" {
        /// The route whose traffic is measured.
        "route" route: Required String,
        /// Whose: `stable` or `candidate`.
        "side" side: Required Side,
        /// The metric in `AWS/ApplicationELB`, such as `TargetResponseTime`, or of a function in `AWS/Lambda`; with
        /// `statistic`.
        "name" name: Choice String,
        /// One count in relation to another, in place of `name`.
        "ratio" ratio: Choice RatioForm,
        /// With `name`: `sum`, `average`, `minimum`, `maximum`, `sample-count`, or a percentile such as `p99`.
        "statistic" statistic: Optional Statistic,
        /// The most it may be: `500ms`, `1%` or a number.
        "below" below: Optional Limit,
        /// The least it may be, in place of `below`.
        "above" above: Optional Limit,
        /// How many of the latest periods have to be beyond the limit to fail; `2 of 3` unless told.
        "periods" periods: Optional Periods,
        /// The length of a period in whole minutes; `60s` unless told.
        "period" period: Optional Duration,
        /// Requests in these periods below which the gate waits; 100 unless told.
        "min-samples" min_samples: Optional Whole<1, 1_000_000_000>,
    }
}

record! {
    /// One count in relation to another, such as errors to requests.
    RatioForm, "a ratio" {
        /// What is counted, such as `HTTPCode_Target_5XX_Count`.
        "of" of: Required String,
        /// Out of what, such as `RequestCount`.
        "to" to: Required String,
    }
}

record! {
    /// Compares the candidate with the stable side, minute by minute: fails when the candidate is shown to be worse
    /// than tolerated, passes when worse than the margin is excluded. It may be looked at as often as one likes.
    CompareForm, "a compare gate" {
        /// The route whose sides are compared.
        "route" route: Required String,
        /// With what the candidate is compared: `stable`, unless told, or `paired`, the route's `baseline` group, whose
        /// instances are as fresh as the candidate's.
        "baseline" baseline: Optional Baseline,
        /// How many server errors more are tolerated, and how many more have to be excluded.
        "errors" errors: Optional ErrorsForm,
        /// Compares the share of slow answers too: the gate fails by both together, and passes when both pass.
        "latency-above" latency_above: Optional LatencyAboveForm,
        /// How often a harmless candidate may fail at all, at most `20%`; `5%` unless told.
        "alpha" alpha: Optional Percent,
        /// How old a minute has to be before it counts; `2m` unless told.
        "settle" settle: Optional Duration,
        /// How long after its first traffic the candidate is not judged yet; `2m` unless told.
        "warmup" warmup: Optional Duration,
        /// Requests to the candidate since the last change of weights before it can pass; 200 unless told.
        "min-canary-requests" min_canary_requests: Optional Whole<1, 1_000_000_000>,
        /// How long after the last change of weights an undecided gate becomes unknown; `60m` unless told.
        "deadline" deadline: Optional Duration,
        /// What tells the candidate's version, such as `${version}`. A run with the plan and parameters of one that failed
        /// here has half its `alpha`, and one that follows an undecided run goes on from its evidence, until a run is
        /// promoted. Unless told, every run starts anew.
        "artifact" artifact: Optional Literal,
    }
}

record! {
    /// Allowances such as `1.1x + 0.05pp`: a multiple of the stable side's error rate, and percentage points on top.
    ErrorsForm, "`errors`" {
        /// The gate fails when the candidate is shown to be worse than this; `1.1x + 0.05pp` unless told.
        "tolerance" tolerance: Optional Allowance,
        /// The gate passes when the candidate is shown to be better than this; `1.5x + 0.1pp` unless told.
        "margin" margin: Optional Allowance,
        /// How much of `alpha` it is given in relation to the other comparisons; 1 unless told.
        "weight" weight: Optional Whole<1, 1_000>,
    }
}

record! {
    /// Answers that take longer than the threshold, as a share of all answers.
    LatencyAboveForm, "`latency-above`" {
        /// From when on an answer is slow, such as `500ms`: a time that nine in ten of the stable side's answers keep.
        "threshold" threshold: Required Duration,
        /// The gate fails when the candidate is shown to be worse than this; `1.1x + 0.05pp` unless told.
        "tolerance" tolerance: Optional Allowance,
        /// The gate passes when the candidate is shown to be better than this; `1.5x + 0.1pp` unless told.
        "margin" margin: Optional Allowance,
        /// How much of `alpha` it is given in relation to the other comparisons; 1 unless told.
        "weight" weight: Optional Whole<1, 1_000>,
    }
}

record! {
    /// How fast the errors of one side use up the error budget of an objective, over a long and a short window at once:
    /// the gate fails when both are faster than the rate. Only whole minutes count, the candidate's since the run began.
    ErrorBudgetForm, "an error-budget gate" {
        /// The route whose traffic is measured.
        "route" route: Required String,
        /// Whose: `stable` or `candidate`.
        "side" side: Required Side,
        /// The share that has to go well, such as `99.9%`.
        "objective" objective: Required Percent,
        /// What goes wrong out of what; `HTTPCode_Target_5XX_Count` of `RequestCount`
        /// unless told, and of a function `Errors` of `Invocations`.
        "ratio" ratio: Optional RatioForm,
        /// Rates with their windows; `[14.4x in 1h and 5m, 6x in 6h and 30m]` unless told.
        "burn" burn: Optional Vec<Spanned<Burn>>,
        /// Requests in the longest window below which the gate waits; 100 unless told.
        "min-samples" min_samples: Optional Whole<1, 1_000_000_000>,
    }
}

record! {
    /// When the steps that name this gate may start. A step that has started is not stopped by it.
    WindowForm, "a window gate" {
        /// Days of the week, such as `[mon, tue, wed, thu]`; all of them unless told.
        "days" days: Optional Vec<Spanned<Day>>,
        /// Hours of the day, such as `09:00-16:30`, up to `24:00`; all day unless told. Those that end before they begin,
        /// such as `22:00-06:00`, end on the next day and belong to the day they began on.
        "hours" hours: Optional Hours,
        /// `UTC`, an offset such as `+02:00`, or a name such as `Europe/Berlin`; `UTC` unless told.
        "zone" zone: Optional Zone,
        /// Dates on which nothing starts, such as `[2026-12-24 to 2027-01-02]`.
        "except" except: Optional Vec<Spanned<Dates>>,
    }
}

/// Forms that are one word, read by a function that says nothing but no.
macro_rules! single {
    ($($type:ty, $what:literal, $json:tt, $pattern:literal, $help:literal, $parse:path;)*) => {$(
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
        statistic;
    Limit, "a limit", ["string", "number"], "^[0-9].*$", "write a time (`500ms`), a share (`1%`) or a number", limit;
    Periods, "a number of periods", "string", "^[0-9]+ of [0-9]+$",
        "write `2 of 3`: at most 100, the first not above the second", periods;
    Allowance, "an allowance", "string", "^[0-9.]+ ?(x|pp)( ?\\+ ?[0-9.]+ ?pp)?$",
        "write `1.1x + 0.05pp`, `1.1x` or `0.05pp`", allowance;
    Burn, "a burn rate", "string", "^[0-9.]+x in [0-9a-z]+ and [0-9a-z]+$",
        "write `14.4x in 1h and 5m`: whole minutes, the longer window first", burn;
    Hours, "hours of a day", "string", "^[0-9]{2}:[0-9]{2} ?- ?[0-9]{2}:[0-9]{2}$",
        "write `09:00-16:30`, or `22:00-06:00` into the next day: two digits each, at most `24:00`", Hours::parse;
    Zone, "a time zone", "string", "^(UTC|[+-][0-9]{2}:[0-9]{2}|[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)+)$",
        "write `UTC`, an offset such as `+02:00`, or a name such as `Europe/Berlin`", Zone::parse;
    Dates, "a date or a span of dates", "string",
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}( to [0-9]{4}-[0-9]{2}-[0-9]{2})?$",
        "write `2026-12-24` or `2026-12-24 to 2027-01-02`", Dates::parse;
}

words! {
    Day, "a day of the week" {
        "mon" => Day::Mon, "tue" => Day::Tue, "wed" => Day::Wed, "thu" => Day::Thu, "fri" => Day::Fri,
        "sat" => Day::Sat, "sun" => Day::Sun,
    }
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
