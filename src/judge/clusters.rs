//! What evidence to pass is worth when the canary's errors come in clusters: few minutes with few errors show little of
//! their noise, and least of all when they are the quiet ones. So the hypothesis may have the noise that suits it best.
//!
//! Errors of a minute whose rate varies by a gamma factor of mean 1 and squared variation `c` are a negative binomial
//! count. With `e = n_c d + r0 n_c x_b / n_b` expected at the margin and a canary that is `r` times that,
//!
//! ```text
//! ln L(r, c) = ln G(x + 1/c) - ln G(1/c) + x ln c + x ln r - (x + 1/c) ln(1 + c r e)      (G the gamma function)
//! ```
//!
//! and for `c = 0`, independent requests, `x ln r - r e`. What is left of the evidence is
//!
//! ```text
//! max over r < 1 and c of ln L(r, c)  -  max over c of ln L(1, c)  -  the price of choosing r and c afterwards
//! ```
//!
//! Were the numerator a mixture settled beforehand, this would be an e-value under gamma noise of any strength
//! (universal inference: Wasserman, Ramdas and Balakrishnan, PNAS 2020), as far as the baseline's rate is known. A maximum
//! with a price is cheaper to evaluate; like the rest of the care for noise its warrant is goal G5 of the `study`.

use super::{counts::Pair, elementary::ln, evidence::Hypothesis, quantity::float};

/// Alternatives, as multiples of what the margin lets one expect.
const BETTER: [f64; 6] = [0.85, 0.62, 0.4, 0.2, 0.05, 0.01];
/// The least squared variation that is tried; then its doubles.
const LEAST: f64 = 1.0 / 512.0;
/// The most: a minute in ten may have nearly all the errors.
const MOST: f64 = 8.0;
/// From the least to the most by doubling.
const VARIATIONS: usize = 13;
/// Without any error seen, noise is thought to vary a rate by at most itself; each error allows that much more.
const UNSEEN: f64 = 1.0;
/// For choosing the alternative afterwards. As much as a mixture over them costs, in ln E; found with other seeds.
const PRICE: f64 = 1.2;

/// One minute of the canary.
struct Minute {
    seen: f64,
    /// Errors at the margin.
    expected: f64,
}

impl Minute {
    /// `None` for one that says nothing.
    fn of(hypothesis: Hypothesis, pair: Pair) -> Option<Self> {
        let (seen, requests) = (float(pair.canary.bad()), float(pair.canary.total()));
        let rate = match hypothesis {
            Hypothesis::Ratio { ratio, absolute } => absolute + ratio * pair.baseline.rate()?,
            Hypothesis::Limit(limit) => limit.get(),
        };
        (requests > 0.0).then_some(Self { seen, expected: requests * rate })
    }
}

/// The minutes of a canary under gamma noise of every squared variation that is tried, as far as they have been taken
/// in.
#[derive(Clone, Debug)]
pub(super) struct Clusters {
    seen: f64,
    expected: f64,
    /// By squared variation, the least first.
    clustered: [Clustered; VARIATIONS],
}

impl Clusters {
    pub(super) fn new() -> Self {
        let mut squared = LEAST;
        let clustered = [(); VARIATIONS].map(|()| {
            let of = Clustered::new(squared);
            squared *= 2.0;
            of
        });
        Self { seen: 0.0, expected: 0.0, clustered }
    }

    /// Takes in another minute.
    pub(super) fn take_in(&mut self, hypothesis: Hypothesis, pair: Pair) {
        if let Some(minute) = Minute::of(hypothesis, pair) {
            self.seen += minute.seen;
            self.expected += minute.expected;
            self.clustered.iter_mut().for_each(|clustered| clustered.take_in(&minute));
        }
    }

    /// ln of the evidence to pass that gamma noise leaves, at least 0.
    pub(super) fn left(&self) -> f64 {
        let (seen, expected) = (self.seen, self.expected);
        let mut margin = -expected;
        let mut better = BETTER
            .iter()
            .fold(f64::NEG_INFINITY, |most, times| most.max(seen * ln(*times) - times * expected));
        let most = MOST.min(UNSEEN + seen);
        for clustered in self.clustered.iter().filter(|of| of.squared <= most) {
            margin = margin.max(clustered.ln_likelihood(1.0, clustered.spread_at_margin));
            for (times, spread) in BETTER.iter().zip(clustered.spread) {
                better = better.max(clustered.ln_likelihood(*times, spread));
            }
        }
        (better - margin - PRICE).max(0.0)
    }
}

/// Minutes under gamma noise of one squared variation.
#[derive(Clone, Copy, Debug)]
struct Clustered {
    squared: f64,
    ln_shape: f64,
    /// The part of the likelihood that does not depend on the alternative.
    ln_fixed: f64,
    seen: f64,
    /// The part that does: for each alternative, and at the margin.
    spread: [f64; BETTER.len()],
    spread_at_margin: f64,
}

