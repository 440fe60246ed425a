//! From target health to a reading. The share is taken of what should be there, the registered targets or the desired
//! capacity of the fleets behind the side, whichever is more: one healthy target out of one registered is not enough
//! when four were asked for.

use crate::{
    cloud::{Health, HealthState},
    plan::units::Percent,
    rollout::{Outcome, Reading, Timestamp},
};

/// Pass when at least this share of what should serve does, and at least one does. Wait while those still to come or
/// still starting could make it; fail when too many are known to be unhealthy.
pub fn judge_health(health: &[Health], desired: u32, at_least: Percent, at: Timestamp) -> Reading {
    let count = |wanted: fn(HealthState) -> bool| {
        u32::try_from(health.iter().filter(|h| wanted(h.state)).count()).unwrap_or(u32::MAX)
    };
    let healthy = count(|state| state == HealthState::Healthy);
    let registered = count(|state| state != HealthState::Draining);
    let expected = registered.max(desired);
    let needed = at_least.of_rounded_up(expected).max(1);
    let lost = count(|state| matches!(state, HealthState::Unhealthy | HealthState::Unavailable));
    let outcome = if healthy >= needed {
        Outcome::Pass
    } else if expected.saturating_sub(lost) >= needed {
        Outcome::Wait
    } else {
        Outcome::Fail
    };
    let reasons = health
        .iter()
        .filter(|h| h.state != HealthState::Healthy && h.state != HealthState::Draining)
        .map(|h| if h.reason.is_empty() { "no reason given" } else { h.reason.as_str() });
    let mut reasons: Vec<&str> = reasons.collect();
    reasons.sort_unstable();
    reasons.dedup();
    let why = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    let needs =
        if outcome == Outcome::Pass { String::new() } else { format!(", {needed} needed{why}") };
    let reading =
        Reading::new(outcome, at, format!("{healthy} of {expected} targets healthy{needs}"));
    if registered == expected { reading } else { reading.with("registered", registered) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn targets(healthy: usize, others: usize) -> Vec<Health> {
        let target = |state| Health { target: "i".into(), state, reason: String::new() };
        let all = std::iter::repeat_n(HealthState::Healthy, healthy)
            .chain(std::iter::repeat_n(HealthState::Initial, others));
        all.map(target).collect()
    }

    proptest! {
        #[test]
        fn nobody_healthy_never_passes(others in 0usize..20, desired in 0u32..20, points in 0u16..=10_000) {
            let at_least = Percent::from_basis_points(points).unwrap();
            let reading = judge_health(&targets(0, others), desired, at_least, Timestamp::default());
            prop_assert_ne!(reading.outcome, Outcome::Pass);
        }

        #[test]
        fn all_that_were_asked_for_healthy_always_passes(healthy in 1usize..20, points in 0u16..=10_000) {
            let at_least = Percent::from_basis_points(points).unwrap();
            let desired = u32::try_from(healthy).unwrap();
            let reading = judge_health(&targets(healthy, 0), desired, at_least, Timestamp::default());
            prop_assert_eq!(reading.outcome, Outcome::Pass);
        }
    }

    #[test]
    fn targets_that_start_are_waited_for_and_unhealthy_ones_are_not() {
        let target = |state| Health { target: "i".into(), state, reason: "Target.Timeout".into() };
        let outcome = |states: [HealthState; 2]| {
            let all = states.map(target);
            judge_health(&all, 2, Percent::HUNDRED, Timestamp::default()).outcome
        };
        assert_eq!(outcome([HealthState::Healthy, HealthState::Initial]), Outcome::Wait);
        assert_eq!(outcome([HealthState::Healthy, HealthState::Unhealthy]), Outcome::Fail);
    }

    #[test]
    fn one_healthy_target_of_four_asked_for_is_not_enough() {
        let reading = judge_health(&targets(1, 0), 4, Percent::HUNDRED, Timestamp::default());
        assert_eq!(reading.outcome, Outcome::Wait);
        assert_eq!(reading.because, "1 of 4 targets healthy, 4 needed");
    }
}
