//! How many times more often the canary errs, with bounds that hold whenever one looks: the confidence sequence that
//! belongs to the e-process (all ratios the mixture does not refute). The same arithmetic answers whether traffic is
//! split as configured, with requests in the place of errors and the configured share in the place of the observed one.

use std::collections::BTreeMap;

use super::{
    counts::Pair,
    elementary::{exp, ln},
    evidence::ln_sum,
    quantity::{Alpha, float, size},
};

/// Where the search ends: a ratio of 1,000 either way is as good as none at all.
const WIDEST: f64 = 6.9;
/// Close enough in ln ratio for every figure that is shown.
const CLOSE: f64 = 1e-7;

/// `L(u) = X_c u - sum_i x_i ln(1 - rho_i + rho_i e^u)`: of `x_i` events of which `X_c` in all fell to the canary, given
/// that its share of the exposure was `rho_i` and its rate `e^u` times the other's. Concave in u.
#[derive(Clone, Debug, Default)]
pub(super) struct Likelihood {
    to_canary: f64,
    parts: Vec<(f64, f64)>,
}

impl Likelihood {
    /// Errors of each minute against the observed shares of requests.
    #[cfg(test)]
    pub(super) fn of_errors(pairs: impl IntoIterator<Item = Pair>) -> Self {
        let mut errors = Errors::default();
        pairs.into_iter().for_each(|pair| errors.take_in(pair));
        errors.likelihood()
    }

    pub(super) fn add(&mut self, rho: f64, to_canary: f64, events: f64) {
        // With all exposure on one side an event says nothing about the ratio.
        if events > 0.0 && rho > 0.0 && rho < 1.0 {
            self.to_canary += to_canary;
            self.parts.push((rho, events));
        }
    }

    /// L(u) and its slope.
    fn at(&self, u: f64) -> (f64, f64) {
        let times = exp(u);
        let start = (self.to_canary * u, self.to_canary);
        self.parts.iter().fold(start, |(value, slope), (rho, events)| {
            let other = 1.0 - rho;
            let all = other + rho * times;
            (value - events * ln(all), slope - events * (1.0 - other / all))
        })
    }

    /// The most likely ln ratio, within the widest range.
    pub(super) fn maximum(&self) -> f64 {
        if self.parts.is_empty() {
            return 0.0;
        }
        let (mut low, mut high) = (-WIDEST, WIDEST);
        let mut u = 0.0;
        while high - low > CLOSE {
            let (mut slope, mut bend) = (self.to_canary, 0.0);
            let times = exp(u);
            for (rho, events) in &self.parts {
                let theta = 1.0 - (1.0 - rho) / (1.0 - rho + rho * times);
                slope -= events * theta;
                bend += events * theta * (1.0 - theta);
            }
            if slope > 0.0 {
                low = u;
            } else {
                high = u;
            }
            // Newton's step where it stays inside what is left, bisection where it does not.
            let newton = u + slope / bend;
            let next =
                if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
            if (next - u).abs() < CLOSE {
                return next;
            }
            u = next;
        }
        u
    }

    /// The most likely ratio and the bounds that hold at every look with probability `1 - alpha`; a bound of 0 or
    /// infinity where the counts exclude nothing.
    pub(super) fn interval(&self, alpha: Alpha) -> Interval {
        if self.parts.is_empty() {
            return Interval { low: 0.0, estimate: 1.0, high: f64::INFINITY };
        }
        let (u, ln_weight) = two_sided_grid();
        let likelihood = u.map(|u| self.at(u).0);
        let line = ln_sum(&ln_weight, &likelihood, f64::NEG_INFINITY) - alpha.ln_threshold();
        let at = self.maximum();
        let (low, high) = (self.bound(-WIDEST, line), self.bound(WIDEST, line));
        Interval {
            low: if low <= -WIDEST { 0.0 } else { exp(low) },
            estimate: exp(at),
            high: if high >= WIDEST { f64::INFINITY } else { exp(high) },
        }
    }

    /// Where L crosses `line`, coming from the outside: on a concave function Newton's steps from there never
    /// overshoot. Stays at `from` when L lies above the line even there.
    fn bound(&self, from: f64, line: f64) -> f64 {
        let mut u = from;
        for _ in 0..100 {
            let (value, slope) = self.at(u);
            let step = (line - value) / slope;
            if value >= line || !step.is_finite() || step.abs() < CLOSE {
                break;
            }
            u += step;
        }
        u
    }
}

/// Errors by the canary's share of the requests in their minutes, as far as they have been taken in.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors {
    to_canary: f64,
    /// By the bits of the share, which sort as positive numbers do. Counts are whole, so their order changes nothing.
    by_share: BTreeMap<u64, f64>,
}

impl Errors {
    /// Takes in another minute.
    pub(super) fn take_in(&mut self, pair: Pair) {
        let (Some(rho), events) = (pair.share(), pair.bad()) else { return };
        if events > 0.0 && rho > 0.0 && rho < 1.0 {
            self.to_canary += float(pair.canary.bad());
            *self.by_share.entry(rho.to_bits()).or_default() += events;
        }
    }

    /// The likelihood of all of them, with minutes of nearly the same share taken together, at the share of their
    /// events' mean: what that changes in L is of second order, 3e-8 per event at shares within a hundredth of each
    /// other, and it spares nine tenths of the work.
    pub(super) fn likelihood(&self) -> Likelihood {
        let near = |a: &(f64, f64), b: &(f64, f64)| b.0 - a.0 < 0.01 * a.0 * (1.0 - a.0);
        let mut parts: Vec<(f64, f64)> = Vec::new();
        let mut first = (f64::NEG_INFINITY, 0.0);
        for part in self.by_share.iter().map(|(share, events)| (f64::from_bits(*share), *events)) {
            match parts.last_mut() {
                Some((rho, events)) if near(&first, &part) => {
                    *rho = (*rho * *events + part.0 * part.1) / (*events + part.1);
                    *events += part.1;
                }
                _ => {
                    first = part;
                    parts.push(part);
                }
            }
        }
        Likelihood { to_canary: self.to_canary, parts }
    }
}

/// Ratios between 1/30 and 30 around 1.
fn two_sided_grid() -> ([f64; SIDES], [f64; SIDES]) {
    let mut u = [0.0; SIDES];
    for (k, u) in u.iter_mut().enumerate() {
        *u = 30_f64.ln() * (2.0 * size(k) / size(SIDES - 1) - 1.0);
    }
    let total: f64 = u.iter().map(|u| (-u * u / 2.0).exp()).sum();
    (u, u.map(|u| -u * u / 2.0 - total.ln()))
}
const SIDES: usize = 64;

/// A ratio of two rates with bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) estimate: f64,
    pub(super) high: f64,
}
