//! What a gate asks the judge: metrics with their tolerance and margin, how often it may be wrong, how long it waits.
//! A configuration that exists is consistent; the defaults are those the simulations in `study` were run with.

use std::{collections::BTreeSet, sync::Arc};

use serde::Serialize;

use super::{
    evidence::{Hypothesis, Restarts},
    quantity::{Allowance, Alpha, Minutes, Problem, Share},
};

/// Fewer settled minutes than this never pass ("at least five minutes of data are required": Google's CAS, ACM Queue
/// 16(1), 2018).
const LEAST_DATA: Minutes = Minutes(5);

/// The parts of the reserve go in so far apart.
const RESTART_EVERY: Minutes = Minutes(5);

/// What is kept for late regressions. A larger part finds those sooner and early ones later; this one was chosen by
/// simulation so that a doubling which begins after an hour is found in less than half the time of a single start, for
/// a tenth more requests when it is there from the start (goals G3 and G6 of the study pull in opposite directions).
pub(super) const RESERVE: f64 = 0.3;

/// What a metric is held against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standard {
    /// The baseline of the same minute: FAIL when the canary is worse than `tolerance`, PASS when it is not worse than
    /// `margin`.
    Baseline { tolerance: Allowance, margin: Allowance },
    /// A fixed rate, for metrics without a baseline: FAIL when above `limit`, PASS when below `margin`. What is left
    /// after a switch of all traffic, when a comparison before and after would also see the time of day.
    Fixed { limit: Share, margin: Share },
}

impl Standard {
    /// 1.1x + 0.05 pp tolerated, 1.5x + 0.1 pp excluded before PASS.
    pub fn usual() -> Self {
        Self::Baseline { tolerance: Allowance::TOLERANCE, margin: Allowance::MARGIN }
    }

    /// What FAIL refutes.
    pub(super) fn harmless(self) -> Hypothesis {
        match self {
            Self::Baseline { tolerance, .. } => Hypothesis::from(tolerance),
            Self::Fixed { limit, .. } => Hypothesis::Limit(limit),
        }
    }

    /// What PASS refutes.
    pub(super) fn harmful(self) -> Hypothesis {
        match self {
            Self::Baseline { margin, .. } => Hypothesis::from(margin),
            Self::Fixed { margin, .. } => Hypothesis::Limit(margin),
        }
    }
}

impl From<Allowance> for Hypothesis {
    fn from(allowance: Allowance) -> Self {
        Self::Ratio { ratio: allowance.ratio(), absolute: allowance.absolute() }
    }
}

/// One metric of a gate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metric {
    name: Arc<str>,
    weight: f64,
    standard: Standard,
}

impl Metric {
    /// `weight` is relative to the other metrics' and above 0: the gate's alpha is divided in these proportions.
    pub fn new(
        name: impl Into<Arc<str>>,
        weight: f64,
        standard: Standard,
    ) -> Result<Self, Problem> {
        let name = name.into();
        if !(weight.is_finite() && weight > 0.0) {
            return Err(Problem::Weight(name.to_string()));
        }
        let apart = match standard {
            Standard::Baseline { tolerance, margin } => {
                if tolerance.is_nothing() {
                    return Err(Problem::NoTolerance);
                }
                margin.exceeds(tolerance)
            }
            Standard::Fixed { limit, margin } => margin > limit && limit.get() > 0.0,
        };
        if apart {
            Ok(Self { name, weight, standard })
        } else {
            Err(Problem::MarginWithinTolerance(name.to_string()))
        }
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub fn weight(&self) -> f64 {
        self.weight
    }

    pub fn standard(&self) -> Standard {
        self.standard
    }
}

/// How long the judge looks and what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pace {
    /// Minutes from the beginning that are shown and not judged: caches fill, compilers warm up.
    pub warmup: Minutes,
    /// How old a minute must be before it is counted: `CloudWatch` keeps adding to younger ones.
    pub settle: Minutes,
    /// Judged minutes before PASS is possible, at least 5.
    pub min_data: Minutes,
    /// Judged canary requests before PASS is possible.
    pub min_canary_requests: u64,
    /// Minutes from the beginning after which an undecided gate is inconclusive.
    pub deadline: Minutes,
    /// How long the canary may be without traffic, or a metric without data, before that is a verdict of its own.
    pub no_data_after: Minutes,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            warmup: Minutes(2),
            settle: Minutes(2),
            min_data: LEAST_DATA,
            min_canary_requests: 200,
            deadline: Minutes(60),
            no_data_after: Minutes(5),
        }
    }
}

/// A consistent configuration of the judge.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    metrics: Vec<Metric>,
    alpha: Alpha,
    beta: Alpha,
    pace: Pace,
}

impl Config {
    /// `alpha` bounds how often a harmless canary fails, over all metrics, looks and weight steps together; `beta` how
    /// often one exactly at the margin passes.
    pub fn new(
        metrics: Vec<Metric>,
        alpha: Alpha,
        beta: Alpha,
        pace: Pace,
    ) -> Result<Self, Problem> {
        if metrics.is_empty() {
            return Err(Problem::NoMetrics);
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = metrics.iter().find(|metric| !names.insert(&metric.name)) {
            return Err(Problem::DuplicateMetric(twice.name.to_string()));
        }
        if pace.min_data < LEAST_DATA {
            return Err(Problem::TooLittleData(LEAST_DATA));
        }
        if pace.deadline.0.saturating_sub(pace.warmup.0) < pace.min_data.0 {
            return Err(Problem::DeadlineTooShort(pace.min_data));
        }
        Ok(Self { metrics, alpha, beta, pace })
    }

    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    pub fn alpha(&self) -> Alpha {
        self.alpha
    }

    pub fn beta(&self) -> Alpha {
        self.beta
    }

    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// The metric's part of all weights.
    pub(super) fn part(&self, metric: &Metric) -> f64 {
        metric.weight / self.metrics.iter().map(Metric::weight).sum::<f64>()
    }

    /// A late regression is looked for from every fifth minute on; none that begins in the last sixth of the time is
    /// worth capital, since it could not be found before the deadline.
    pub(super) fn restarts(&self) -> Restarts {
        Restarts::Every {
            minutes: RESTART_EVERY,
            parts: (self.pace.deadline.0 / 6).max(1),
            reserve: RESERVE,
        }
    }
}

impl Allowance {
    /// 1.1x + 0.05 pp.
    pub const TOLERANCE: Self = Self::constant(1.1, 0.0005);
    /// 1.5x + 0.1 pp.
    pub const MARGIN: Self = Self::constant(1.5, 0.001);
}
