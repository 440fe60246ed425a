//! What to expect before a canary starts: how many minutes and requests a FAIL of a given regression and a PASS take at
//! this traffic. The answer to "why is it still running", and to "which weight do I need".

use std::sync::Arc;

use serde::Serialize;

use super::{
    config::{Config, Metric, RESERVE, Standard},
    evidence::{Grid, Growth},
    quantity::{Minutes, Share, whole},
    unrest::Unrest,
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
            (*times, delay(growth, line - (1.0 - RESERVE).ln()))
        })
        .collect();
    Forecast {
        metric: metric.name().clone(),
        fail,
        pass: pass(config, metric.standard(), outlook),
        overhead: Minutes(pace.warmup.0.saturating_add(pace.settle.0)),
    }
}

/// The same with what the care for noise takes away, which is more the fewer minutes there are.
fn pass(config: &Config, standard: Standard, outlook: &Outlook) -> Option<Delay> {
    let (rate, rho) = (outlook.rate.get(), outlook.share.get());
    let growth = pass_growth(standard, rate, rho);
    let line = config.beta().ln_threshold();
    let calm = Unrest::calm(standard.harmful(), rate, rho);
    let within = |of: fn(&Delay) -> Minutes| {
        first_minute(|minutes| {
            delay(growth, calm.after(minutes).needed(line), outlook)
                .is_some_and(|delay| f64::from(of(&delay).0) <= minutes)
        })
    };
    let likely = within(|delay| delay.likely)?;
    let at_most = within(|delay| delay.at_most)?;
    let per_minute = outlook.requests_per_minute * rho;
    Some(Delay { likely, at_most, requests: whole(f64::from(likely.0) * per_minute) })
}

/// The first number of minutes, up to a year of them, from which on something holds.
pub(super) fn first_minute(holds: impl Fn(f64) -> bool) -> Option<Minutes> {
    const YEAR: u32 = 525_600;
    let (mut low, mut high) = (0, YEAR);
    if !holds(f64::from(high)) {
        return None;
    }
    while low < high {
        let middle = low.midpoint(high);
        if holds(f64::from(middle)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(Minutes(high))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{
        Allowance, Alpha, Pace,
        study::{simulated_delays, simulated_passes},
    };

    fn config(standard: Standard) -> Config {
        let metric = Metric::new("errors", 1.0, standard).unwrap();
        Config::new(vec![metric], Alpha::FIVE_PERCENT, Alpha::FIVE_PERCENT, Pace::default())
            .unwrap()
    }

    fn outlook(requests_per_minute: f64, rate: f64) -> Outlook {
        let share = |share| Share::new(share).unwrap();
        Outlook { requests_per_minute, share: share(0.05), rate: share(rate) }
    }

    fn usual(outlook: &Outlook) -> Forecast {
        let config = config(Standard::usual());
        forecast(&config, &config.metrics()[0], outlook)
    }

    #[test]
    fn a_forecast_comes_near_to_what_simulated_gates_take() {
        let forecast = usual(&outlook(3000.0, 0.01));
        for (times, delay) in forecast.fail {
            let delay = delay.unwrap();
            // A gate at 50 rps and 1 % errors; the guards want two bad minutes at least.
            let (median, p90) = simulated_delays(50.0, times, 60);
            let near = |ours: Minutes, simulated: f64| {
                let ours = f64::from(ours.0);
                (ours - simulated).abs() <= (0.45 * simulated).max(2.0)
            };
            assert!(near(delay.likely, median), "{times}x: {delay:?}, {median} simulated");
            assert!(near(delay.at_most, p90), "{times}x: {delay:?}, {p90} simulated");
        }
    }

    #[test]
    fn more_traffic_is_quicker_in_proportion() {
        // The first regression that is found: a PASS wants some minutes however much traffic there is.
        let doubling = |per_minute| usual(&outlook(per_minute, 0.01)).fail[1].1.unwrap();
        let (slow, quick) = (doubling(600.0), doubling(6000.0));
        assert!(slow.requests.abs_diff(quick.requests) <= 1);
        // Whole minutes are told: of ten times less traffic, ten times as many, give or take the rounding.
        let (slow, quick) = (f64::from(slow.likely.0), f64::from(quick.likely.0));
        assert!((slow - 10.0 * quick).abs() <= 10.0, "{slow} and {quick} minutes");
    }

    #[test]
    fn a_forecast_of_a_pass_comes_near_to_what_simulated_gates_take() {
        for (per_minute, rate) in [(3000.0, 0.01), (12_000.0, 0.01), (60_000.0, 0.01)] {
            let pass = usual(&outlook(per_minute, rate)).pass.unwrap();
            let (median, p90) = simulated_passes(per_minute / 60.0, 60);
            let near = |ours: Minutes, simulated: f64| {
                let ours = f64::from(ours.0);
                (ours - simulated).abs() <= (0.45 * simulated).max(2.0)
            };
            assert!(near(pass.likely, median), "{per_minute}: {pass:?}, {median} simulated");
            assert!(near(pass.at_most, p90), "{per_minute}: {pass:?}, {p90} simulated");
        }
    }

    #[test]
    fn a_tolerated_regression_is_not_expected_to_fail() {
        let allowance = |ratio| Allowance::new(ratio, 0.0).unwrap();
        let standard = Standard::Baseline { tolerance: allowance(1.6), margin: allowance(3.0) };
        let config = config(standard);
        let forecast = forecast(&config, &config.metrics()[0], &outlook(3000.0, 0.01));
        assert_eq!(forecast.fail[0], (1.5, None));
        assert!(forecast.fail[1].1.is_some());
    }

    #[test]
    fn a_service_without_errors_passes_after_a_few_thousand_requests() {
        // With margin 0.1 pp the rule of three asks for 3,000 at least.
        let pass = usual(&outlook(3000.0, 0.0)).pass.unwrap();
        assert!((3000..7000).contains(&pass.requests), "{pass:?}");
    }
}
