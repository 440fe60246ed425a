//! Users' requests: how a rule shares them out between target groups, and the book that is kept of what became of
//! them. The book is what a run is judged by from outside.

use std::{collections::BTreeMap, fmt, ops::AddAssign, time::Duration};

use crate::{
    plan::{Member, Side, units::Percent},
    rollout::{Split, Timestamp},
};

/// A number of requests in millionths of one, so that 0.1 % of a few requests is exact and nothing is left to chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requests(u64);

impl Requests {
    pub const ZERO: Self = Self(0);

    /// What arrives in `during` at so many requests a minute.
    pub(super) fn arriving(per_minute: u32, during: Duration) -> Self {
        let millis = u64::try_from(during.as_millis()).unwrap_or(u64::MAX);
        Self(u64::from(per_minute).saturating_mul(millis).saturating_mul(1_000_000) / 60_000)
    }

    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// Whole requests, to the nearest.
    pub const fn whole(self) -> u64 {
        (self.0 + 500_000) / 1_000_000
    }

    /// This share of them, rounded down to a millionth.
    pub(super) fn share(self, share: Percent) -> Self {
        self.part(u64::from(share.basis_points()), 10_000)
    }

    fn part(self, numerator: u64, denominator: u64) -> Self {
        let part = u128::from(self.0) * u128::from(numerator) / u128::from(denominator.max(1));
        Self(u64::try_from(part).unwrap_or(u64::MAX))
    }

    /// In basis points; zero of nothing.
    pub(super) fn share_of(self, total: Self) -> u64 {
        let points = u128::from(self.0) * 10_000 / u128::from(total.0.max(1));
        u64::try_from(points).unwrap_or(u64::MAX)
    }
}

impl AddAssign for Requests {
    fn add_assign(&mut self, more: Self) {
        self.0 = self.0.saturating_add(more.0);
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.whole().to_string())
    }
}

/// Shares requests out by the weights. What comes out adds up to what went in, to the millionth; with no weight at all
/// there is nowhere to send them, and the answer is empty.
pub(super) fn share_out(requests: Requests, split: &Split) -> Vec<(&Member, Requests)> {
    let total: u64 = split.0.values().map(|weight| u64::from(weight.get())).sum();
    let mut given = 0_u64;
    let mut weight_so_far = 0_u64;
    let weighted = split.0.iter().filter(|(_, weight)| weight.get() > 0);
    weighted
        .map(|(member, weight)| {
            // Cutting one running total keeps the rounding from ever losing or inventing a request.
            weight_so_far += u64::from(weight.get());
            let up_to_here = requests.part(weight_so_far, total).0;
            let part = up_to_here - given;
            given = up_to_here;
            (member, Requests(part))
        })
        .collect()
}

/// What reached a side, and what of it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    pub requests: Requests,
    /// Answered with a server error, or sent to a target that is not healthy because none was.
    pub errors: Requests,
}

impl AddAssign for Served {
    fn add_assign(&mut self, more: Self) {
        self.requests += more.requests;
        self.errors += more.errors;
    }
}

/// One minute of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    pub stable: Served,
    pub candidate: Served,
    /// Met a group without a target, or no group with a weight: the load balancer's own 503.
    pub lost: Requests,
}

impl Minute {
    pub(super) fn side(&mut self, side: Side) -> &mut Served {
        match side {
            Side::Stable => &mut self.stable,
            Side::Candidate => &mut self.candidate,
        }
    }

    /// All requests that users sent.
    pub fn sent(&self) -> Requests {
        let mut sent = self.lost;
        sent += self.stable.requests;
        sent += self.candidate.requests;
        sent
    }

    /// All requests that users saw fail.
    pub fn failed(&self) -> Requests {
        let mut failed = self.lost;
        failed += self.stable.errors;
        failed += self.candidate.errors;
        failed
    }
}

impl AddAssign for Minute {
    fn add_assign(&mut self, more: Self) {
        self.stable += more.stable;
        self.candidate += more.candidate;
        self.lost += more.lost;
    }
}

/// What became of every request, minute by minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub start: Timestamp,
    /// By minutes since the start; a minute without traffic is absent.
    pub minutes: BTreeMap<u64, Minute>,
}

impl Ledger {
    pub(super) fn starting(start: Timestamp) -> Self {
        Self { start, minutes: BTreeMap::new() }
    }

    pub(super) fn minute(&mut self, at: Timestamp) -> &mut Minute {
        self.minutes.entry(at.since(self.start).as_secs() / 60).or_default()
    }

    /// All minutes in one.
    pub fn total(&self) -> Minute {
        let mut total = Minute::default();
        for minute in self.minutes.values() {
            total += *minute;
        }
        total
    }
}

impl fmt::Display for Ledger {
    /// One line: `9000 requests: 8550 to stable, 450 to candidate; 54 failed (0.6%), none lost`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let points = total.failed().share_of(total.sent());
        let share = u16::try_from(points).ok().and_then(Percent::from_basis_points);
        write!(
            f,
            "{} requests: {} to stable, {} to candidate; {} failed ({}), ",
            total.sent(),
            total.stable.requests,
            total.candidate.requests,
            total.failed(),
            share.unwrap_or(Percent::HUNDRED),
        )?;
        match total.lost.whole() {
            0 => f.write_str("none lost"),
            lost => write!(f, "{lost} lost for want of a target"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::units::Weight;

    proptest! {
        #[test]
        fn sharing_out_neither_loses_nor_invents_a_request(
            millionths in 0_u64..10_000_000_000,
            weights in proptest::collection::vec(0_u16..=999, 1..5),
        ) {
            let named = weights.iter().enumerate().map(|(i, weight)| {
                (Member::new(format!("group-{i}")), Weight::new(*weight).unwrap())
            });
            let split = Split(named.collect());
            let total: u64 = weights.iter().map(|w| u64::from(*w)).sum();
            let shared = share_out(Requests(millionths), &split);
            let sum: u64 = shared.iter().map(|(_, part)| part.0).sum();
            prop_assert_eq!(sum, if total == 0 { 0 } else { millionths });
            for (member, part) in shared {
                let weight = u64::from(split.weight(member).get());
                let exact = u128::from(millionths) * u128::from(weight) / u128::from(total);
                prop_assert!(u128::from(part.0).abs_diff(exact) <= 1);
            }
        }
    }

    #[test]
    fn the_summary_counts_what_users_saw() {
        let mut ledger = Ledger::starting(Timestamp::from_millis(0));
        let served = |requests: u64, errors: u64| Served {
            requests: Requests(requests * 1_000_000),
            errors: Requests(errors * 1_000_000),
        };
        ledger.minute(Timestamp::from_millis(1)).stable = served(900, 9);
        ledger.minute(Timestamp::from_millis(60_000)).candidate = served(100, 1);
        assert_eq!(
            ledger.to_string(),
            "1000 requests: 900 to stable, 100 to candidate; 10 failed (1%), none lost"
        );
        ledger.minute(Timestamp::from_millis(60_000)).lost = Requests(5_000_000);
        assert!(ledger.to_string().ends_with("15 failed (1.49%), 5 lost for want of a target"));
        assert_eq!(ledger.minutes.len(), 2);
    }
}