impl Clustered {
    fn new(squared: f64) -> Self {
        let nothing = [0.0; BETTER.len()];
        let ln_shape = ln_gamma(1.0 / squared);
        Self { squared, ln_shape, ln_fixed: 0.0, seen: 0.0, spread: nothing, spread_at_margin: 0.0 }
    }

    fn take_in(&mut self, minute: &Minute) {
        let shape = 1.0 / self.squared;
        if minute.seen > 0.0 {
            let ln_fixed = ln_gamma(minute.seen + shape) - self.ln_shape;
            self.ln_fixed += ln_fixed + minute.seen * ln(self.squared);
            self.seen += minute.seen;
        }
        let weight = minute.seen + shape;
        let spread = |times| weight * ln(1.0 + self.squared * times * minute.expected);
        self.spread_at_margin += spread(1.0);
        for (all, times) in self.spread.iter_mut().zip(BETTER) {
            *all += spread(times);
        }
    }

    /// For a canary so many times as bad as the margin, but for terms that are the same for all.
    fn ln_likelihood(&self, times: f64, spread: f64) -> f64 {
        self.ln_fixed + self.seen * ln(times) - spread
    }
}

/// The logarithm of the gamma function above 0, by Stirling's series eight further up, to 1e-10.
fn ln_gamma(x: f64) -> f64 {
    const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;
    let up = x + 8.0;
    let product: f64 = (0..8).map(|steps| x + f64::from(steps)).product();
    let square = up * up;
    let rest = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / up;
    (up - 0.5) * ln(up) - up + HALF_LN_TAU + rest - ln(product)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{
        Allowance,
        counts::Counts,
        evidence::{Grid, Process, Restarts},
    };

    fn pairs(canary_bad: &[u64]) -> impl Iterator<Item = Pair> + Clone {
        let pair =
            |bad: &u64| Pair { canary: Counts::new(600, *bad), baseline: Counts::new(11_400, 114) };
        canary_bad.iter().map(pair)
    }

    fn left_of(pairs: impl Iterator<Item = Pair>) -> f64 {
        let mut clusters = Clusters::new();
        pairs.for_each(|pair| clusters.take_in(Hypothesis::from(Allowance::MARGIN), pair));
        clusters.left()
    }

    fn left(canary_bad: &[u64]) -> f64 {
        left_of(pairs(canary_bad))
    }

    #[test]
    fn doubling_leads_from_the_least_variation_to_the_most() {
        let last = Clusters::new().clustered[VARIATIONS - 1].squared;
        assert!((last - MOST).abs() < 1e-12, "{last}");
    }

    #[test]
    fn the_gamma_function_is_that_of_factorials_and_of_a_half() {
        // ln 0! to ln 20! and ln of the square root of pi.
        let mut factorial: f64 = 1.0;
        for n in 1..=20_u32 {
            assert!((ln_gamma(f64::from(n)) - factorial.ln()).abs() < 1e-9, "{n}");
            factorial *= f64::from(n);
        }
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-9);
        // mpmath 1.4.1: loggamma(3.125), loggamma(10**6).
        assert!((ln_gamma(3.125) - 0.811_531_653_906_724).abs() < 1e-9);
        assert!((ln_gamma(1e6) / 12_815_504.569_147_61 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_same_errors_in_clusters_are_worth_less() {
        let even = [6, 5, 7, 6].repeat(5);
        let clustered = [0, 0, 0, 24].repeat(5);
        assert_eq!(even.iter().sum::<u64>(), clustered.iter().sum::<u64>());
        assert!(left(&even) > 3.0, "{}", left(&even));
        assert!(left(&clustered) < left(&even) / 3.0, "{} {}", left(&clustered), left(&even));
    }

    #[test]
    fn little_is_left_where_the_canary_is_at_its_margin() {
        assert!(left(&[9, 10, 11, 8, 10, 9]) < 1e-9);
    }

    #[test]
    fn calm_minutes_leave_most_of_what_the_exact_test_has() {
        let calm = [4, 8, 6, 5, 7, 6].repeat(4);
        let mut process = Process::new(Grid::better(), Restarts::Never);
        for pair in pairs(&calm) {
            process.observe(Hypothesis::from(Allowance::MARGIN), pair);
        }
        let (left, exact) = (left(&calm), process.ln_value());
        assert!(left > 0.4 * exact, "{left} of {exact}");
    }

    #[test]
    fn a_canary_without_errors_passes_as_by_the_rule_of_three() {
        // 4,500 requests in 30 minutes, a margin of 0.1 pp, no error anywhere.
        let pair = Pair { canary: Counts::new(150, 0), baseline: Counts::new(2850, 0) };
        let of = |minutes| left_of(std::iter::repeat_n(pair, minutes));
        assert!(of(35) > 3.0, "{}", of(35));
        assert!(of(20) < 3.0, "{}", of(20));
    }

    #[test]
    fn minutes_without_requests_say_nothing() {
        assert!(left_of(std::iter::empty()).abs() < 1e-12);
    }
}
