//! The e-process: evidence that may be looked at after every minute. Under the hypothesis its expected value never
//! exceeds 1, so by Ville's inequality the chance that it *ever* reaches `1/alpha` is at most alpha, whatever the
//! traffic, the split or the baseline's error rate do meanwhile.
//!
//! A minute has counts `n_c`, `x_c` of the canary and `n_b`, `x_b` of the baseline, and the observed share is
//! `rho = n_c / (n_c + n_b)`. For the hypothesis `p_c <= r0 p_b + d` against a ratio `r > r0`:
//!
//! ```text
//! B = (1 - rho + rho r0) / (1 - rho + rho r)      A = (r / r0) B
//! ln e(r) = x_c ln A + x_b ln B - n_c d (A - 1)
//! ```
//!
//! `E[A^x_c] <= exp(n_c p_c (A - 1))`, the same for B, and `rho r0 A + (1 - rho) B = 1 - rho + rho r0`: the exponents add
//! up to at most `n_c d (A - 1)`, which is subtracted. With `r < r0` both signs turn and it is evidence against
//! `p_c >= r0 p_b + d`. What is reported is a mixture over a grid of r. Kin: Lindon and Malek, "Anytime-valid inference
//! for multinomial count data", `NeurIPS` 2022; mixtures over start times: Shin, Ramdas and Rinaldo, "E-detectors", 2022.

use super::{
    counts::Pair,
    elementary::{exp, ln},
    quantity::{Minutes, Share, float, size},
};

pub(super) const POINTS: usize = 40;

/// One number per point of a grid.
pub(super) type PerPoint = [f64; POINTS];

/// What is to be refuted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Hypothesis {
    /// In every minute `p_c <= ratio p_b + absolute` (or `>=`, with a grid below the ratio).
    Ratio { ratio: f64, absolute: f64 },
    /// In every minute `p_c <= limit` (or `>=`), without a baseline: Wald's Poisson test.
    Limit(Share),
}

/// Alternatives as multiples of the hypothesis' own ratio, with the logarithms of their prior weights.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    ln_ratio: PerPoint,
    ratio: PerPoint,
    ln_weight: PerPoint,
}

fn grid(from: f64, to: f64, weight: impl Fn(usize, f64) -> f64) -> Grid {
    let mut ln_ratio = [0.0; POINTS];
    for (k, u) in ln_ratio.iter_mut().enumerate() {
        *u = from.ln() + (to.ln() - from.ln()) * size(k) / size(POINTS - 1);
    }
    let mut ln_weight = [0.0; POINTS];
    for ((k, w), u) in ln_weight.iter_mut().enumerate().zip(ln_ratio) {
        *w = weight(k, u);
    }
    let total: f64 = ln_weight.iter().sum();
    let ratio = ln_ratio.map(f64::exp);
    Grid { ln_ratio, ratio, ln_weight: ln_weight.map(|w| (w / total).ln()) }
}

impl Grid {
    /// 1.05 to 30 times worse than allowed, a bell in ln r about a doubling: by simulation, that takes a tenth fewer
    /// requests than under weights that fall off slowly from 1, and what lies at the edges (1.2 and 10 times) a quarter
    /// more.
    pub(super) fn worse() -> Self {
        const DOUBLING: f64 = 0.75;
        const SPREAD: f64 = 0.3;
        grid(1.05, 30.0, |_, u| (-((u - DOUBLING) / SPREAD).powi(2) / 2.0).exp())
    }

    /// The statistics note's own grid of worse alternatives, for its worked example.
    #[cfg(test)]
    pub(super) fn half_normal() -> Self {
        grid(1.05, 30.0, |_, u| (-u * u / 2.0).exp())
    }

    /// 0.95 down to 0.005 times the margin; three tenths of the weight on the smallest, because a canary without a
    /// single error is the common case and should pass soonest.
    pub(super) fn better() -> Self {
        let half_normal = |u: f64| (-u * u / (2.0 * 0.7 * 0.7)).exp();
        let bell = grid(0.005, 0.95, |_, u| half_normal(u));
        let total: f64 = bell.ln_ratio.iter().map(|&u| half_normal(u)).sum();
        grid(0.005, 0.95, |k, u| 0.7 * half_normal(u) / total + if k == 0 { 0.3 } else { 0.0 })
    }

