//! Noise that lasts: minutes that are alike are worth less than their number. How much less shows in the long-run
//! variance, the minutes' own and what neighbours share of it (Newey and West 1987, Bartlett's weights over a quarter of
//! the minutes). A few minutes cannot show it, and chance makes neighbours alike, too; so it counts, and is named, only
//! where it is beyond two of its standard errors under independence.
//!
//! A regression that begins in the middle looks just the same. That is why this takes from evidence to pass alone: taken
//! from evidence to fail it would hide what begins late.

use std::collections::VecDeque;

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

/// The sums over minutes' scores, oldest first, in which what neighbours share shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbours {
    minutes: usize,
    /// Of each score the first one is taken off, so that sums of squares lose no digits where scores are large.
    origin: f64,
    sum: f64,
    squares: f64,
    /// Of scores that are one minute apart, two minutes, and so on.
    products: [f64; LONGEST],
    /// The first scores and the last, to tell the mean of those that have a neighbour.
    first: Vec<f64>,
    last: VecDeque<f64>,
}

impl Neighbours {
    /// Takes in another minute.
    pub(super) fn take_in(&mut self, score: f64) {
        if self.minutes == 0 {
            self.origin = score;
        }
        let score = score - self.origin;
        self.minutes += 1;
        self.sum += score;
        self.squares += score * score;
        for (products, earlier) in self.products.iter_mut().zip(&self.last) {
            *products += score * earlier;
        }
        if self.first.len() < LONGEST {
            self.first.push(score);
        }
        self.last.truncate(LONGEST - 1);
        self.last.push_front(score);
    }

    /// `None` where the minutes do not show that they are alike.
    pub(super) fn lasting(&self) -> Option<Lasting> {
        let minutes = size(self.minutes);
        let lags = (self.minutes / 4).min(LONGEST);
        let mean = self.sum / minutes;
        let squares = self.squares - self.sum * mean;
        if lags == 0 || squares <= 0.0 {
            return None;
        }
        let (mut shared, mut weights, mut squared_weights) = (0.0, 0.0, 0.0);
        let (mut first, mut last) = (0.0, 0.0);
        let ends = self.first.iter().zip(&self.last);
        for (lag, (products, ends)) in (1..=lags).zip(self.products.iter().zip(ends)) {
            let weight = 1.0 - size(lag) / size(lags + 1);
            first += ends.0;
            last += ends.1;
            // The sum of `(a - mean) (b - mean)` over all a and the b that is so much later.
            let of_both = 2.0 * self.sum - first - last;
            let products = products - mean * of_both + (minutes - size(lag)) * mean * mean;
            shared += weight * products / squares;
            weights += weight;
            squared_weights += weight * weight;
        }
        // Taking off the mean makes each correlation smaller by 1/n.
        let beyond = (shared + weights / minutes) / (squared_weights / minutes).sqrt();
        let degrees = minutes - 1.0 - size(lags);
        let inflation = (1.0 + 2.0 * shared) * (minutes - 1.0) / degrees;
        (beyond > STANDARD_ERRORS && inflation > 1.0).then_some(Lasting { inflation })
    }
}

impl Lasting {
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

    fn among(scores: &[f64]) -> Option<Lasting> {
        let mut neighbours = Neighbours::default();
        for score in scores {
            neighbours.take_in(*score);
        }
        neighbours.lasting()
    }

    /// As `Newey` and West have it, with every pair of minutes looked at.
    fn inflation(scores: &[f64]) -> f64 {
        let (minutes, lags) = (size(scores.len()), (scores.len() / 4).min(LONGEST));
        let mean = scores.iter().sum::<f64>() / minutes;
        let from_mean: Vec<f64> = scores.iter().map(|score| score - mean).collect();
        let squares: f64 = from_mean.iter().map(|deviation| deviation * deviation).sum();
        let shared = |lag: usize| {
            let pairs = from_mean.iter().zip(&from_mean[lag..]);
            let weight = 1.0 - size(lag) / size(lags + 1);
            weight * pairs.map(|(a, b)| a * b).sum::<f64>() / squares
        };
        let shared: f64 = (1..=lags).map(shared).sum();
        (1.0 + 2.0 * shared) * (minutes - 1.0) / (minutes - 1.0 - size(lags))
    }

    fn found(kept: f64, minutes: usize) -> usize {
        (0..400).filter(|run| among(&noise(kept, minutes, *run)).is_some()).count()
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
            assert_eq!(among(scores), None);
        }
    }

    proptest! {
        #[test]
        fn sums_tell_what_pairs_of_minutes_do(
            run in 0..1000_u64, kept in 0.5..0.95_f64, minutes in 8..200_usize, level in -1e4..1e4_f64,
        ) {
            let scores: Vec<f64> = noise(kept, minutes, run).iter().map(|s| level + 30.0 * s).collect();
            if let Some(found) = among(&scores) {
                prop_assert!((found.inflation - inflation(&scores)).abs() < 1e-9);
            }
        }

        #[test]
        fn the_order_backwards_is_as_alike(scores in prop::collection::vec(-50.0..50.0_f64, 0..60)) {
            let backwards: Vec<f64> = scores.iter().rev().copied().collect();
            let (a, b) = (among(&scores), among(&backwards));
            match (a, b) {
                (Some(a), Some(b)) => prop_assert!((a.inflation - b.inflation).abs() < 1e-9),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}
