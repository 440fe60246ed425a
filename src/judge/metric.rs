//! One metric as far as it has been observed: its two e-processes side by side, and what the guards leave of them.

use std::{collections::VecDeque, sync::Arc};

use super::{
    clusters::Clusters,
    config::{Config, Metric, Standard},
    counts::{Pair, Table},
    evidence::{Grid, PerPoint, Process, Restarts},
    guard,
    interval::{Errors, Likelihood},
    lasting::Lasting,
    quantity::{Alpha, Minute, Share, tidy},
    report::{Blame, Bounds, Carried, Earlier, Evidence, MetricReport, Point, WorstMinute},
    unrest::{Restless, Unrest},
};

#[derive(Clone, Debug)]
pub(super) struct Observed {
    pub(super) metric: Metric,
    /// Its part of all weights.
    pub(super) part: f64,
    ahead: VecDeque<(Minute, Pair)>,
    fail: Process,
    pass: Process,
    /// What each minute spoke for, in the process to fail.
    history: Vec<PerPoint>,
    /// What an earlier attempt left: added to both readings of the evidence.
    before: Before,
    /// Shared with the reports, which are gone before the next minute.
    pub(super) trace: Arc<Vec<Point>>,
    /// All minutes together.
    counts: Pair,
    summed: Summed,
}

/// What a look needs of all minutes at once. Most looks of a replay need none of it, so it follows when it is asked for.
#[derive(Clone, Debug)]
struct Summed {
    minutes: usize,
    errors: Errors,
    restless: Restless,
    clusters: Clusters,
}

#[derive(Clone, Copy, Debug, Default)]
struct Before {
    ln_fail: f64,
    ln_pass: f64,
}

/// ln of an e-value: as the exact test has it, and what the guards leave.
#[derive(Clone, Copy)]
pub(super) struct LnEvidence {
    pub(super) exact: f64,
    pub(super) guarded: f64,
}

impl From<LnEvidence> for Evidence {
    fn from(ln: LnEvidence) -> Self {
        Self { exact: log10(ln.exact), guarded: log10(ln.guarded) }
    }
}

/// A natural logarithm as one to base 10, fit for showing.
pub(super) fn log10(ln: f64) -> f64 {
    tidy(ln / std::f64::consts::LN_10, 4)
}

/// A metric's evidence with what the guards went by.
pub(super) struct Found {
    pub(super) fail: LnEvidence,
    pub(super) pass: LnEvidence,
    pub(super) dispersion: f64,
    pub(super) unrest: Unrest,
    errors: Likelihood,
    worst: Option<usize>,
    ln_without_worst: f64,
    ln_exact_without_worst: f64,
}

impl Found {
    /// Whether there is evidence to fail which the worst minute alone carries, tempered or not.
    pub(super) fn hangs_on_one_minute(&self) -> bool {
        self.worst.is_some() && self.ln_exact_without_worst < guard::LN_WITHOUT_WORST
    }
}

impl Observed {
    pub(super) fn new(config: &Config, metric: &Metric, earlier: &Earlier) -> Self {
        let before = match earlier {
            Earlier::Nothing | Earlier::Failed { .. } => None,
            Earlier::Undecided(carried) => carried.iter().find(|c| c.metric == *metric.name()),
        };
        Self {
            metric: metric.clone(),
            part: config.part(metric),
            history: Vec::new(),
            trace: Arc::default(),
            ahead: VecDeque::new(),
            fail: Process::new(Grid::worse(), config.restarts()),
            pass: Process::new(Grid::better(), Restarts::Never),
            before: before.map_or_else(Before::default, |c| Before {
                ln_fail: c.fail * std::f64::consts::LN_10,
                ln_pass: c.pass * std::f64::consts::LN_10,
            }),
            counts: Pair::default(),
            summed: Summed {
                minutes: 0,
                errors: Errors::default(),
                restless: Restless::default(),
                clusters: Clusters::new(),
            },
        }
    }

    /// More minutes to take in, which follow those that it has.
    pub(super) fn expect(&mut self, minutes: Table) {
        self.ahead.extend(minutes);
    }

    /// The next minute there is something to take in.
    pub(super) fn next(&self) -> Option<Minute> {
        self.ahead.front().map(|(minute, _)| *minute)
    }

    pub(super) fn step(&mut self) {
        self.fail.step();
    }

    /// Takes in this minute, if there are counts of it.
    pub(super) fn observe(&mut self, minute: Minute) {
        let Some((_, counts)) = self.ahead.pop_front_if(|(at, _)| *at == minute) else { return };
        let standard = self.metric.standard();
        self.history.push(self.fail.observe(standard.harmless(), counts));
        self.pass.observe(standard.harmful(), counts);
        self.counts = self.counts.plus(counts);
        Arc::make_mut(&mut self.trace).push(Point {
            minute,
            counts,
            fail: log10(self.fail.ln_value() + self.before.ln_fail),
            pass: log10(self.pass.ln_value() + self.before.ln_pass),
        });
    }

