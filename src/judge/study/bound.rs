//! How far a simulated frequency can be trusted: the exact upper limit of a binomial probability.

use crate::judge::quantity::float;

/// The 99 % upper limit of Clopper and Pearson (1934): the largest probability under which seeing no more than `hits`
/// in `runs` still has a chance of 1 %.
pub(super) fn upper_limit(hits: u32, runs: u32) -> f64 {
    if hits >= runs {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let p = f64::midpoint(low, high);
        if at_most(hits, runs, p) > 0.01 {
            low = p;
        } else {
            high = p;
        }
    }
    high
}

/// The chance of no more than `hits` in `runs` trials of probability `p`, strictly between 0 and 1.
fn at_most(hits: u32, runs: u32, p: f64) -> f64 {
    let (hits, runs) = (float(u64::from(hits)), float(u64::from(runs)));
    let mut ln_term = runs * (-p).ln_1p();
    let mut sum = ln_term.exp();
    let mut k = 0.0;
    while k < hits {
        ln_term += ((runs - k) / (k + 1.0)).ln() + (p / (1.0 - p)).ln();
        sum += ln_term.exp();
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_scipy() {
        // scipy 1.17.1: scipy.stats.beta.ppf(0.99, hits + 1, runs - hits)
        for (hits, runs, limit) in [
            (0, 100, 0.045_007_413_978_6),
            (3, 100, 0.096_971_045_265_3),
            (230, 10_000, 0.026_731_203_126_2),
        ] {
            let ours = upper_limit(hits, runs);
            assert!((ours / limit - 1.0).abs() < 1e-9, "{hits}/{runs}: {ours}");
        }
        assert!((upper_limit(5, 5) - 1.0).abs() < 1e-12);
    }
}
