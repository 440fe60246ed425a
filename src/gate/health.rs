//! From target health to a reading. The share is taken of what should be there, the registered targets or the desired
//! capacity of the fleets behind the side, whichever is more: one healthy target out of one registered is not enough
//! when four were asked for.

use crate::{
    cloud::{Checkers, FunctionVersion, Health, HealthState, Provisioned, Taker, VersionState},
    plan::{Member, units::Percent},
    rollout::{Outcome, Reading, Timestamp},
};

/// Pass when at least this share of what should serve does, and at least one does. Wait while those still to come or
/// still starting could make it; fail when too many are known to be unhealthy. What nobody checks, because its group's
/// health checks are switched off, is sent traffic in any case: being registered is all there is to know of it.
pub fn judge_health(health: &[Health], desired: u32, at_least: Percent, at: Timestamp) -> Reading {
    let count = |wanted: fn(HealthState) -> bool| {
        u32::try_from(health.iter().filter(|h| wanted(h.state)).count()).unwrap_or(u32::MAX)
    };
    let unchecked = health.iter().filter(|h| h.is_never_checked()).count();
    let unchecked = u32::try_from(unchecked).unwrap_or(u32::MAX);
    let healthy = count(|state| state == HealthState::Healthy).saturating_add(unchecked);
    let registered = count(|state| state != HealthState::Draining);
    let expected = registered.max(desired);
    let needed = at_least.of_rounded_up(expected).max(1);
    let lost = count(|state| matches!(state, HealthState::Unhealthy | HealthState::Unavailable))
        .saturating_sub(unchecked);
    let outcome = if healthy >= needed {
        Outcome::Pass
    } else if lost == 0 || expected.saturating_sub(lost) >= needed {
        Outcome::Wait
    } else {
        Outcome::Fail
    };
    let reasons = health
        .iter()
        .filter(|h| h.state != HealthState::Healthy && h.state != HealthState::Draining)
        .filter(|h| !h.is_never_checked())
        .map(|h| match h.reason.as_str() {
            "" => format!("{}, no reason given", h.state),
            reason => format!("{}, {reason}", h.state),
        });
    let mut reasons: Vec<String> = reasons.collect();
    reasons.sort_unstable();
    reasons.dedup();
    let why = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
    let needs =
        if outcome == Outcome::Pass { String::new() } else { format!(", {needed} needed{why}") };
    let known = match unchecked {
        0 => "healthy",
        _ => "registered, and their group has no health checks to ask",
    };
    let reading =
        Reading::new(outcome, at, format!("{healthy} of {expected} targets {known}{needs}"));
    if registered == expected { reading } else { reading.with("registered", registered) }
}

/// Pass when Route 53 takes a record for healthy, which is when more than 18 % of its checkers do, and the fleets behind
/// it have as many instances in service as are needed. What has no health check is answered with in any case, so there
/// is nobody to ask.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html>
pub fn judge_record(
    member: &Member,
    checkers: Option<Checkers>,
    (in_service, needed): (u32, u32),
    at: Timestamp,
) -> Reading {
    if in_service < needed {
        let because = format!("{in_service} instances in service, {needed} needed");
        return Reading::new(Outcome::Wait, at, because);
    }
    match checkers {
        None => Reading::new(
            Outcome::Pass,
            at,
            format!("the record {member} has no health check to ask"),
        ),
        Some(Checkers { all: 0, .. }) => {
            let because = format!("nobody has checked the record {member} yet");
            Reading::new(Outcome::Unknown, at, because)
        }
        Some(Checkers { healthy, all }) => {
            let is_healthy = u64::from(healthy) * 100 > u64::from(all) * 18;
            let outcome = if is_healthy { Outcome::Pass } else { Outcome::Fail };
            let because = format!("{healthy} of {all} checkers find the record {member} healthy");
            Reading::new(outcome, at, because)
        }
    }
}

/// Pass when Lambda serves requests to a version, and enough of the executions that are to be kept ready are. It runs as
/// many of it as are asked for in any case, so otherwise there is nothing to count.
pub fn judge_version(
    version: &Member,
    (standing, provisioned): (&FunctionVersion, &Provisioned),
    at_least: Percent,
    at: Timestamp,
) -> Reading {
    let reading = judge_code(&format!("version {version}"), standing, at);
    let Provisioned { requested, ready, failed } = provisioned;
    if reading.outcome != Outcome::Pass || *requested == 0 {
        return reading;
    }
    let known = format!("{ready} of {requested} provisioned executions of version {version} ready");
    let needed = at_least.of_rounded_up(*requested);
    match failed {
        _ if *ready >= needed => Reading::new(Outcome::Pass, at, known),
        None => Reading::new(Outcome::Wait, at, format!("{known}, {needed} needed")),
        Some(why) => {
            let because =
                format!("{known}, {needed} needed: AWS has failed to provision more ({why})");
            let reading = Reading::new(Outcome::Fail, at, because.clone());
            Reading { given_up: Some(because), ..reading }
        }
    }
}

