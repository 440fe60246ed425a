//! From a metric to a reading. Periods without requests are not judged, so that silence is never taken for health; the
//! figures, the window and the requests behind them are kept as evidence.

use std::collections::BTreeMap;

use super::measured::{Source, attributed, lacking, last_whole};
use crate::{
    cloud::{Error, Query, Reads, Series},
    plan::{Bound as Limited, Limit, Measure, MetricGate, Published, Statistic},
    rollout::{Outcome, Reading, RouteBound, Timestamp},
};

/// One period of one side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// When it began.
    pub start: Timestamp,
    /// The figure, in CloudWatch's units; of a ratio, what stands above the line.
    pub value: Option<f64>,
    /// Requests; of a ratio, what stands below the line.
    pub samples: f64,
}

/// Reads the latest whole periods since the run began, with one call, and judges them.
pub async fn poll_metric(
    reads: &Reads,
    gate: &MetricGate,
    bound: &RouteBound,
    began: Timestamp,
    at: Timestamp,
) -> Result<Reading, Error> {
    let source = Source::of(reads, bound, gate.side).await?;
    let queries = queries(&source, gate);
    let to = last_whole(at, gate.period);
    // One more than is judged: the latest may not have arrived.
    let window = gate.period.saturating_mul(gate.periods.of.saturating_add(1));
    let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    let earliest = Timestamp::from_millis(to.as_millis().saturating_sub(window));
    let from = earliest.max(last_whole(began, gate.period).plus(gate.period));
    if from >= to {
        return Ok(Reading::new(
            Outcome::Wait,
            at,
            "no whole period has passed since the run began",
        ));
    }
    let answers = reads.metrics.series(&queries, from, to, gate.period).await?;
    let reading = match rows(&queries, &answers) {
        Ok(rows) => judge_metric(&in_seconds(rows, gate, &queries), gate, at),
        Err(words) => Reading::new(Outcome::Unknown, at, format!("cannot be measured: {words}")),
    };
    Ok(attributed(reading, &queries, &answers))
}

/// What stands above the line, and what below.
pub(super) fn queries(source: &Source, gate: &MetricGate) -> [Query; 2] {
    match &gate.measure {
        Measure::One { name, statistic } => [source.query(name, *statistic), source.requests()],
        Measure::Ratio { of, to } => {
            [source.query(of, Statistic::Sum), source.query(to, Statistic::Sum)]
        }
    }
}

/// Periods in which there was something to measure, oldest first.
pub(super) fn rows(queries: &[Query; 2], answers: &[Series]) -> Result<Vec<Row>, String> {
    if let Some(words) = lacking(queries, answers) {
        return Err(words);
    }
    let [values, samples] = answers else { return Err("two metrics were asked for".to_owned()) };
    let values: BTreeMap<Timestamp, f64> = values.points.iter().copied().collect();
    let [asked, _] = queries;
    let is_zero = asked.statistic == Statistic::Sum
        && Published::of(&asked.namespace).is_some_and(|all| all.is_silent_at_zero(&asked.metric));
    let none = is_zero.then_some(0.0);
    let row = |(start, samples): &(Timestamp, f64)| Row {
        start: *start,
        value: values.get(start).copied().or(none),
        samples: *samples,
    };
    Ok(samples.points.iter().map(row).collect())
}

/// The same rows with times in seconds, which a limit that is a time is given in, where they are published in another
/// unit.
pub(super) fn in_seconds(mut rows: Vec<Row>, gate: &MetricGate, queries: &[Query; 2]) -> Vec<Row> {
    let [asked, _] = queries;
    let per_second = match gate.limit {
        Limit::Time(_) => Published::of(&asked.namespace).map_or(1, |all| all.per_second),
        Limit::Share(_) | Limit::Number(_) => 1,
    };
    for row in &mut rows {
        row.value = row.value.map(|value| value / f64::from(per_second));
    }
    rows
}

/// Periods with requests and without any figure of a metric after which there is none: one may be late.
const PATIENCE: usize = 3;

/// Whether requests were counted for a while, and the metric never was.
pub(super) fn is_never_published(rows: &[Row]) -> bool {
    let mut busy = rows.iter().filter(|row| row.samples > 0.0);
    busy.clone().count() >= PATIENCE && busy.all(|row| row.value.is_none())
}

