//! Noise that lasts: minutes that are alike are worth less than their number. How much less shows in the long-run
//! variance, the minutes' own and what neighbours share of it (Newey and West 1987, Bartlett's weights over a quarter of
//! the minutes). A few minutes cannot show it, and chance makes neighbours alike, too; so it counts, and is named, only
//! where it is beyond two of its standard errors under independence.
//!
//! A regression that begins in the middle looks just the same. That is why this takes from evidence to pass alone: taken
//! from evidence to fail it would hide what begins late.

use serde::Serialize;

use super::quantity::{size, tidy};

/// Minutes further apart than this are not compared: what lasts longer is a difference, not noise.
const LONGEST: usize = 30;
const STANDARD_ERRORS: f64 = 2.0;

/// Minutes that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Lasting {
    /// How many times the variance of a mean is what independent minutes would have, above 1.
    pub inflation: f64,
}

impl Lasting {
    /// `None` where the minutes' scores, oldest first, do not show it.
    pub(super) fn among(scores: &[f64]) -> Option<Self> {
        let minutes = size(scores.len());
        let lags = (scores.len() / 4).min(LONGEST);
        let mean = scores.iter().sum::<f64>() / minutes;
        let from_mean: Vec<f64> = scores.iter().map(|score| score - mean).collect();
        let squares: f64 = from_mean.iter().map(|deviation| deviation * deviation).sum();
        if lags == 0 || squares <= 0.0 {
            return None;
        }
        let (mut shared, mut weights, mut squared_weights) = (0.0, 0.0, 0.0);
        for lag in 1..=lags {
            let weight = 1.0 - size(lag) / size(lags + 1);
            let later = from_mean.iter().skip(lag);
            let products: f64 = from_mean.iter().zip(later).map(|(a, b)| a * b).sum();
            shared += weight * products / squares;
            weights += weight;
            squared_weights += weight * weight;
        }
        // Taking off the mean makes each correlation smaller by 1/n.
        let beyond = (shared + weights / minutes) / (squared_weights / minutes).sqrt();
        let degrees = minutes - 1.0 - size(lags);
        let inflation = (1.0 + 2.0 * shared) * (minutes - 1.0) / degrees;
        (beyond > STANDARD_ERRORS && inflation > 1.0).then_some(Self { inflation })
    }

    /// Fit for showing.
    pub(super) fn tidied(self) -> Self {
        Self { inflation: tidy(self.inflation, 4) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::judge::random::Random;

    /// So many normal deviates with this autocorrelation.
    fn noise(kept: f64, minutes: usize, run: u64) -> Vec<f64> {
        let mut random = Random::new(31, run);
        let mut last = random.normal();
        (0..minutes)
            .map(|_| {
                last = kept * last + (1.0 - kept * kept).sqrt() * random.normal();
                last
            })
            .collect()
    }

    fn found(kept: f64, minutes: usize) -> usize {
        (0..400).filter(|run| Lasting::among(&noise(kept, minutes, *run)).is_some()).count()
    }

    #[test]
    fn independent_minutes_are_seldom_found_alike() {
        for minutes in [8, 20, 60, 180] {
            let found = found(0.0, minutes);
            assert!(found <= 28, "{found} of 400 in {minutes} minutes");
        }
    }

    #[test]
    fn noise_that_lasts_is_found_once_there_is_an_hour_of_it() {
        let found = found(0.9, 60);
        assert!(found >= 340, "{found} of 400");
    }

    #[test]
    fn a_few_minutes_show_nothing() {
        for scores in [&[][..], &[1.0], &[1.0, 1.0, -1.0], &[2.0; 40]] {
            assert_eq!(Lasting::among(scores), None);
        }
    }

    proptest! {
        #[test]
        fn the_order_backwards_is_as_alike(scores in prop::collection::vec(-50.0..50.0_f64, 0..60)) {
            let backwards: Vec<f64> = scores.iter().rev().copied().collect();
            let (a, b) = (Lasting::among(&scores), Lasting::among(&backwards));
            match (a, b) {
                (Some(a), Some(b)) => prop_assert!((a.inflation - b.inflation).abs() < 1e-9),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}