    /// ln e(r) of one minute at every point.
    pub(super) fn ln_e(&self, hypothesis: Hypothesis, pair: Pair) -> PerPoint {
        let canary = float(pair.canary.bad());
        let requests = float(pair.canary.total());
        match hypothesis {
            Hypothesis::Ratio { ratio, absolute } => {
                let Some(rho) = pair.share() else { return [0.0; POINTS] };
                let rest = 1.0 - rho;
                let (all, allowed, weight) = (pair.bad(), requests * absolute, rho * ratio);
                self.at_each(|u, times| {
                    let b = (rest + weight) / (rest + weight * times);
                    canary * u + all * ln(b) - allowed * (times * b - 1.0)
                })
            }
            Hypothesis::Limit(limit) => {
                let expected = requests * limit.get();
                self.at_each(|u, times| canary * u - expected * (times - 1.0))
            }
        }
    }

    fn at_each(&self, f: impl Fn(f64, f64) -> f64) -> PerPoint {
        let mut values = self.ln_ratio;
        for (value, times) in values.iter_mut().zip(&self.ratio) {
            *value = f(*value, *times);
        }
        values
    }

    /// How ln E grows per canary request at the best alternative, when the canary's and the baseline's rates are
    /// `canary` and `baseline` at share `rho`. Counts are taken for Poisson.
    pub(super) fn growth(
        &self,
        hypothesis: Hypothesis,
        (canary, baseline): (f64, f64),
        rho: f64,
    ) -> Growth {
        let others = baseline * (1.0 - rho) / rho;
        self.ln_ratio
            .into_iter()
            .zip(self.ratio)
            .map(|(u, times)| {
                let (ln_a, ln_b, drift) = match hypothesis {
                    Hypothesis::Ratio { ratio, absolute } => {
                        let b = (1.0 - rho + rho * ratio) / (1.0 - rho + rho * ratio * times);
                        (u + b.ln(), b.ln(), absolute * (times * b - 1.0))
                    }
                    Hypothesis::Limit(limit) => (u, 0.0, limit.get() * (times - 1.0)),
                };
                Growth {
                    mean: canary * ln_a + others * ln_b - drift,
                    variance: canary * ln_a * ln_a + others * ln_b * ln_b,
                }
            })
            .fold(Growth { mean: f64::NEG_INFINITY, variance: 0.0 }, |best, at| {
                if at.mean > best.mean { at } else { best }
            })
    }
}

/// Mean and variance of what one canary request adds to ln E.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

/// When capital held in reserve is put in, so that a regression which begins late is not outweighed by the good hours
/// before it. The times are settled in advance, which is what keeps the whole an e-process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Restarts {
    Never,
    /// `reserve` of the capital, in equal parts, one after every `every` minutes.
    Every {
        minutes: Minutes,
        parts: u32,
        reserve: f64,
    },
}

impl Restarts {
    /// What is put in at the beginning.
    fn ln_at_once(self) -> f64 {
        match self {
            Self::Never => 0.0,
            Self::Every { reserve, .. } => (1.0 - reserve).ln(),
        }
    }

    fn ln_part(self) -> f64 {
        match self {
            Self::Never => f64::NEG_INFINITY,
            Self::Every { parts, reserve, .. } => (reserve / f64::from(parts)).ln(),
        }
    }
}

/// An e-process over a grid: what each alternative's capital has become, and how it got there.
#[derive(Clone, Debug)]
pub(super) struct Process {
    grid: Grid,
    restarts: Restarts,
    ln_capital: PerPoint,
    observed: usize,
    /// Places among the minutes observed before which a part of the reserve was put in.
    starts: Vec<usize>,
    /// Minutes since the last one was.
    age: Minutes,
    ln_value: f64,
}

/// Adds a part of the reserve to every alternative's capital: `ln(e^capital + e^part)`.
fn put_in(ln_capital: &mut PerPoint, ln_part: f64) {
    for capital in ln_capital {
        let (high, low) = (capital.max(ln_part), capital.min(ln_part));
        *capital = high + ln(1.0 + exp(low - high));
    }
}

impl Process {
    pub(super) fn new(grid: Grid, restarts: Restarts) -> Self {
        let ln_capital = [restarts.ln_at_once(); POINTS];
        Self {
            grid,
            restarts,
            ln_capital,
            observed: 0,
            starts: Vec::new(),
            age: Minutes(0),
            ln_value: 0.0,
        }
    }