/// Judges the latest periods that have samples. Fail when enough of them are beyond the limit; wait while there are too
/// few samples or periods; pass otherwise. Unknown when requests were counted and the metric never was: one which
/// does not exist will not come by waiting.
pub fn judge_metric(rows: &[Row], gate: &MetricGate, at: Timestamp) -> Reading {
    let mut judged: Vec<(Timestamp, f64, f64)> =
        rows.iter().filter_map(|row| figure(row, &gate.measure)).collect();
    judged.sort_unstable_by_key(|(start, ..)| std::cmp::Reverse(*start));
    let wanted = usize::try_from(gate.periods.of).unwrap_or(usize::MAX);
    judged.truncate(wanted);
    judged.reverse();
    let name = format!("{} of {}", gate.measure, gate.side);
    let (Some((first, ..)), Some((last, ..))) = (judged.first(), judged.last()) else {
        return if is_never_published(rows) {
            let none = "has no figure in periods with requests; is there such a metric?";
            Reading::new(Outcome::Unknown, at, format!("{name} {none}"))
        } else {
            Reading::new(Outcome::Wait, at, format!("{name} has no samples yet"))
        };
    };
    let samples: f64 = judged.iter().map(|(_, _, samples)| samples).sum();
    let limit = gate.limit.get();
    let is_beyond = |figure: f64| match gate.bound {
        Limited::Below => figure > limit,
        Limited::Above => figure < limit,
    };
    let breaching = judged.iter().filter(|(_, figure, _)| is_beyond(*figure)).count();
    let (beyond, within) = match gate.bound {
        Limited::Below => ("above", "at most"),
        Limited::Above => ("below", "at least"),
    };
    let (outcome, because) = if samples < f64::from(gate.min_samples) {
        let needed = gate.min_samples;
        (Outcome::Wait, format!("{name} has {samples} samples, {needed} are needed"))
    } else if breaching >= usize::try_from(gate.periods.breaching).unwrap_or(usize::MAX) {
        let of = judged.len();
        (
            Outcome::Fail,
            format!("{name} was {beyond} {} in {breaching} of the last {of} periods", gate.limit),
        )
    } else if judged.len() < wanted {
        (Outcome::Wait, format!("{name} has {} of {wanted} periods", judged.len()))
    } else {
        let allowed = gate.periods.breaching.saturating_sub(1);
        let but = if allowed == 0 || breaching == 0 {
            String::new()
        } else {
            format!(", but for {breaching} of the last {wanted} periods")
        };
        (Outcome::Pass, format!("{name} is {within} {}{but}", gate.limit))
    };
    let figures: Vec<String> =
        judged.iter().map(|(_, figure, _)| shown(*figure, &gate.measure)).collect();
    Reading::new(outcome, at, because)
        .with("figures", figures.join(", "))
        .with("window", format!("{first} to {}", last.plus(gate.period)))
        .with("samples", samples)
}

/// When, what and out of how many; nothing without samples or a figure.
fn figure(row: &Row, measure: &Measure) -> Option<(Timestamp, f64, f64)> {
    let value = row.value.filter(|value| value.is_finite() && row.samples > 0.0)?;
    let figure = match measure {
        Measure::One { .. } => value,
        Measure::Ratio { .. } => value / row.samples,
    };
    Some((row.start, figure, row.samples))
}

