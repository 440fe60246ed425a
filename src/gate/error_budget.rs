//! From an error budget to a reading: how fast the errors of one side use it up, over a long and a short window at once.
//! The long window says that it matters, the short one that it is still going on.
//! <https://sre.google/workbook/alerting-on-slos/>

use std::time::Duration;

use super::{
    measured::{Source, attributed, last_whole},
    metric::{Row, is_never_published, rows},
};
use crate::{
    cloud::{Error, Reads},
    plan::{Burn, ErrorBudgetGate, Side, Statistic, units::format_duration},
    rollout::{Outcome, Reading, RouteBound, Timestamp},
};

const MINUTE: Duration = Duration::from_mins(1);

/// Reads the longest window's whole minutes with one call, and judges every pair of windows. What the candidate's target
/// group served before the run is another version's and does not count.
pub async fn poll_error_budget(
    reads: &Reads,
    gate: &ErrorBudgetGate,
    bound: &RouteBound,
    began: Timestamp,
    at: Timestamp,
) -> Result<Reading, Error> {
    let source = Source::of(reads, bound, gate.side).await?;
    let queries = [source.query(&gate.of, Statistic::Sum), source.query(&gate.to, Statistic::Sum)];
    let to = last_whole(at, MINUTE);
    let earliest = to.before(longest(gate));
    let from = match gate.side {
        Side::Stable => earliest,
        Side::Candidate => earliest.max(last_whole(began, MINUTE).plus(MINUTE)),
    };
    if from >= to {
        let waits = "no whole minute has passed since the run began";
        return Ok(Reading::new(Outcome::Wait, at, waits));
    }
    let answers = reads.metrics.series(&queries, from, to, MINUTE).await?;
    let reading = match rows(&queries, &answers) {
        Ok(rows) => judge_error_budget(&rows, gate, to, at),
        Err(words) => Reading::new(Outcome::Unknown, at, format!("cannot be measured: {words}")),
    };
    Ok(attributed(reading, &queries, &answers))
}

pub(super) fn longest(gate: &ErrorBudgetGate) -> Duration {
    gate.burns.iter().map(|burn| burn.long).max().unwrap_or(MINUTE)
}

/// What happened within a window: how many times faster than allowed the budget was used, and out of how many requests.
#[derive(Clone, Copy, Debug)]
struct Used {
    /// `None` without requests.
    rate: Option<f64>,
    requests: f64,
}

fn used(rows: &[Row], gate: &ErrorBudgetGate, to: Timestamp, window: Duration) -> Used {
    let from = to.before(window);
    let within = rows.iter().filter(|row| (from..to).contains(&row.start) && row.samples > 0.0);
    let (errors, requests) = within.fold((0.0, 0.0), |(errors, requests), row| {
        (errors + row.value.unwrap_or_default(), requests + row.samples)
    });
    let allowed = f64::from(10_000 - gate.objective.basis_points()) / 10_000.0;
    Used { rate: (requests > 0.0).then(|| errors / requests / allowed), requests }
}

/// Fails when both windows of any pair use the budget up faster than its rate; waits while the shortest window has no
/// requests, or the longest too few; passes otherwise. Unknown when what is to be counted has never been.
pub fn judge_error_budget(
    rows: &[Row],
    gate: &ErrorBudgetGate,
    to: Timestamp,
    at: Timestamp,
) -> Reading {
    let name = format!("the error budget of {} ({})", gate.side, gate.objective);
    let pairs: Vec<(&Burn, Used, Used)> = gate
        .burns
        .iter()
        .map(|burn| (burn, used(rows, gate, to, burn.long), used(rows, gate, to, burn.short)))
        .collect();
    let requests = pairs.iter().map(|(_, long, _)| long.requests).fold(0.0, f64::max);
    let is_beyond = |burn: &Burn, used: Used| used.rate.is_some_and(|rate| rate > burn.rate());
    let burning = pairs.iter().find(|(b, long, short)| is_beyond(b, *long) && is_beyond(b, *short));
    let silent = pairs.iter().find(|(_, _, short)| short.rate.is_none());
    let needed = gate.min_samples;
    let (outcome, because) = if is_never_published(rows) {
        let none = "has no figure in minutes with requests; is there such a metric?";
        (Outcome::Unknown, format!("{} {none}", gate.of))
    } else if requests < f64::from(needed) {
        (Outcome::Wait, format!("{name} has {requests} requests, {needed} are needed"))
    } else if let Some((burn, long, short)) = burning {
        let words = format!(
            "{name} is used up {} too fast over {} and {} over {}, more than {}",
            times(long.rate),
            format_duration(burn.long),
            times(short.rate),
            format_duration(burn.short),
            times(Some(burn.rate())),
        );
        (Outcome::Fail, words)
    } else if let Some((burn, ..)) = silent {
        let short = format_duration(burn.short);
        (Outcome::Wait, format!("{name} has no requests in the last {short}"))
    } else {
        (Outcome::Pass, format!("{name} is used no faster than allowed"))
    };
    let reading = Reading::new(outcome, at, because).with("requests", requests).with("up to", to);
    pairs.iter().fold(reading, |reading, (burn, long, short)| {
        reading.with(&burn.to_string(), format!("{}, {}", times(long.rate), times(short.rate)))
    })
}

