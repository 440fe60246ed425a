//! What a comparison would have said of one side held against itself, over days of its past: how often a harmless
//! candidate would have failed on this service, whose requests may not be as independent as the statistics have them.

use std::time::Duration;

use serde::Serialize;

use super::{
    compare::{counts, judge_config},
    measured::{Source, lacking, last_whole},
    rows::{MINUTE, counted},
};
use crate::{
    cloud::{Error, Operation, Reads, Series},
    judge::{self, Arm, Calibration, Minute, Row, calibrate},
    plan::{CompareGate, Side, units::Percent},
    rollout::{RouteBound, Timestamp},
};

/// In basis points, beside the gate's own: thresholds one might choose instead.
const LEVELS: [u16; 4] = [100, 500, 1_000, 2_000];

/// What came out for one gate.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Calibrated {
    /// Minutes in which the stable side had requests.
    pub minutes: usize,
    /// By alpha, the strictest first.
    pub levels: Vec<Level>,
}

/// What one threshold would have said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Level {
    /// Above 0, at most 0.2.
    pub alpha: f64,
    /// Whether it is the gate's own.
    pub choice: Choice,
    pub calibration: Calibration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    Own,
    Other,
}

/// Reads the stable side's counts from `since` on, with one call, and holds neighbouring minutes against each other.
pub async fn calibrate_compare(
    reads: &Reads,
    gate: &CompareGate,
    bound: &RouteBound,
    since: Timestamp,
    now: Timestamp,
) -> Result<Calibrated, Error> {
    let refused =
        |message: String| Error::Rejected { operation: Operation::GetMetricData, message };
    let queries = counts(&Source::of(reads, bound, Side::Stable).await?, gate);
    let (from, to) = (last_whole(since, MINUTE), last_whole(now.before(gate.settle), MINUTE));
    if from >= to {
        return Err(refused("no minute of the past has settled".to_owned()));
    }
    let answers = reads.metrics.series(&queries, from, to, MINUTE).await?;
    match lacking(&queries, &answers) {
        Some(words) => Err(refused(words)),
        None => of_answers(gate, &answers).map_err(|problem| refused(problem.to_string())),
    }
}

fn of_answers(gate: &CompareGate, answers: &[Series]) -> Result<Calibrated, judge::Problem> {
    let series = counted(gate, Arm::Baseline, answers);
    let minutes = series.iter().map(|series| series.rows.len()).max().unwrap_or(0);
    let history: Vec<judge::Series> = series.into_iter().map(neighbours).collect();
    let own = gate.alpha.basis_points();
    let mut levels: Vec<u16> = LEVELS.into_iter().chain([own]).collect();
    levels.sort_unstable();
    levels.dedup();
    let judged = |level: u16| {
        let alpha = Percent::from_basis_points(level).unwrap_or(gate.alpha);
        Ok(Level {
            alpha: f64::from(level) / 10_000.0,
            choice: if level == own { Choice::Own } else { Choice::Other },
            calibration: calibrate(
                &judge_config(&CompareGate { alpha, ..gate.clone() })?,
                &history,
            ),
        })
    };
    Ok(Calibrated { minutes, levels: levels.into_iter().map(judged).collect::<Result<_, _>>()? })
}

/// Every other minute plays the candidate to the minute before it. Cutting each minute at random would hide what a
/// whole minute has in common, and that is what makes false alarms.
fn neighbours(series: judge::Series) -> judge::Series {
    let row = |row: Row| Row {
        minute: Minute(row.minute.0.div_euclid(2)),
        arm: if row.minute.0.rem_euclid(2) == 0 { Arm::Baseline } else { Arm::Canary },
        ..row
    };
    judge::Series { rows: series.rows.into_iter().map(row).collect(), ..series }
}

/// How far back minutes are kept: `CloudWatch` has them for 15 days.
pub const LONGEST_PAST: Duration = Duration::from_hours(15 * 24);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cloud::Completeness, testkit::sample_compare};

    fn gate() -> CompareGate {
        CompareGate {
            alpha: Percent::from_basis_points(200).unwrap(),
            deadline: Duration::from_mins(30),
            ..sample_compare()
        }
    }

    /// A day of 3000 requests a minute with so many errors in each.
    fn day(errors: fn(u32) -> f64) -> [Series; 2] {
        let series = |value: &dyn Fn(u32) -> f64| Series {
            points: (0..1_440)
                .map(|m| (Timestamp::from_millis(i64::from(m) * 60_000), value(m)))
                .collect(),
            completeness: Completeness::Complete,
            requests: Vec::new(),
        };
        [series(&|_| 3_000.0), series(&errors)]
    }

    fn alarms(errors: fn(u32) -> f64) -> Vec<(Choice, u32, u32)> {
        let calibrated = of_answers(&gate(), &day(errors)).unwrap();
        assert_eq!(calibrated.minutes, 1_440);
        let of =
            |level: &Level| (level.choice, level.calibration.judgements, level.calibration.alarms);
        calibrated.levels.iter().map(of).collect()
    }

    #[test]
    fn a_steady_service_raises_no_alarm_at_any_level() {
        use Choice::{Other, Own};
        let steady = alarms(|minute| 28.0 + f64::from(minute % 5));
        assert_eq!(steady, [Other, Own, Other, Other, Other].map(|choice| (choice, 48, 0)));
    }

    #[test]
    fn a_service_whose_minutes_take_turns_at_failing_raises_alarms() {
        let noisy = alarms(|minute| if minute % 2 == 0 { 20.0 } else { 90.0 });
        assert!(noisy.iter().all(|(_, judged, alarms)| *alarms * 2 == *judged), "{noisy:?}");
    }
}
