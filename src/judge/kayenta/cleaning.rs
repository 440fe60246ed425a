//! What happens to an arm's points before they are compared: gaps, outliers, and the statistics shown beside them.

use super::model::{Analysis, MetricStats};
use crate::judge::quantity::{size, whole};

/// What becomes of a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NanStrategy {
    Remove,
    Replace,
}

impl NanStrategy {
    pub(super) fn of(analysis: &Analysis) -> Self {
        if analysis.nan_strategy == "replace" { Self::Replace } else { Self::Remove }
    }
}

/// An arm's points without gaps and, if asked, without outliers.
pub(super) fn cleaned(points: &[f64], analysis: &Analysis) -> Vec<f64> {
    let points: Vec<f64> = match NanStrategy::of(analysis) {
        NanStrategy::Remove => points.iter().copied().filter(|x| !x.is_nan()).collect(),
        NanStrategy::Replace => points.iter().map(|x| if x.is_nan() { 0.0 } else { *x }).collect(),
    };
    if analysis.outliers.strategy != "remove" {
        return points;
    }
    let factor = analysis.outliers.outlier_factor.unwrap_or(3.0);
    let mut sorted = points.clone();
    sorted.sort_by(f64::total_cmp);
    let (q1, q3) = (percentile(&sorted, 0.25), percentile(&sorted, 0.75));
    let low = percentile(&sorted, 0.01).min(q1 - factor * (q3 - q1));
    let high = percentile(&sorted, 0.99).max(q3 + factor * (q3 - q1));
    points.into_iter().filter(|x| !(*x > high || *x < low)).collect()
}

/// The R-7 percentile of sorted points (Hyndman and Fan 1996), not a number without points.
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (size(sorted.len()) - 1.0);
    let below = usize::try_from(whole(place.floor())).unwrap_or(usize::MAX);
    match (sorted.get(below), sorted.get(below.saturating_add(1))) {
        (Some(low), Some(high)) => low + place.fract() * (high - low),
        (Some(last), None) => *last,
        (None, _) => f64::NAN,
    }
}

/// The mean, corrected once for rounding as Commons Math does.
pub(super) fn mean(points: &[f64]) -> f64 {
    let n = size(points.len());
    let first = points.iter().sum::<f64>() / n;
    first + points.iter().map(|x| x - first).sum::<f64>() / n
}

pub(super) fn stats(points: &[f64]) -> MetricStats {
    if points.is_empty() {
        return MetricStats::default();
    }
    let mean = mean(points);
    let n = size(points.len());
    let squares: f64 = points.iter().map(|x| (x - mean) * (x - mean)).sum();
    let rest: f64 = points.iter().map(|x| x - mean).sum();
    let variance = if points.len() == 1 { 0.0 } else { (squares - rest * rest / n) / (n - 1.0) };
    MetricStats {
        min: points.iter().copied().fold(f64::INFINITY, f64::min),
        max: points.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        mean,
        std: variance.sqrt(),
        count: points.len(),
    }
}
