//! What to expect before a canary starts: how many minutes and requests a FAIL of a given regression and a PASS take at
//! this traffic. The answer to "why is it still running", and to "which weight do I need".

use std::sync::Arc;

use serde::Serialize;

use super::{
    config::{Config, Metric, Standard},
    evidence::{Grid, Growth},
    quantity::{Minutes, Share, whole},
};

/// Regressions one wants to know about, as multiples of the baseline's rate.
const REGRESSIONS: [f64; 3] = [1.5, 2.0, 5.0];

/// What the mixture over alternatives costs against knowing the right one, in ln E.
const MIXTURE_COST: f64 = 1.0;
/// The 90th percentile of a normal variable.
const NINETY: f64 = 1.281_551_565_544_6;

/// The traffic and error rate to plan for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Requests per minute of both arms together.
    pub requests_per_minute: f64,
    /// The canary's share of them.
    pub share: Share,
    /// The baseline's rate of bad requests.
    pub rate: Share,
}

/// How long a verdict takes: half of all runs are decided within `likely`, nine of ten within `at_most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Delay {
    pub likely: Minutes,
    pub at_most: Minutes,
    /// Canary requests within `likely`.
    pub requests: u64,
}

/// What to expect of one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    pub metric: Arc<str>,
    /// Per regression, as a multiple of the baseline's rate; `None` where it is tolerated and FAIL is not to be
    /// expected.
    pub fail: Vec<(f64, Option<Delay>)>,
    /// For a canary no worse than the baseline; `None` where that is already beyond the margin.
    pub pass: Option<Delay>,
    /// Minutes added to every verdict by warm-up and settling.
    pub overhead: Minutes,
}

/// What to expect of `metric` in a gate configured like this.
pub fn forecast(config: &Config, metric: &Metric, outlook: &Outlook) -> Forecast {
    let pace = config.pace();
    let rho = outlook.share.get();
    let rate = outlook.rate.get();
    let delay = |growth: Growth, ln_needed: f64| delay(growth, ln_needed, outlook);
    let harmless = metric.standard().harmless();
    // One metric of several has to reach its part of alpha alone.
    let line = config.alpha().ln_threshold() - config.part(metric).ln();
    let fail = REGRESSIONS
        .iter()
        .map(|times| {
            let growth = Grid::worse().growth(harmless, ((times * rate).min(1.0), rate), rho);
            // Half of the capital is kept for late regressions.
            (*times, delay(growth, line + std::f64::consts::LN_2))
        })
        .collect();
    Forecast {
        metric: metric.name().clone(),
        fail,
        pass: delay(pass_growth(metric.standard(), rate, rho), config.beta().ln_threshold()),
        overhead: Minutes(pace.warmup.0.saturating_add(pace.settle.0)),
    }
}

/// How the evidence for PASS grows per canary request when both arms err at `rate`.
pub(super) fn pass_growth(standard: Standard, rate: f64, rho: f64) -> Growth {
    Grid::better().growth(standard.harmful(), (rate, rate), rho)
}

/// The first passage of a random walk with this growth: its mean is `b/I` and its variance `b s^2/I^3` (inverse
/// Gaussian), in canary requests.
fn delay(growth: Growth, ln_needed: f64, outlook: &Outlook) -> Option<Delay> {
    let per_minute = outlook.requests_per_minute * outlook.share.get();
    if growth.mean <= 0.0 || per_minute <= 0.0 {
        return None;
    }
    let mean = (ln_needed + MIXTURE_COST) / growth.mean;
    let deviation = (mean * growth.variance).sqrt() / growth.mean;
    Some(Delay {
        likely: minutes(mean / per_minute),
        at_most: minutes((mean + NINETY * deviation) / per_minute),
        requests: whole(mean),
    })
}

/// Rounded up to whole minutes.
pub(super) fn minutes(minutes: f64) -> Minutes {
    Minutes(u32::try_from(whole(minutes.ceil())).unwrap_or(u32::MAX))
}