fn shown(figure: f64, measure: &Measure) -> String {
    match measure {
        Measure::One { .. } => format!("{}", (figure * 10_000.0).round() / 10_000.0),
        Measure::Ratio { .. } => format!("{}%", (figure * 10_000.0).round() / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Limit, Periods, RouteName, Side, units::Percent};

    fn errors() -> MetricGate {
        MetricGate {
            route: RouteName::new("web"),
            side: Side::Candidate,
            measure: Measure::Ratio { of: "E".into(), to: "RequestCount".into() },
            bound: Limited::Below,
            limit: Limit::Share(Percent::from_basis_points(100).unwrap()),
            periods: Periods { breaching: 2, of: 3 },
            period: Duration::from_mins(1),
            min_samples: 100,
        }
    }

    fn table(figures: &[(f64, f64)]) -> Vec<Row> {
        let row = |(i, (value, samples)): (i64, &(f64, f64))| Row {
            start: Timestamp::from_millis(i * 60_000),
            value: Some(*value),
            samples: *samples,
        };
        (0..).zip(figures).map(row).collect()
    }

    fn read(figures: &[(f64, f64)]) -> Outcome {
        judge_metric(&table(figures), &errors(), Timestamp::default()).outcome
    }

    #[test]
    fn enough_of_the_latest_periods_decide() {
        let (good, bad) = ((1.0, 100.0), (2.0, 100.0));
        assert_eq!(read(&[good, good, good]), Outcome::Pass, "the limit itself is allowed");
        assert_eq!(read(&[bad, good, good]), Outcome::Pass);
        assert_eq!(read(&[bad, good, bad]), Outcome::Fail);
        assert_eq!(
            read(&[bad, good, good, bad]),
            Outcome::Pass,
            "the first is not judged any more"
        );
        assert_eq!(read(&[bad, bad]), Outcome::Fail, "no need to wait for a third");
        assert_eq!(read(&[good, good]), Outcome::Wait);
    }

    #[test]
    fn too_few_samples_neither_pass_nor_fail() {
        assert_eq!(read(&[(0.0, 33.0); 3]), Outcome::Wait);
        assert_eq!(read(&[(33.0, 33.0); 3]), Outcome::Wait);
        assert_eq!(read(&[]), Outcome::Wait);
    }

    #[test]
    fn a_missing_error_count_is_zero_only_where_there_were_requests() {
        use crate::cloud::Completeness::{Complete, Partial};
        let query = |metric: &str| Query {
            namespace: "AWS/ApplicationELB".into(),
            metric: metric.into(),
            dimensions: Vec::new(),
            statistic: Statistic::Sum,
        };
        let at = Timestamp::from_millis(60_000);
        let series = |points, completeness| Series { points, completeness, requests: Vec::new() };
        let answers = [series(vec![], Complete), series(vec![(at, 50.0)], Complete)];
        let of = |metric| rows(&[query(metric), query("RequestCount")], &answers).unwrap();
        assert_eq!(of("HTTPCode_Target_5XX_Count")[0].value, Some(0.0));
        assert_eq!(of("TargetResponseTime")[0].value, None);
        assert_eq!(of("HTTPCode_Target_5X_Count")[0].value, None, "there is no such metric");
        let silent = [series(vec![(at, 1.0)], Complete), series(vec![], Complete)];
        let queries = [query("HTTPCode_Target_5XX_Count"), query("RequestCount")];
        assert_eq!(rows(&queries, &silent).unwrap(), []);
        let half = [series(vec![], Complete), series(vec![(at, 50.0)], Partial)];
        assert!(rows(&queries, &half).is_err());
    }

    #[test]
    fn a_metric_that_never_existed_is_unknown_once_there_were_requests() {
        let none = |periods| {
            let mut rows = table(&vec![(0.0, 50.0); periods]);
            for row in &mut rows {
                row.value = None;
            }
            judge_metric(&rows, &errors(), Timestamp::default()).outcome
        };
        assert_eq!(none(2), Outcome::Wait, "its figures may come a little later");
        assert_eq!(none(3), Outcome::Unknown);
    }

    proptest! {
        #[test]
        fn nothing_sampled_never_passes(values in proptest::collection::vec(any::<f64>(), 0..9)) {
            let figures: Vec<_> = values.into_iter().map(|value| (value, 0.0)).collect();
            prop_assert_eq!(read(&figures), Outcome::Wait);
        }

        #[test]
        fn the_order_of_rows_does_not_matter(
            figures in proptest::collection::vec((0.0..10.0f64, 0.0..500.0f64), 0..9),
            turn in 0usize..9,
        ) {
            let mut rows = table(&figures);
            let straight = judge_metric(&rows, &errors(), Timestamp::default());
            rows.rotate_left(turn.min(figures.len()));
            prop_assert_eq!(judge_metric(&rows, &errors(), Timestamp::default()), straight);
        }

        #[test]
        fn more_errors_never_turn_a_failure_into_a_pass(
            figures in proptest::collection::vec((0.0..10.0f64, 1.0..500.0f64), 1..9),
            more in 0.0..10.0f64,
        ) {
            let worse: Vec<_> = figures.iter().map(|(value, n)| (value + more, *n)).collect();
            prop_assert!(read(&figures) != Outcome::Fail || read(&worse) == Outcome::Fail);
        }
    }
}
