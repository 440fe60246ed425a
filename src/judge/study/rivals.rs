//! What else is used to judge canaries, on the same streams: the tests peers run and the ones they warn of.

use super::stream::equal_baseline;
use crate::judge::{
    Pair,
    counts::sum,
    kayenta::{Classification, label_of},
    quantity::float,
    random::Random,
};

/// The normal quantiles of a one-sided 5 % test and of 80 % power.
const Z_5: f64 = 1.644_853_626_951_5;
const Z_80: f64 = 0.841_621_233_572_9;

/// Canary requests a single look needs at 5 % (one-sided) to find `ratio` times the rate with a power of 80 %.
pub(super) fn fixed_horizon(rate: f64, ratio: f64, share: f64) -> f64 {
    let others = share / (1.0 - share);
    let canary = ratio * rate;
    let pooled = share * canary + (1.0 - share) * rate;
    let variance = |p: f64| p * (1.0 - p);
    let under_null = Z_5 * (variance(pooled) * (1.0 + others)).sqrt();
    let under_alternative = Z_80 * (variance(canary) + variance(rate) * others).sqrt();
    ((under_null + under_alternative) / (canary - rate)).powi(2)
}

/// Whether the pooled z-test rejects at 5 %, one-sided.
fn z_rejects(pair: Pair) -> bool {
    let (n_c, n_b) = (float(pair.canary.total()), float(pair.baseline.total()));
    let pooled = pair.bad() / (n_c + n_b);
    let error = (pooled * (1.0 - pooled) * (1.0 / n_c + 1.0 / n_b)).sqrt();
    let difference = pair.canary.rate().unwrap_or(0.0) - pair.baseline.rate().unwrap_or(0.0);
    difference > Z_5 * error
}

/// One z-test, when the canary has had `requests`.
pub(super) fn z_once(stream: &[Pair], requests: f64) -> Option<u32> {
    let mut all = Pair::default();
    for (minutes, pair) in (1..).zip(stream) {
        all = all.plus(*pair);
        if float(all.canary.total()) >= requests {
            return z_rejects(all).then_some(minutes);
        }
    }
    None
}

/// A z-test after every minute, as if each were the only one.
pub(super) fn z_peeked(stream: &[Pair]) -> Option<u32> {
    let mut all = Pair::default();
    (1..)
        .zip(stream)
        .find(|(_, pair)| {
            all = all.plus(**pair);
            z_rejects(all)
        })
        .map(|(minutes, _)| minutes)
}

/// What Kayenta's canary is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// A group of the canary's size.
    Equal,
    /// All the rest.
    Rest,
}

/// Kayenta on the error rate per minute, in percent, over a window that grows by `every` minutes.
pub(super) fn kayenta(
    stream: &[Pair],
    every: u32,
    against: Against,
    random: &mut Random,
) -> Option<u32> {
    let stream = match against {
        Against::Equal => equal_baseline(stream, random),
        Against::Rest => stream.to_vec(),
    };
    let percent = |rate: Option<f64>| rate.map(|rate| rate * 100.0);
    let control: Vec<f64> = stream.iter().filter_map(|p| percent(p.baseline.rate())).collect();
    let experiment: Vec<f64> = stream.iter().filter_map(|p| percent(p.canary.rate())).collect();
    let step = usize::try_from(every).unwrap_or(usize::MAX).max(1);
    let windows = (1..).map(|n| n * step).take_while(|end| *end <= stream.len());
    windows
        .filter_map(|end| Some((end, control.get(..end)?, experiment.get(..end)?)))
        .find(|(_, control, experiment)| label_of(control, experiment) == Classification::High)
        .and_then(|(end, _, _)| u32::try_from(end).ok())
}

/// Flagger's way: the fifth minute with less than 98.5 % success.
pub(super) fn threshold_and_count(stream: &[Pair]) -> Option<u32> {
    (1..)
        .zip(stream)
        .filter(|(_, pair)| pair.canary.rate().is_some_and(|rate| rate > 0.015))
        .nth(4)
        .map(|(minutes, _)| minutes)
}

/// All requests of a stream together.
pub(super) fn total(stream: &[Pair]) -> Pair {
    sum(stream.iter().copied())
}
