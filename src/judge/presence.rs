//! Whether there is anything to judge by. A canary without traffic, a metric that never existed, a split that is not
//! the configured one: silence must never read as health.

use std::collections::{BTreeMap, VecDeque};

use super::{
    config::{Config, Metric, Standard},
    counts::{Counts, Exposure, Pair, Table},
    interval::Likelihood,
    quantity::{Alpha, Minute, Minutes, Share, float, tidy},
    report::{Absence, Split, SplitFinding},
};

/// Who was there when, as far as it has been taken in.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    began: Minute,
    /// The end of what is settled.
    end: Minute,
    tolerated: Minutes,
    /// The last minutes in which the arms had traffic, by any metric.
    last: Last,
    /// The same by each metric, and what it is held against.
    metrics: Vec<(Standard, Last)>,
    /// Per minute and arm the most requests any metric saw, of the minutes that are not yet among the shares.
    traffic: VecDeque<(Minute, Pair)>,
    /// Requests of the canary and of both arms while a share was configured.
    by_share: Vec<(Share, f64, f64)>,
}

/// The last minute in which each arm had requests.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    canary: Option<Minute>,
    baseline: Option<Minute>,
}

impl Last {
    fn take_in(&mut self, minute: Minute, pair: Pair) {
        let later = |last: &mut Option<Minute>, counts: Counts| {
            if counts.total() > 0 {
                *last = (*last).max(Some(minute));
            }
        };
        later(&mut self.canary, pair.canary);
        later(&mut self.baseline, pair.baseline);
    }
}

impl Presence {
    pub(super) fn new(config: &Config, began: Minute) -> Self {
        let of_metric = |metric: &Metric| (metric.standard(), Last::default());
        Self {
            began,
            end: began,
            tolerated: config.pace().no_data_after,
            last: Last::default(),
            metrics: config.metrics().iter().map(of_metric).collect(),
            traffic: VecDeque::new(),
            by_share: Vec::new(),
        }
    }

    /// Takes in what has settled by `end`: the tables of the metrics, over minutes that follow those before.
    pub(super) fn take_in(&mut self, tables: &[Table], end: Minute) {
        self.end = end;
        let mut traffic: BTreeMap<Minute, Pair> = BTreeMap::new();
        for ((_, last), table) in self.metrics.iter_mut().zip(tables) {
            for (minute, pair) in table {
                last.take_in(*minute, *pair);
                let most = traffic.entry(*minute).or_default();
                let larger = |a: Counts, b: Counts| if a.total() < b.total() { b } else { a };
                most.canary = larger(most.canary, pair.canary);
                most.baseline = larger(most.baseline, pair.baseline);
            }
        }
        for (minute, pair) in traffic {
            self.last.take_in(minute, pair);
            self.traffic.push_back((minute, pair));
        }
    }

    /// What has been missing for longer than tolerated.
    pub(super) fn absence(&self) -> Option<Absence> {
        let missing = |last: Option<Minute>| {
            let since = last.map_or(self.began, |minute| minute.plus(Minutes(1)));
            self.end.since(since) >= self.tolerated
        };
        if missing(self.last.canary) {
            let baseline_too = missing(self.last.baseline);
            return Some(if baseline_too { Absence::NoTraffic } else { Absence::CanarySilent });
        }
        let silent = |(standard, last): &(Standard, Last)| match standard {
            Standard::Baseline { .. } => missing(last.canary.min(last.baseline)),
            Standard::Fixed { .. } => missing(last.canary),
        };
        self.metrics.iter().any(silent).then_some(Absence::MetricSilent)
    }

    /// Holds the split up to and including `until`, which is no earlier than at the last look, against the configured
    /// one.
    ///
    /// Fixed-horizon checks call any split wrong once there is enough traffic; this one has a band. It is off when the
    /// confidence sequence of the canary's odds, at level 0.001, lies outside of 0.9 to 1.1 times the configured ones,
    /// extreme when outside of a half to twice. (Lindon and Malek 2022 test the point; the band is ours.)
    pub(super) fn split(&mut self, exposure: &Exposure, until: Option<Minute>) -> Split {
        let until = until.unwrap_or(self.began);
        while let Some((minute, traffic)) = self.traffic.pop_front_if(|(at, _)| *at <= until) {
            let share = exposure.share_at(minute);
            let canary = float(traffic.canary.total());
            let all = canary + float(traffic.baseline.total());
            match self.by_share.last_mut() {
                Some((of, to_canary, events)) if *of == share => {
                    *to_canary += canary;
                    *events += all;
                }
                _ => self.by_share.push((share, canary, all)),
            }
        }
        let mut likelihood = Likelihood::default();
        let (mut canary, mut all) = (0.0, 0.0);
        for &(share, to_canary, events) in &self.by_share {
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