fn times(rate: Option<f64>) -> String {
    rate.map_or_else(|| "none".to_owned(), |rate| format!("{}x", (rate * 100.0).round() / 100.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{RouteName, units::Percent};

    /// 99.9 %: one error in a thousand is allowed. Ten times that over ten minutes and two fails.
    fn gate() -> ErrorBudgetGate {
        ErrorBudgetGate {
            route: RouteName::new("web"),
            side: Side::Candidate,
            of: "E".into(),
            to: "R".into(),
            objective: Percent::from_basis_points(9_990).unwrap(),
            burns: vec![Burn {
                rate: 10_000,
                long: Duration::from_mins(10),
                short: Duration::from_mins(2),
            }],
            min_samples: 100,
        }
    }

    /// Errors among a thousand requests, minute by minute, up to now.
    fn read(errors: &[f64]) -> Outcome {
        let minutes = i64::try_from(errors.len()).unwrap();
        let row = |(minute, errors): (i64, &f64)| Row {
            start: Timestamp::from_millis(minute * 60_000),
            value: Some(*errors),
            samples: 1_000.0,
        };
        let rows: Vec<Row> = (0..).zip(errors).map(row).collect();
        let to = Timestamp::from_millis(minutes * 60_000);
        judge_error_budget(&rows, &gate(), to, to).outcome
    }

    #[test]
    fn both_windows_have_to_burn() {
        assert_eq!(read(&[11.0; 10]), Outcome::Fail);
        assert_eq!(read(&[10.0; 10]), Outcome::Pass, "the rate itself is allowed");
        let over: Vec<f64> = [[20.0; 8].as_slice(), &[0.0; 2]].concat();
        assert_eq!(read(&over), Outcome::Pass, "it is over");
        let blip: Vec<f64> = [[0.0; 8].as_slice(), &[20.0; 2]].concat();
        assert_eq!(read(&blip), Outcome::Pass, "it does not matter yet");
        assert_eq!(read(&[11.0; 2]), Outcome::Fail, "a run that is young has a shorter window");
    }

    #[test]
    fn errors_that_nobody_counts_are_unknown() {
        let row = |minute: i64| Row {
            start: Timestamp::from_millis(minute * 60_000),
            value: None,
            samples: 1_000.0,
        };
        let rows: Vec<Row> = (0..10).map(row).collect();
        let to = Timestamp::from_millis(600_000);
        assert_eq!(judge_error_budget(&rows, &gate(), to, to).outcome, Outcome::Unknown);
    }

    #[test]
    fn silence_is_waited_for() {
        assert_eq!(read(&[]), Outcome::Wait);
        let rows = [Row { start: Timestamp::default(), value: Some(0.0), samples: 1_000.0 }];
        let to = Timestamp::from_millis(300_000);
        assert_eq!(judge_error_budget(&rows, &gate(), to, to).outcome, Outcome::Wait);
    }

    proptest! {
        #[test]
        fn more_errors_never_turn_a_failure_into_a_pass(
            errors in proptest::collection::vec(0.0..40.0f64, 1..12), more in 0.0..40.0f64,
        ) {
            let worse: Vec<f64> = errors.iter().map(|errors| errors + more).collect();
            prop_assert!(read(&errors) != Outcome::Fail || read(&worse) == Outcome::Fail);
        }
    }
}
