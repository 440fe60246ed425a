//! What both sides of a comparison have counted, as rows of the judge: a row a minute and side, of which a count that
//! nobody published is zero.

use crate::{
    cloud::Series,
    judge::{self, Arm, Counts, Minute, Row},
    plan::{CompareGate, LatencyAbove, units::format_duration},
    rollout::Timestamp,
};

pub(super) const MINUTE: std::time::Duration = std::time::Duration::from_mins(1);
pub(super) const ERRORS: &str = "errors";

/// A side's answers as the rows of each metric. Slow and quick answers are asked for apart, so that a source that does
/// not count them has none of either: a lone zero would read as health.
pub(super) fn counted(gate: &CompareGate, arm: Arm, answers: &[Series]) -> Vec<judge::Series> {
    let series = |metric: String, rows| judge::Series { metric: metric.into(), rows };
    match (gate.latency, answers) {
        (Some(latency), [requests, errors, slow, quick]) => vec![
            series(ERRORS.to_owned(), errors_of(arm, requests, errors)),
            series(slower_than(latency), speeds_of(arm, slow, quick)),
        ],
        (None, [requests, errors]) => {
            vec![series(ERRORS.to_owned(), errors_of(arm, requests, errors))]
        }
        // Without rows the judge has no data.
        (None | Some(_), _) => Vec::new(),
    }
}

pub(super) fn slower_than(latency: LatencyAbove) -> String {
    format!("answers slower than {}", format_duration(latency.threshold))
}

/// Errors are published only where there are some. Errors without requests are counted all the same.
fn errors_of(arm: Arm, requests: &Series, errors: &Series) -> Vec<Row> {
    rows_of(arm, requests, errors, Counts::new)
}

fn speeds_of(arm: Arm, slow: &Series, quick: &Series) -> Vec<Row> {
    rows_of(arm, slow, quick, |slow, quick| Counts::new(slow.saturating_add(quick), slow))
}

/// The counts of each minute, made of two figures of which either may be missing.
fn rows_of(arm: Arm, one: &Series, other: &Series, counts: fn(u64, u64) -> Counts) -> Vec<Row> {
    let ones = one.points.iter().map(|(at, value)| (*at, (whole(*value), 0)));
    let others = other.points.iter().map(|(at, value)| (*at, (0, whole(*value))));
    let mut minutes: Vec<(Timestamp, (u64, u64))> = ones.chain(others).collect();
    // Stable, which is quick where figures come in order, as they nearly always do.
    minutes.sort_by_key(|(at, _)| *at);
    minutes.dedup_by(|(at, more), (before, sums)| {
        let is_same = at == before;
        if is_same {
            *sums = (sums.0.saturating_add(more.0), sums.1.saturating_add(more.1));
        }
        is_same
    });
    let row = |(at, (one, other))| Row { minute: minute_of(at), arm, counts: counts(one, other) };
    minutes.into_iter().map(row).collect()
}

pub(super) fn minute_of(at: Timestamp) -> Minute {
    Minute(at.as_millis().div_euclid(60_000))
}

pub(super) fn start_of(minute: Minute) -> Timestamp {
    Timestamp::from_millis(minute.0.saturating_mul(60_000))
}

/// A count as CloudWatch gives it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and counts are whole and not negative"
)]
pub(super) fn whole(count: f64) -> u64 {
    count.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Completeness;

    fn at(minutes: i64) -> Timestamp {
        start_of(Minute(minutes))
    }

    fn series(points: Vec<(Timestamp, f64)>) -> Series {
        Series { points, completeness: Completeness::Complete, requests: Vec::new() }
    }

    #[test]
    fn slow_answers_are_counted_out_of_all_that_were_timed() {
        let rows = |slow, quick| speeds_of(Arm::Canary, &series(slow), &series(quick));
        let row = rows(vec![(at(3), 7.0)], vec![(at(3), 93.0)]);
        assert_eq!(row[0].counts, Counts::new(100, 7));
        assert_eq!(rows(vec![(at(3), 7.0)], vec![])[0].counts, Counts::new(7, 7));
        assert_eq!(rows(vec![], vec![]), []);
    }

    #[test]
    fn a_minute_with_errors_and_no_requests_is_not_dropped() {
        let rows = errors_of(Arm::Canary, &series(vec![]), &series(vec![(at(3), 7.0)]));
        assert_eq!(rows[0].counts, Counts::new(7, 7));
        let rows = errors_of(Arm::Canary, &series(vec![(at(3), 7.0)]), &series(vec![]));
        assert_eq!(rows[0].counts, Counts::new(7, 0));
    }
}
