//! The guards around the exact test for FAIL; those for PASS are in `unrest`. It needs requests to be independent;
//! retries, one bad host or a burst break that. So evidence is tempered by the dispersion seen between minutes, and it
//! must not hang on a single minute. Neither is a theorem: their warrant is the simulation in `study`.

use super::{
    counts::{Counts, Pair},
    interval::Likelihood,
    quantity::{float, size},
};

/// What must be left of the evidence, as ln E, when the worst minute is taken out.
pub(super) const LN_WITHOUT_WORST: f64 = 1.098_612_288_668_109_8;

/// Pearson's dispersion of the canary's part of each minute's errors about the fitted split, at least 1 (none).
///
/// Errors of a minute fall to the canary with probability theta = rho R / (1 - rho + rho R) at the fitted ratio R; the
/// mean of `(x_c - x theta)^2 / (x theta (1 - theta))` is 1 when requests are independent. `errors` are those of `pairs`.
pub(super) fn dispersion(errors: &Likelihood, pairs: impl Iterator<Item = Pair>) -> f64 {
    let ratio = errors.maximum().exp();
    pearson(pairs.filter_map(|pair| {
        let (rho, events) = (pair.share()?, pair.bad());
        let theta = rho * ratio / (1.0 - rho + rho * ratio);
        Some((float(pair.canary.bad()) - events * theta, events * theta * (1.0 - theta)))
    }))
}

/// The same about a fitted rate of the canary alone, for a metric without a baseline.
pub(super) fn dispersion_of_rate(canary: impl Iterator<Item = Counts> + Clone) -> f64 {
    let Some(rate) = canary.clone().fold(Counts::default(), Counts::plus).rate() else {
        return 1.0;
    };
    pearson(canary.map(|counts| {
        let requests = float(counts.total());
        (float(counts.bad()) - requests * rate, requests * rate * (1.0 - rate))
    }))
}

/// The mean of squared deviations over their variances, one degree of freedom given up for the fit.
fn pearson(deviations: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut minutes, mut total) = (0, 0.0);
    for (deviation, variance) in deviations.filter(|(_, variance)| *variance > 0.0) {
        minutes += 1;
        total += deviation * deviation / variance;
    }
    if minutes < 2 { 1.0 } else { (total / (size(minutes) - 1.0)).max(1.0) }
}

/// What the guards leave of ln E: each minute's evidence divided by the dispersion; and no more than without the worst
/// minute, unless that alone is worth [`LN_WITHOUT_WORST`].
pub(super) fn guarded(tempered: f64, without_worst: f64) -> f64 {
    if without_worst >= LN_WITHOUT_WORST { tempered } else { tempered.min(without_worst) }
}