/// The same of a function, in words of whoever leads to it.
pub fn judge_code(function: &str, standing: &FunctionVersion, at: Timestamp) -> Reading {
    let (outcome, state) = match standing.state {
        VersionState::Active => (Outcome::Pass, "is active"),
        VersionState::Pending => (Outcome::Wait, "is not active yet"),
        VersionState::Inactive => (Outcome::Wait, "is inactive, and a first call would fail"),
        VersionState::Failed => (Outcome::Fail, "has failed"),
    };
    let why = match standing.reason.as_str() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    };
    Reading::new(outcome, at, format!("{function} {state}{why}"))
}

/// A deployment that is there answers as soon as it is asked: API Gateway runs it by itself.
pub fn judge_deployment(deployed: &Member, at: Timestamp) -> Reading {
    Reading::new(Outcome::Pass, at, format!("deployment {deployed} is there"))
}

/// A function has to be active; a queue takes what it is sent, and of others nobody can say.
pub fn judge_taker(arn: &Member, taker: &Taker, at: Timestamp) -> Reading {
    match taker {
        Taker::Function { version, .. } => judge_code(&format!("function {arn}"), version, at),
        Taker::Queue { .. } => Reading::new(Outcome::Pass, at, format!("queue {arn} is there")),
        Taker::Unasked => {
            let told = format!("nobody can be asked about {arn}, which counts as ready");
            Reading::new(Outcome::Pass, at, told)
        }
    }
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
            prop_assert_eq!(reading.outcome, Outcome::Wait);
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
    fn targets_that_nobody_checks_count_by_being_there_and_say_so() {
        let target = || Health {
            target: "i".into(),
            state: HealthState::Unavailable,
            reason: "Target.HealthCheckDisabled".into(),
        };
        let judged = |targets: &[Health], desired| {
            judge_health(targets, desired, Percent::HUNDRED, Timestamp::default())
        };
        let reading = judged(&[target()], 0);
        assert_eq!(reading.outcome, Outcome::Pass);
        let words = "1 of 1 targets registered, and their group has no health checks to ask";
        assert_eq!(reading.because, words);
        assert_eq!(judged(&[target()], 2).outcome, Outcome::Wait, "another is still to come");
        assert_eq!(judged(&[], 0).outcome, Outcome::Wait);
        let internal = Health { reason: "Elb.InternalError".into(), ..target() };
        assert_eq!(judged(&[internal], 1).outcome, Outcome::Fail);
    }

    #[test]
    fn a_record_is_as_healthy_as_route_53_takes_it_for() {
        let judged = |checkers, instances| {
            judge_record(&Member::new("green"), checkers, instances, Timestamp::default()).outcome
        };
        let seen = |healthy, all| Some(Checkers { healthy, all });
        assert_eq!(judged(seen(3, 16), (4, 4)), Outcome::Pass, "18.75 %");
        assert_eq!(judged(seen(2, 16), (4, 4)), Outcome::Fail);
        assert_eq!(judged(seen(0, 0), (4, 4)), Outcome::Unknown);
        assert_eq!(judged(None, (4, 4)), Outcome::Pass);
        assert_eq!(judged(None, (3, 4)), Outcome::Wait);
    }

    #[test]
    fn a_version_waits_for_the_executions_that_are_to_be_ready_and_tells_why_they_are_not() {
        let version = |state| FunctionVersion {
            state,
            reason: String::new(),
            role: None,
            dead_letters: None,
            code: None,
            snapshots: false,
        };
        let judged = |state, (requested, ready), failed: Option<&str>, at_least: u16| {
            let provisioned = Provisioned { requested, ready, failed: failed.map(str::to_owned) };
            let at_least = Percent::from_basis_points(at_least * 100).unwrap();
            let standing = (&version(state), &provisioned);
            let reading =
                judge_version(&Member::new("7"), standing, at_least, Timestamp::default());
            (reading.outcome, reading.because)
        };
        let active = VersionState::Active;
        assert_eq!(
            judged(active, (0, 0), None, 100),
            (Outcome::Pass, "version 7 is active".into())
        );
        assert_eq!(judged(VersionState::Pending, (5, 5), None, 100).0, Outcome::Wait);
        let some = "3 of 5 provisioned executions of version 7 ready";
        assert_eq!(judged(active, (5, 3), None, 50), (Outcome::Pass, some.into()));
        let needed = format!("{some}, 5 needed");
        assert_eq!(judged(active, (5, 3), None, 100), (Outcome::Wait, needed.clone()));
        let failed = format!("{needed}: AWS has failed to provision more (INIT)");
        assert_eq!(judged(active, (5, 3), Some("INIT"), 100), (Outcome::Fail, failed));
        // Whoever asks only whether anybody serves is not told no: a version serves without any.
        assert_eq!(judged(active, (5, 0), Some("INIT"), 0).0, Outcome::Pass);
    }

    #[test]
    fn one_healthy_target_of_four_asked_for_is_not_enough() {
        let reading = judge_health(&targets(1, 0), 4, Percent::HUNDRED, Timestamp::default());
        assert_eq!(reading.outcome, Outcome::Wait);
        assert_eq!(reading.because, "1 of 4 targets healthy, 4 needed");
    }
}