    /// A weight step is a likely moment for a regression to begin: the next part of the reserve goes in now.
    pub(super) fn step(&mut self) {
        self.age = Minutes(u32::MAX);
    }

    /// Takes in one minute, and says what it spoke for.
    pub(super) fn observe(&mut self, hypothesis: Hypothesis, pair: Pair) -> PerPoint {
        if let Restarts::Every { minutes, parts, .. } = self.restarts
            && self.age >= minutes
        {
            self.age = Minutes(0);
            if size(self.starts.len()) < f64::from(parts) {
                self.starts.push(self.observed);
                put_in(&mut self.ln_capital, self.restarts.ln_part());
            }
        }
        self.age = Minutes(self.age.0.saturating_add(1));
        let ln_e = self.grid.ln_e(hypothesis, pair);
        grow(&mut self.ln_capital, &ln_e);
        self.observed += 1;
        self.ln_value = self.ln_mixture(&self.ln_capital);
        ln_e
    }

    /// ln E.
    pub(super) fn ln_value(&self) -> f64 {
        self.ln_value
    }

    /// The minute that speaks loudest for the leading alternative, as its place in the history (all that was
    /// observed).
    pub(super) fn loudest(&self, history: &[PerPoint]) -> Option<usize> {
        let weighted = self.grid.ln_weight.iter().zip(&self.ln_capital);
        let leader = position_of_largest(weighted.map(|(weight, capital)| weight + capital))?;
        position_of_largest(history.iter().filter_map(|ln_e| ln_e.get(leader).copied()))
    }

    /// ln E over the same history with every minute's evidence divided by `dispersion`, as if the minute `omitted` had
    /// not been observed. What the mixtures cost is not divided.
    pub(super) fn tempered(
        &self,
        history: &[PerPoint],
        dispersion: f64,
        omitted: Option<usize>,
    ) -> f64 {
        let kept = 1.0 / dispersion;
        let mut ln_capital = [self.restarts.ln_at_once(); POINTS];
        let mut starts = self.starts.iter().peekable();
        for (place, ln_e) in history.iter().enumerate() {
            if starts.next_if_eq(&&place).is_some() {
                put_in(&mut ln_capital, self.restarts.ln_part());
            }
            if Some(place) != omitted {
                for (capital, ln_e) in ln_capital.iter_mut().zip(ln_e) {
                    *capital += ln_e * kept;
                }
            }
        }
        self.ln_mixture(&ln_capital)
    }

    fn ln_mixture(&self, ln_capital: &PerPoint) -> f64 {
        let unspent = match self.restarts {
            Restarts::Never => 0.0,
            Restarts::Every { parts, reserve, .. } => {
                reserve * (1.0 - size(self.starts.len()) / f64::from(parts))
            }
        };
        ln_sum(&self.grid.ln_weight, ln_capital, unspent.ln())
    }
}

fn grow<const N: usize>(ln_capital: &mut [f64; N], ln_e: &[f64; N]) {
    for (capital, ln_e) in ln_capital.iter_mut().zip(ln_e) {
        *capital += ln_e;
    }
}

fn position_of_largest(values: impl Iterator<Item = f64>) -> Option<usize> {
    values.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(position, _)| position)
}

/// `ln(e^extra + sum_k e^(a_k + b_k))`. In lanes of eight, which the compiler evaluates at once; lanes in which every
/// term is below the last digit of the largest are left out.
pub(super) fn ln_sum<const N: usize>(a: &[f64; N], b: &[f64; N], extra: f64) -> f64 {
    let mut terms = *a;
    grow(&mut terms, b);
    let (chunks, rest) = terms.as_chunks::<8>();
    let mut highest = [extra; 8];
    for chunk in chunks {
        for (highest, term) in highest.iter_mut().zip(chunk) {
            *highest = if term > highest { *term } else { *highest };
        }
    }
    let largest = highest.iter().chain(rest).fold(extra, |a, b| a.max(*b));
    if !largest.is_finite() {
        return largest;
    }
    let mut sums = [0.0; 8];
    for chunk in chunks {
        if chunk.iter().any(|term| term - largest > -40.0) {
            for (sum, term) in sums.iter_mut().zip(chunk) {
                *sum += exp(term - largest);
            }
        }
    }
    let outside = rest.iter().chain([&extra]).map(|term| exp(term - largest));
    largest + ln(sums.into_iter().chain(outside).sum())
}
