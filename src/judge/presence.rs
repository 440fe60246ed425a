//! Whether there is anything to judge by. A canary without traffic, a metric that never existed, a split that is not
//! the configured one: silence must never read as health.

use std::{collections::BTreeMap, ops::Range};

use super::{
    config::{Config, Standard},
    counts::{Counts, Exposure, Pair, Table},
    interval::Likelihood,
    quantity::{Alpha, Minute, Minutes, Share, float, tidy},
    report::{Absence, Split, SplitFinding},
};

/// Who was there when.
pub(super) struct Presence {
    /// Per minute and arm the most requests any metric saw.
    traffic: BTreeMap<Minute, Pair>,
    began: Minute,
    /// The end of what is settled.
    end: Minute,
    tolerated: Minutes,
    /// Per metric, the last minute in which all arms it needs had data.
    metrics: Vec<Option<Minute>>,
}

impl Presence {
    pub(super) fn new(config: &Config, tables: &[Table], settled: Range<Minute>) -> Self {
        let mut traffic: BTreeMap<Minute, Pair> = BTreeMap::new();
        for (minute, pair) in tables.iter().flatten() {
            let most = traffic.entry(*minute).or_default();
            let larger = |a: Counts, b: Counts| if a.total() < b.total() { b } else { a };
            most.canary = larger(most.canary, pair.canary);
            most.baseline = larger(most.baseline, pair.baseline);
        }
        let metrics = config.metrics().iter().zip(tables).map(|(metric, table)| {
            let last = |has: fn(&Pair) -> bool| {
                table.iter().rev().find(|(_, pair)| has(pair)).map(|(minute, _)| *minute)
            };
            let canary = last(|pair| pair.canary.total() > 0);
            match metric.standard() {
                Standard::Baseline { .. } => canary.min(last(|pair| pair.baseline.total() > 0)),
                Standard::Fixed { .. } => canary,
            }
        });
        Self {
            metrics: metrics.collect(),
            traffic,
            began: settled.start,
            end: settled.end,
            tolerated: config.pace().no_data_after,
        }
    }

    /// What has been missing for longer than tolerated.
    pub(super) fn absence(&self) -> Option<Absence> {
        let last_where = |has: fn(&Pair) -> bool| {
            self.traffic.iter().rev().find(|(_, t)| has(t)).map(|(minute, _)| *minute)
        };
        let missing = |last: Option<Minute>| {
            let since = last.map_or(self.began, |minute| minute.plus(Minutes(1)));
            self.end.since(since) >= self.tolerated
        };
        if missing(last_where(|t| t.canary.total() > 0)) {
            let baseline_too = missing(last_where(|t| t.baseline.total() > 0));
            return Some(if baseline_too { Absence::NoTraffic } else { Absence::CanarySilent });
        }
        self.metrics.iter().any(|last| missing(*last)).then_some(Absence::MetricSilent)
    }

    /// Holds the split up to and including `until` against the configured one.
    ///
    /// Fixed-horizon checks call any split wrong once there is enough traffic; this one has a band. It is off when the
    /// confidence sequence of the canary's odds, at level 0.001, lies outside of 0.9 to 1.1 times the configured ones,
    /// extreme when outside of a half to twice. (Lindon and Malek 2022 test the point; the band is ours.)
    pub(super) fn split(&self, exposure: &Exposure, until: Option<Minute>) -> Split {
        let until = until.unwrap_or(self.began);
        let mut by_share: Vec<(Share, f64, f64)> = Vec::new();
        for (minute, traffic) in self.traffic.range(..=until) {
            let share = exposure.share_at(*minute);
            let canary = float(traffic.canary.total());
            let all = canary + float(traffic.baseline.total());
            match by_share.last_mut() {
                Some((of, to_canary, events)) if *of == share => {
                    *to_canary += canary;
                    *events += all;
                }
                _ => by_share.push((share, canary, all)),
            }
        }
        let mut likelihood = Likelihood::default();
        let (mut canary, mut all) = (0.0, 0.0);
        for (share, to_canary, events) in by_share {
            likelihood.add(share.get(), to_canary, events);
            canary += to_canary;
            all += events;
        }
        let odds = likelihood.interval(Alpha::PER_MILLE);
        let outside = |low: f64, high: f64| odds.high < low || odds.low > high;
        Split {
            expected: exposure.share_at(until),
            observed: (all > 0.0).then(|| Share::new(tidy(canary / all, 6)).ok()).flatten(),
            finding: if outside(0.5, 2.0) {
                SplitFinding::Extreme
            } else if outside(0.9, 1.1) {
                SplitFinding::Off
            } else {
                SplitFinding::AsConfigured
            },
        }
    }
}
