//! The looks of a gate, one after each settled minute, over all of its metrics, until one is decisive. What has been
//! looked at is kept, so that more minutes cost what is new of them.

use super::{
    config::Config,
    counts::{Exposure, Table},
    elementary::{exp, ln},
    forecast,
    metric::{Found, LnEvidence, Observed},
    quantity::{Alpha, Minute, Minutes, float},
    report::{Blame, Earlier, MetricReport},
};

/// What the looks came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    Nothing,
    Failed,
}

/// Whether enough was judged for a PASS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Warming,
    Ready,
}

/// All metrics, as far as they are observed.
#[derive(Clone, Debug)]
pub(super) struct Looks {
    pub(super) metrics: Vec<Observed>,
    pub(super) seen: Vec<Minute>,
    pub(super) decided: Decided,
    /// So many of the exposure's later steps have been met.
    steps: usize,
}

impl Looks {
    pub(super) fn new(config: &Config, earlier: &Earlier) -> Self {
        let observed = |metric| Observed::new(config, metric, earlier);
        Self {
            metrics: config.metrics().iter().map(observed).collect(),
            seen: Vec::new(),
            decided: Decided::Nothing,
            steps: 0,
        }
    }

    /// Looks after each of these minutes, which follow those before, until one is decisive.
    pub(super) fn run(&mut self, tables: Vec<Table>, exposure: &Exposure, alpha: Alpha) {
        if self.decided == Decided::Failed {
            return;
        }
        self.metrics.iter_mut().zip(tables).for_each(|(metric, table)| metric.expect(table));
        while let Some(minute) = self.metrics.iter().filter_map(Observed::next).min() {
            while exposure.later().get(self.steps).is_some_and(|step| step.at <= minute) {
                self.steps += 1;
                self.metrics.iter_mut().for_each(Observed::step);
            }
            self.metrics.iter_mut().for_each(|m| m.observe(minute));
            self.seen.push(minute);
            if self.is_decisive(alpha) {
                self.decided = Decided::Failed;
                return;
            }
        }
    }

    /// What is found of each metric now.
    pub(super) fn found(&mut self) -> Vec<Found> {
        self.metrics.iter_mut().map(Observed::found).collect()
    }

    fn is_decisive(&mut self, alpha: Alpha) -> bool {
        // A mean is at most its largest part, and the guards, which are dear, only ever take away.
        let most = self.metrics.iter().map(Observed::ln_exact).fold(0.0, f64::max);
        most >= alpha.ln_threshold() && {
            let found = self.found();
            self.weighted(&found).guarded >= alpha.ln_threshold()
        }
    }

    /// The weighted mean over the metrics.
    pub(super) fn weighted(&self, found: &[Found]) -> LnEvidence {
        let mean = |of: fn(&Found) -> f64| {
            let terms = || self.metrics.iter().zip(found).map(|(m, f)| ln(m.part) + of(f));
            let largest = terms().fold(f64::NEG_INFINITY, f64::max);
            largest + ln(terms().map(|term| exp(term - largest)).sum())
        };
        LnEvidence { exact: mean(|f| f.fail.exact), guarded: mean(|f| f.fail.guarded) }
    }

    /// Minutes and canary requests since the share was last raised: a regression may need that load.
    pub(super) fn readiness(&self, config: &Config, since: Minute) -> Readiness {
        let minutes = self.seen.iter().rev().take_while(|minute| **minute >= since).count();
        let requests = self
            .metrics
            .iter()
            .map(|m| m.trace.iter().rev().take_while(|p| p.minute >= since))
            .map(|points| points.map(|p| p.counts.canary.total()).sum::<u64>())
            .max();
        let pace = config.pace();
        if u32::try_from(minutes).is_ok_and(|minutes| minutes < pace.min_data.0)
            || requests.is_none_or(|requests| requests < pace.min_canary_requests)
        {
            Readiness::Warming
        } else {
            Readiness::Ready
        }
    }

    /// Minutes until the slowest metric likely passes, if the canary is no worse than the baseline.
    pub(super) fn to_pass(&self, config: &Config, found: &[Found]) -> Option<Minutes> {
        let minutes = float(u64::try_from(self.seen.len()).ok()?);
        self.metrics
            .iter()
            .zip(found)
            .map(|(m, f)| {
                let counts = m.counts();
                let growth = forecast::pass_growth(
                    m.metric.standard(),
                    m.base_rate()?.get(),
                    counts.share()?,
                );
                let per_minute = growth.mean * float(counts.canary.total()) / minutes;
                let more = forecast::first_minute(|more| {
                    let needed = f.unrest.after(more).needed(config.beta().ln_threshold());
                    f.pass.exact + per_minute * more >= needed
                });
                (per_minute > 0.0).then_some(more).flatten()
            })
            .try_fold(Minutes(0), |most, minutes| Some(most.max(minutes?)))
    }

    pub(super) fn reports(&self, found: &[Found], alpha: Alpha) -> Vec<MetricReport> {
        let strength = |m: &Observed, f: &Found| ln(m.part) + f.fail.guarded;
        let most = self
            .metrics
            .iter()
            .zip(found)
            .map(|(m, f)| strength(m, f))
            .fold(f64::NEG_INFINITY, f64::max);
        self.metrics
            .iter()
            .zip(found)
            .map(|(m, f)| {
                let own = strength(m, f);
                let blame = match self.decided {
                    Decided::Failed if own >= alpha.ln_threshold() => Blame::Alone,
                    Decided::Failed if own >= most => Blame::Most,
                    Decided::Failed | Decided::Nothing => Blame::None,
                };
                m.report(f, alpha, blame)
            })
            .collect()
    }
}
