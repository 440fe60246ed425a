//! How often the judge would have been wrong on this service: two parts of the same software (two zones of the baseline)
//! held against each other over days of history. The simulations know independent requests; this knows the users'.

use std::{ops::Range, sync::Arc};

use serde::Serialize;

use super::{
    compare::{Case, judge},
    config::Config,
    counts::{Arm, Exposure, Row, Series, Step, per_minute, sum},
    quantity::{Minute, Minutes, Share},
    report::{Earlier, Report, Verdict},
};

/// The alarm rates of a replay. Each window is judged twice, with either part as the canary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    pub window: Minutes,
    pub judgements: u32,
    /// FAIL although both parts run the same software: at most alpha of them should.
    pub alarms: u32,
    /// What the exact test alone would have failed, without the guards.
    pub alarms_without_guards: u32,
    pub passes: u32,
    pub no_data: u32,
    pub metrics: Vec<MetricCalibration>,
}

impl Calibration {
    /// Alarms per judgement; `None` without any.
    pub fn alarm_rate(&self) -> Option<f64> {
        (self.judgements > 0).then(|| f64::from(self.alarms) / f64::from(self.judgements))
    }
}

/// How noisy a metric is between minutes: Pearson's dispersion, 1 for independent requests. Above 3 a gate will not
/// decide; look for retries, batch jobs, one bad host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricCalibration {
    pub metric: Arc<str>,
    pub median_dispersion: f64,
    pub worst_dispersion: f64,
}

/// Replays `history` in windows as long as the configured deadline. The arms are the two parts, either of which is
/// taken for the canary once.
pub fn calibrate(config: &Config, history: &[Series]) -> Calibration {
    let window = config.pace().deadline;
    let mut calibration = Calibration {
        window,
        judgements: 0,
        alarms: 0,
        alarms_without_guards: 0,
        passes: 0,
        no_data: 0,
        metrics: Vec::new(),
    };
    let mut reports = Vec::new();
    for from in windows(history, window) {
        let within = from..from.plus(window);
        for roles in [Roles::AsGiven, Roles::Swapped] {
            let report = replay(config, history, within.clone(), roles);
            calibration.judgements += 1;
            match report.verdict {
                Verdict::Fail => calibration.alarms += 1,
                Verdict::Pass => calibration.passes += 1,
                Verdict::NoData(_) => calibration.no_data += 1,
                Verdict::Running | Verdict::Inconclusive(_) => {}
            }
            // Guards only delay the exact test's alarm, so that the trace up to the verdict shows it.
            if exact_peak(&report) >= report.fail_line {
                calibration.alarms_without_guards += 1;
            }
            reports.push(report);
        }
    }
    calibration.metrics = config
        .metrics()
        .iter()
        .map(|metric| {
            let of_metric =
                reports.iter().flat_map(|r| &r.metrics).filter(|m| m.name == *metric.name());
            let mut dispersions: Vec<f64> = of_metric.map(|m| m.dispersion).collect();
            dispersions.sort_by(f64::total_cmp);
            MetricCalibration {
                metric: metric.name().clone(),
                median_dispersion: dispersions.get(dispersions.len() / 2).copied().unwrap_or(1.0),
                worst_dispersion: dispersions.last().copied().unwrap_or(1.0),
            }
        })
        .collect();
    calibration
}

#[derive(Clone, Copy)]
enum Roles {
    AsGiven,
    Swapped,
}

/// The starts of whole windows, one after the other.
fn windows(history: &[Series], window: Minutes) -> Vec<Minute> {
    let minutes = || history.iter().flat_map(|series| &series.rows).map(|row| row.minute);
    let (Some(mut from), Some(last)) = (minutes().min(), minutes().max()) else {
        return Vec::new();
    };
    let mut starts = Vec::new();
    while from.plus(window).0 <= last.0.saturating_add(1) {
        starts.push(from);
        from = from.plus(Minutes(window.0.max(1)));
    }
    starts
}

fn replay(config: &Config, history: &[Series], within: Range<Minute>, roles: Roles) -> Report {
    let series: Vec<Series> = history
        .iter()
        .map(|series| Series {
            metric: series.metric.clone(),
            rows: series
                .rows
                .iter()
                .filter(|row| within.contains(&row.minute))
                .map(|row| match roles {
                    Roles::AsGiven => *row,
                    Roles::Swapped => Row { arm: other(row.arm), ..*row },
                })
                .collect(),
        })
        .collect();
    let seen = sum(series.iter().flat_map(|s| per_minute(&s.rows, within.clone())).map(|(_, p)| p));
    let share = seen.share().and_then(|share| Share::new(share).ok()).unwrap_or(Share::HALF);
    judge(
        config,
        &Case {
            exposure: &Exposure::new(Step { at: within.start, share }),
            now: within.end.plus(config.pace().settle),
            series: &series,
            earlier: &Earlier::Nothing,
        },
    )
}

const fn other(arm: Arm) -> Arm {
    match arm {
        Arm::Baseline => Arm::Canary,
        Arm::Canary => Arm::Baseline,
    }
}

/// The highest log10 the exact, weighted evidence reached.
fn exact_peak(report: &Report) -> f64 {
    let longest = report.metrics.iter().map(|m| m.trace.len()).max().unwrap_or(0);
    (0..longest)
        .map(|place| {
            let parts = report.metrics.iter().map(|metric| {
                let seen = metric.trace.get(..=place).unwrap_or_else(|| metric.trace.as_slice());
                metric.part * seen.last().map_or(1.0, |point| 10_f64.powf(point.fail))
            });
            parts.sum::<f64>().log10()
        })
        .fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Alpha, Metric, Pace, Standard, study};

    fn config() -> Config {
        let metric = Metric::new("errors", 1.0, Standard::usual()).unwrap();
        Config::new(vec![metric], Alpha::FIVE_PERCENT, Alpha::FIVE_PERCENT, Pace::default())
            .unwrap()
    }

    #[test]
    fn two_zones_alike_hardly_ever_alarm() {
        let calibration = calibrate(&config(), &[study::history(600, study::Zones::Alike)]);
        assert_eq!((calibration.judgements, calibration.no_data), (20, 0));
        assert!(calibration.alarm_rate().unwrap() <= 0.1, "{calibration:?}");
        assert!(calibration.metrics[0].median_dispersion < 1.5);
    }

    #[test]
    fn a_zone_that_is_always_worse_alarms_in_one_of_the_two_roles() {
        let calibration = calibrate(&config(), &[study::history(600, study::Zones::OneWorse)]);
        assert_eq!(calibration.alarms, 10, "{calibration:?}");
        assert!(calibration.alarms_without_guards >= 10);
    }

    #[test]
    fn less_than_a_window_of_history_is_no_calibration() {
        let calibration = calibrate(&config(), &[study::history(30, study::Zones::Alike)]);
        assert_eq!(calibration.alarm_rate(), None);
    }
}
