//! Our judge on a simulated stream: the bare e-process with a hypothesis of choice, and whole gates as they are shipped.

use super::stream::{exposure, series};
use crate::judge::{
    Allowance, Alpha, Case, Config, Earlier, Metric, Minute, Minutes, Pace, Pair, Problem, Report,
    Standard, Verdict,
    compare::judge,
    config::RESERVE,
    evidence::{Grid, Hypothesis, Process, Restarts},
    metric::Observed,
    quantity::{size, whole},
};

/// The hypothesis of no difference at all, on whose edge A/A streams lie.
pub(super) const NO_WORSE: Hypothesis = Hypothesis::Ratio { ratio: 1.0, absolute: 0.0 };

/// Capital put in over three hours as a gate does it.
pub(super) const AS_SHIPPED: Restarts =
    Restarts::Every { minutes: Minutes(5), parts: 30, reserve: RESERVE };

/// After how many minutes the exact test alarms at 5 %, looking after each.
pub(super) fn exact(stream: &[Pair], hypothesis: Hypothesis, restarts: Restarts) -> Option<u32> {
    let mut process = Process::new(Grid::worse(), restarts);
    (1..)
        .zip(stream)
        .find(|(_, pair)| {
            process.observe(hypothesis, **pair);
            process.ln_value() >= Alpha::FIVE_PERCENT.ln_threshold()
        })
        .map(|(minutes, _)| minutes)
}

/// After how many minutes the exact test for PASS is satisfied.
pub(super) fn exact_pass(stream: &[Pair], margin: Allowance) -> Option<u32> {
    let mut process = Process::new(Grid::better(), Restarts::Never);
    (1..)
        .zip(stream)
        .find(|(_, pair)| {
            process.observe(Hypothesis::from(margin), **pair);
            process.ln_value() >= Alpha::FIVE_PERCENT.ln_threshold()
        })
        .map(|(minutes, _)| minutes)
}

/// A gate of one metric with the usual tolerance and margin, all guards, no warm-up, a deadline of three hours.
pub(super) fn gate() -> Result<Config, Problem> {
    Config::new(
        vec![Metric::new("errors", 1.0, Standard::usual())?],
        Alpha::FIVE_PERCENT,
        Alpha::FIVE_PERCENT,
        Pace { warmup: Minutes(0), settle: Minutes(0), deadline: Minutes(180), ..Pace::default() },
    )
}

/// The gate's report after the whole stream.
pub(super) fn judged(config: &Config, stream: &[Pair]) -> Report {
    let now = i64::try_from(stream.len()).unwrap_or(i64::MAX);
    let case = Case {
        exposure: &exposure(stream),
        now: Minute(now),
        series: &[series("errors", stream)],
        earlier: &Earlier::Nothing,
    };
    judge(config, &case)
}

/// After how many minutes the gate passes, looking after each as a run does.
///
/// The gate itself is asked only where the metric's guarded evidence suffices, without which it cannot pass.
pub(super) fn passes(config: &Config, stream: &[Pair]) -> Option<u32> {
    let minutes = (0..).map(Minute);
    let table: Vec<(Minute, Pair)> = minutes.zip(stream.iter().copied()).collect();
    let metric = config.metrics().first()?;
    let mut observed = Observed::new(config, metric, &Earlier::Nothing);
    observed.expect(table);
    while let Some(minute) = observed.next() {
        observed.observe(minute);
        if observed.ln_exact_to_pass() < config.beta().ln_threshold() {
            continue;
        }
        if observed.found_to_pass().guarded < config.beta().ln_threshold() {
            continue;
        }
        let judged = judged(config, stream.get(..observed.trace.len())?);
        match judged.verdict {
            Verdict::Pass => return Some(judged.judged.0),
            Verdict::Fail => return None,
            Verdict::Running | Verdict::Inconclusive(_) | Verdict::NoData(_) => {}
        }
    }
    None
}

/// After how many minutes the gate fails.
pub(super) fn guarded(config: &Config, stream: &[Pair]) -> Option<u32> {
    let report = judged(config, stream);
    (report.verdict == Verdict::Fail).then_some(report.judged.0)
}

/// The value below which this part of the delays lies; those never found count as longer than any.
pub(super) fn quantile(delays: &mut [Option<u32>], part: f64) -> f64 {
    delays.sort_by_key(|delay| delay.unwrap_or(u32::MAX));
    let before = whole((size(delays.len()) * part).floor());
    let place = usize::try_from(before).unwrap_or(usize::MAX);
    delays.get(place).copied().flatten().map_or(f64::INFINITY, f64::from)
}

/// Median and 90th percentile of minutes until a gate fails a canary so many times worse than 1 %.
#[cfg(test)]
pub(in crate::judge) fn simulated_delays(rps: f64, ratio: f64, runs: u64) -> (f64, f64) {
    use super::stream::Scenario;
    use crate::judge::random::Random;

    let Ok(config) = gate() else { return (f64::NAN, f64::NAN) };
    let scenario = Scenario::at(rps).worse(ratio, 0.0);
    let draw = |run| scenario.draw(&mut Random::new(6, run));
    let mut delays: Vec<_> = (0..runs).map(|run| guarded(&config, &draw(run))).collect();
    (quantile(&mut delays, 0.5), quantile(&mut delays, 0.9))
}

/// Median and 90th percentile of minutes until a gate passes a canary as good as a baseline of 1 %.
#[cfg(test)]
pub(in crate::judge) fn simulated_passes(rps: f64, runs: u64) -> (f64, f64) {
    use super::stream::Scenario;
    use crate::judge::random::Random;

    let Ok(config) = gate() else { return (f64::NAN, f64::NAN) };
    let draw = |run| Scenario::at(rps).draw(&mut Random::new(6, run));
    let mut delays: Vec<_> = (0..runs).map(|run| passes(&config, &draw(run))).collect();
    (quantile(&mut delays, 0.5), quantile(&mut delays, 0.9))
}
