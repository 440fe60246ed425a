//! Chance for the simulations: small, seeded, the same on every machine. Exact samplers, because a normal approximation
//! would hide the very thing that is measured, how a test behaves when errors are rare.

use super::quantity::{float, whole};

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// An own stream for each pair of seed and run.
    pub(super) fn new(seed: u64, run: u64) -> Self {
        let mut random = Self(seed ^ run.wrapping_mul(0xA076_1D64_78BD_642F));
        random.0 = random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Above 0 and below 1.
    pub(super) fn uniform(&mut self) -> f64 {
        (float(self.next() >> 12) + 0.5) / float(1 << 52)
    }

    /// Standard normal (Box and Muller 1958).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Gamma with mean 1 and this coefficient of variation, above 0 (Marsaglia and Tsang 2000).
    pub(super) fn gamma(&mut self, variation: f64) -> f64 {
        let shape = 1.0 / (variation * variation);
        // Shapes below 1 are reached from the next one up.
        let (d, boost) = if shape < 1.0 {
            (shape + 1.0 - 1.0 / 3.0, self.uniform().powf(1.0 / shape))
        } else {
            (shape - 1.0 / 3.0, 1.0)
        };
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return boost * d * v / shape;
            }
        }
    }

    /// How many of `n` trials with probability `p` succeed.
    pub(super) fn binomial(&mut self, n: u64, p: f64) -> u64 {
        if n == 0 || p <= 0.0 {
            0
        } else if p >= 1.0 {
            n
        } else if p > 0.5 {
            n - self.binomial(n, 1.0 - p)
        } else if float(n) * p < 10.0 {
            self.binomial_by_gaps(n, p)
        } else {
            self.binomial_by_rejection(n, p)
        }
    }

    /// Counts geometric gaps between successes: exact, and quick when there are few.
    fn binomial_by_gaps(&mut self, n: u64, p: f64) -> u64 {
        let ln_failure = (-p).ln_1p();
        let mut trials = 0.0;
        let mut successes = 0;
        loop {
            trials += (self.uniform().ln() / ln_failure).floor() + 1.0;
            if trials > float(n) {
                return successes;
            }
            successes += 1;
        }
    }

    /// BTRS (Hörmann, "The generation of binomial random variates", 1993), for `n p >= 10`.
    #[expect(clippy::many_single_char_names, reason = "the names of the paper")]
    fn binomial_by_rejection(&mut self, n: u64, p: f64) -> u64 {
        let n = float(n);
        let deviation = (n * p * (1.0 - p)).sqrt();
        let b = 1.15 + 2.53 * deviation;
        let a = -0.0873 + 0.0248 * b + 0.01 * p;
        let c = n * p + 0.5;
        let quick = 0.92 - 4.2 / b;
        let alpha = (2.83 + 5.1 / b) * deviation;
        let odds = p / (1.0 - p);
        let mode = ((n + 1.0) * p).floor();
        loop {
            let u = self.uniform() - 0.5;
            let v = self.uniform();
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + c).floor();
            if us >= 0.07 && v <= quick {
                return whole(k);
            }
            if k < 0.0 || k > n {
                continue;
            }
            let bound = (mode + 0.5) * ((mode + 1.0) / (odds * (n - mode + 1.0))).ln()
                + (n + 1.0) * ((n - mode + 1.0) / (n - k + 1.0)).ln()
                + (k + 0.5) * (odds * (n - k + 1.0) / (k + 1.0)).ln()
                + stirling_rest(mode)
                + stirling_rest(n - mode)
                - stirling_rest(k)
                - stirling_rest(n - k);
            if (v * alpha / (a / (us * us) + b)).ln() <= bound {
                return whole(k);
            }
        }
    }
}

/// What Stirling's formula for `ln k!`, in powers of k + 1, leaves out.
fn stirling_rest(k: f64) -> f64 {
    let k1 = k + 1.0;
    if k < 10.0 {
        let factorial = (1..=whole(k)).map(float).product::<f64>();
        factorial.ln() - ((k + 0.5) * k1.ln() - k1 + 0.5 * std::f64::consts::TAU.ln())
    } else {
        let square = k1 * k1;
        (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / k1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::quantity::size;

    /// Mean and variance over many draws.
    fn moments(draws: impl Iterator<Item = f64>) -> (f64, f64) {
        let all: Vec<f64> = draws.collect();
        let n = size(all.len());
        let mean = all.iter().sum::<f64>() / n;
        (mean, all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n)
    }

    #[test]
    fn binomial_draws_have_the_right_mean_and_variance_in_every_branch() {
        let mut random = Random::new(1, 0);
        for (n, p) in [(30, 0.01), (3000, 0.001), (1000, 0.02), (200_000, 0.5), (150, 0.9)] {
            let (mean, variance) = moments((0..20_000).map(|_| float(random.binomial(n, p))));
            let expected = float(n) * p;
            let spread = expected * (1.0 - p);
            assert!((mean - expected).abs() < 4.0 * (spread / 20_000.0).sqrt(), "{n} {p}: {mean}");
            assert!((variance / spread - 1.0).abs() < 0.06, "{n} {p}: {variance} {spread}");
        }
    }

    #[test]
    fn the_two_binomial_samplers_agree_where_they_meet() {
        let mut random = Random::new(2, 0);
        let (n, p) = (500, 0.03);
        let tail = |k: u64| k >= 22;
        let gaps = (0..40_000).filter(|_| tail(random.binomial_by_gaps(n, p))).count();
        let rejection = (0..40_000).filter(|_| tail(random.binomial_by_rejection(n, p))).count();
        assert!((size(gaps) / size(rejection) - 1.0).abs() < 0.1, "{gaps} {rejection}");
    }

    #[test]
    fn gamma_draws_have_mean_one_and_the_asked_variation() {
        let mut random = Random::new(3, 0);
        for variation in [0.3, 0.6, 1.0, 1.5] {
            let (mean, variance) = moments((0..40_000).map(|_| random.gamma(variation)));
            assert!((mean - 1.0).abs() < 0.03, "{variation}: {mean}");
            assert!((variance.sqrt() / variation - 1.0).abs() < 0.05, "{variation}: {variance}");
        }
    }
}
