//! The figures of a target group over a time, and how one period of them compares with an alarm's thresholds.

use std::{fmt, ops::AddAssign, time::Duration};

use super::{
    alarm_script::AlarmScript,
    traffic::{Requests, Served},
};
use crate::plan::units::Percent;

/// The share of errors above which an alarm goes off that names no threshold.
const DEFAULT_ERRORS: u64 = 100;

/// What a period is to an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    Breaching,
    Fine,
    /// No requests, no figures.
    Missing,
}

/// Requests, errors and time taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    served: Served,
    /// Milliseconds, summed over millionths of requests.
    time_taken: u128,
}

impl Figures {
    pub(super) fn of(served: Served, latency: Duration) -> Self {
        let time_taken = u128::from(served.requests.millionths()) * latency.as_millis();
        Self { served, time_taken }
    }

    pub(super) fn judge(&self, alarm: &AlarmScript) -> Point {
        if self.served.requests == Requests::ZERO {
            return Point::Missing;
        }
        let share = self.errors_in_basis_points();
        let errors = self.served.errors.millionths();
        let too_many = alarm.error_count_above.map(|limit| errors > u64::from(limit) * 1_000_000);
        let too_large = alarm.errors_above.map(|limit| share > u64::from(limit.basis_points()));
        let too_slow = alarm.latency_above.map(|limit| self.latency() > limit);
        let exceeded = [too_many, too_large, too_slow];
        let breaching = if exceeded == [None; 3] {
            share > DEFAULT_ERRORS
        } else {
            exceeded.contains(&Some(true))
        };
        if breaching { Point::Breaching } else { Point::Fine }
    }

    fn errors_in_basis_points(&self) -> u64 {
        self.served.errors.share_of(self.served.requests)
    }

    /// The mean.
    fn latency(&self) -> Duration {
        let requests = u128::from(self.served.requests.millionths().max(1));
        Duration::from_millis(u64::try_from(self.time_taken / requests).unwrap_or(u64::MAX))
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, more: Self) {
        self.served += more.served;
        self.time_taken += more.time_taken;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.served.requests == Requests::ZERO {
            return f.write_str("no requests");
        }
        let points = u16::try_from(self.errors_in_basis_points()).unwrap_or(u16::MAX);
        write!(
            f,
            "{} errors in {} requests at {} ms",
            Percent::from_basis_points(points).unwrap_or(Percent::HUNDRED),
            self.served.requests,
            self.latency().as_millis(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(requests: u64, errors: u64, latency: u64) -> Figures {
        let served = Served {
            requests: Requests::from_millionths(requests * 1_000_000),
            errors: Requests::from_millionths(errors * 1_000_000),
        };
        Figures::of(served, Duration::from_millis(latency))
    }

    #[test]
    fn a_threshold_itself_does_not_breach() {
        let alarm = AlarmScript::default();
        assert_eq!(figures(100, 1, 80).judge(&alarm), Point::Fine);
        assert_eq!(figures(100, 2, 80).judge(&alarm), Point::Breaching);
        assert_eq!(figures(0, 0, 80).judge(&alarm), Point::Missing);
    }

    #[test]
    fn latency_is_the_mean_over_requests() {
        let mut both = figures(300, 0, 100);
        both += figures(100, 0, 500);
        assert_eq!(both.latency(), Duration::from_millis(200));
        assert_eq!(both.to_string(), "0% errors in 400 requests at 200 ms");
    }
}
