//! The Mann-Whitney test as Kayenta runs it: an interval and an estimate for the shift between two arms, found as roots
//! of the standardised rank sum (the method of R's `wilcox.test` with ties).

use super::brent::{At, solve};
use crate::judge::quantity::size;

/// The normal quantile of Kayenta's 98 % interval: of probability 0.99.
pub(super) const QUANTILE_98: f64 = 2.326_347_874_040_840_8;

/// The shift of the experiment against the control: bounds and the estimate (Hodges and Lehmann).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shift {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) estimate: f64,
}

/// All observations are equal at some shift, so that their ranks have no variance. Kayenta throws here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AllTied;

/// Neither arm may be empty; `quantile` is the normal one of the interval's upper tail.
pub(super) fn shift(experiment: &[f64], control: &[f64], quantile: f64) -> Result<Shift, AllTied> {
    let (least, most) = (extremes(experiment), extremes(control));
    let ends = (least.0 - most.1, least.1 - most.0);
    let at_ends =
        (standardised(experiment, control, ends.0)?, standardised(experiment, control, ends.1)?);
    let bracket = |q: f64| (At { x: ends.0, f: at_ends.0 - q }, At { x: ends.1, f: at_ends.1 - q });
    // Within the ends the ranks vary, so the fallback is never taken there.
    let function =
        |q: f64| move |mu: f64| standardised(experiment, control, mu).map_or(f64::NAN, |w| w - q);
    let bound = |q: f64| {
        let (start, end) = bracket(q);
        if start.f <= 0.0 {
            start.x
        } else if end.f >= 0.0 {
            end.x
        } else {
            solve(start, end, function(q))
        }
    };
    let (start, end) = bracket(0.0);
    Ok(Shift {
        low: bound(quantile),
        high: bound(-quantile),
        estimate: solve(start, end, function(0.0)),
    })
}

fn extremes(points: &[f64]) -> (f64, f64) {
    points
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)))
}

/// `(S - sign(S)/2) / sigma`, S the rank sum of `x - mu` about its mean, sigma corrected for ties.
pub(super) fn standardised(x: &[f64], y: &[f64], mu: f64) -> Result<f64, AllTied> {
    let (m, n) = (size(x.len()), size(y.len()));
    let ranks = RankSum::of(x.iter().map(|x| x - mu), y);
    let sum = ranks.first - m * (m + 1.0) / 2.0 - m * n / 2.0;
    let correction = if sum > 0.0 {
        0.5
    } else if sum < 0.0 {
        -0.5
    } else {
        0.0
    };
    let sigma = (m * n / 12.0 * ((m + n + 1.0) - ranks.ties / ((m + n) * (m + n - 1.0)))).sqrt();
    if sigma > 0.0 { Ok((sum - correction) / sigma) } else { Err(AllTied) }
}

/// The sum of the first arm's ranks among both, ties sharing the average, and the sum of t^3 - t over groups of ties.
pub(super) struct RankSum {
    pub(super) first: f64,
    ties: f64,
}

impl RankSum {
    pub(super) fn of(first: impl Iterator<Item = f64>, second: &[f64]) -> Self {
        let mut all: Vec<(f64, f64)> =
            first.map(|x| (x, 1.0)).chain(second.iter().map(|y| (*y, 0.0))).collect();
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (mut sum, mut ties, mut before) = (0.0, 0.0, 0.0);
        for group in all.chunk_by(|a, b| a.0 >= b.0) {
            let t = size(group.len());
            let of_first: f64 = group.iter().map(|(_, is_first)| is_first).sum();
            sum += of_first * (before + f64::midpoint(t, 1.0));
            ties += t * t * t - t;
            before += t;
        }
        Self { first: sum, ties }
    }
}