    /// ln of the evidence that it is worse than tolerated, by the exact test.
    pub(super) fn ln_exact(&self) -> f64 {
        self.fail.ln_value() + self.before.ln_fail
    }

    pub(super) fn found(&mut self) -> Found {
        let pass = self.found_to_pass();
        let errors = self.summed.errors.likelihood();
        let pairs = self.trace.iter().map(|point| point.counts);
        let dispersion = match self.metric.standard() {
            Standard::Baseline { .. } => guard::dispersion(&errors, pairs),
            Standard::Fixed { .. } => guard::dispersion_of_rate(pairs.map(|pair| pair.canary)),
        };
        let ln_fail = self.fail.ln_value();
        let mut found = Found {
            fail: LnEvidence { exact: ln_fail, guarded: ln_fail },
            pass,
            dispersion,
            unrest: self.summed.restless.unrest(),
            errors,
            worst: None,
            ln_without_worst: ln_fail,
            ln_exact_without_worst: ln_fail,
        };
        // The guards only take evidence away, so that they have nothing to say where there is none.
        if ln_fail > 0.0 {
            let by = |phi, omitted| self.fail.tempered(&self.history, phi, omitted);
            found.worst = self.fail.loudest(&self.history);
            found.ln_without_worst = by(dispersion, found.worst);
            found.ln_exact_without_worst = by(1.0, found.worst);
            found.fail.guarded = guard::guarded(by(dispersion, None), found.ln_without_worst);
        }
        found.fail = found.fail.after(self.before.ln_fail);
        found
    }

    /// The evidence to pass.
    pub(super) fn found_to_pass(&mut self) -> LnEvidence {
        self.sum_up();
        let exact = self.pass.ln_value();
        let mut guarded = exact;
        // Both only take evidence away, so that they have nothing to say where there is none.
        if guarded > 0.0 {
            guarded = self.summed.restless.unrest().left_of(exact);
        }
        if guarded > 0.0 {
            guarded = guarded.min(self.summed.clusters.left());
        }
        LnEvidence { exact, guarded }.after(self.before.ln_pass)
    }

    /// Adds the minutes that have been observed since the last time.
    fn sum_up(&mut self) {
        let harmful = self.metric.standard().harmful();
        for Point { counts, .. } in self.trace.iter().skip(self.summed.minutes) {
            self.summed.errors.take_in(*counts);
            self.summed.restless.take_in(harmful, *counts);
            self.summed.clusters.take_in(harmful, *counts);
        }
        self.summed.minutes = self.trace.len();
    }

    /// ln of the evidence that it is better than its margin, by the exact test: no less than behind the care for noise.
    pub(super) fn ln_exact_to_pass(&self) -> f64 {
        self.pass.ln_value() + self.before.ln_pass
    }

    pub(super) fn counts(&self) -> Pair {
        self.counts
    }

    pub(super) fn carry(&self, found: &Found) -> Carried {
        Carried {
            metric: self.metric.name().clone(),
            fail: log10(found.fail.guarded),
            pass: log10(found.pass.guarded),
        }
    }

    pub(super) fn report(&self, found: &Found, alpha: Alpha, blame: Blame) -> MetricReport {
        let ratio = match self.metric.standard() {
            Standard::Baseline { .. } => {
                let interval = found.errors.interval(alpha);
                Some(Bounds {
                    low: tidy(interval.low, 4),
                    estimate: tidy(interval.estimate, 4),
                    high: interval.high.is_finite().then(|| tidy(interval.high, 4)),
                })
            }
            Standard::Fixed { .. } => None,
        };
        let worst = found.worst.and_then(|place| self.trace.get(place));
        MetricReport {
            name: self.metric.name().clone(),
            part: tidy(self.part, 6),
            standard: self.metric.standard(),
            counts: self.counts(),
            ratio,
            fail: found.fail.into(),
            pass: found.pass.into(),
            dispersion: tidy(found.dispersion, 4),
            lasting: found.unrest.lasting.map(Lasting::tidied),
            worst_minute: worst.map(|point| WorstMinute {
                minute: point.minute,
                without: log10(found.ln_without_worst + self.before.ln_fail),
            }),
            blame,
            trace: self.trace.clone(),
        }
    }

    /// Rates to plan with: the baseline's, or for a fixed standard the canary's own.
    pub(super) fn base_rate(&self) -> Option<Share> {
        let counts = self.counts();
        let rate = match self.metric.standard() {
            Standard::Baseline { .. } => counts.baseline.rate(),
            Standard::Fixed { .. } => counts.canary.rate(),
        };
        rate.and_then(|rate| Share::new(rate).ok())
    }
}

impl LnEvidence {
    fn after(self, before: f64) -> Self {
        Self { exact: self.exact + before, guarded: self.guarded + before }
    }
}
