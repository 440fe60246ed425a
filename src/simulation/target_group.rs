//! A target group: targets that become healthy only after they have been checked for a while, and that are checked
//! only while a rule names their group.

use std::time::Duration;

use super::{
    phrases::Healthy,
    traffic::{Requests, Served},
};
use crate::{
    cloud::{Health, HealthState, TargetGroup},
    plan::{Side, units::Percent},
    rollout::Timestamp,
};

/// How long a target that fails its checks is `initial` before it counts as unhealthy: two checks of 10 s.
const UNHEALTHY_AFTER: Duration = Duration::from_secs(20);

/// Whether any rule names a group; at weight 0 it counts as used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attachment {
    Used,
    Unused,
}

/// What software on a side does right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behaviour {
    pub(super) error_rate: Percent,
    pub(super) latency: Duration,
    pub(super) healthy: Healthy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unused,
    Checking { since: Timestamp },
    Healthy,
    Unhealthy,
    Draining { until: Timestamp },
}

#[derive(Clone, Debug)]
struct Target {
    id: String,
    phase: Phase,
}

/// What became of requests that were sent to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Served(Served),
    /// There was no target to send them to.
    Lost,
}

#[derive(Clone, Debug)]
pub(super) struct SimulatedTargetGroup {
    pub(super) described: TargetGroup,
    pub(super) side: Side,
    /// `false` when its health checks are switched off: then it is sent traffic whatever it does.
    checked: bool,
    targets: Vec<Target>,
}

impl SimulatedTargetGroup {
    pub(super) fn new(described: TargetGroup, side: Side) -> Self {
        Self { described, side, checked: true, targets: Vec::new() }
    }

    pub(super) fn switch_checks_off(&mut self) {
        self.checked = false;
    }

    pub(super) fn register(&mut self, id: &str) {
        self.targets.push(Target { id: format!("{id}:8080"), phase: Phase::Unused });
    }

    /// One that has been serving since before the world began.
    pub(super) fn register_healthy(&mut self, id: &str) {
        self.targets.push(Target { id: format!("{id}:8080"), phase: Phase::Healthy });
    }

    pub(super) fn deregister(&mut self, id: &str, now: Timestamp) {
        let until = now.plus(self.described.deregistration_delay);
        let name = format!("{id}:8080");
        for target in self.targets.iter_mut().filter(|target| target.id == name) {
            target.phase = Phase::Draining { until };
        }
    }

    pub(super) fn step(&mut self, now: Timestamp, attachment: Attachment, healthy: Healthy) {
        for target in &mut self.targets {
            target.phase = match (target.phase, attachment, healthy) {
                (phase @ Phase::Draining { .. }, _, _) => phase,
                (_, Attachment::Unused, _) => Phase::Unused,
                (_, Attachment::Used, _) if !self.checked => Phase::Healthy,
                (Phase::Unused, Attachment::Used, _) => Phase::Checking { since: now },
                (Phase::Checking { since }, Attachment::Used, Healthy::After(time))
                    if now.since(since) >= time =>
                {
                    Phase::Healthy
                }
                (Phase::Checking { since }, Attachment::Used, Healthy::Never)
                    if now.since(since) >= UNHEALTHY_AFTER =>
                {
                    Phase::Unhealthy
                }
                (Phase::Healthy, Attachment::Used, Healthy::Never) => Phase::Unhealthy,
                (Phase::Unhealthy, Attachment::Used, Healthy::After(_)) => {
                    Phase::Checking { since: now }
                }
                (
                    phase @ (Phase::Checking { .. } | Phase::Healthy | Phase::Unhealthy),
                    Attachment::Used,
                    _,
                ) => phase,
            };
        }
        self.targets.retain(|target| match target.phase {
            Phase::Draining { until } => now < until,
            Phase::Unused | Phase::Checking { .. } | Phase::Healthy | Phase::Unhealthy => true,
        });
    }

    /// Whether time alone changes nothing.
    pub(super) fn is_settled(&self) -> bool {
        self.targets.iter().all(|target| match target.phase {
            Phase::Unused | Phase::Healthy | Phase::Unhealthy => true,
            Phase::Checking { .. } | Phase::Draining { .. } => false,
        })
    }

    pub(super) fn healthy(&self) -> usize {
        self.targets.iter().filter(|target| target.phase == Phase::Healthy).count()
    }

    /// Where requests could be sent at all.
    fn registered(&self) -> usize {
        self.targets.iter().filter(|t| !matches!(t.phase, Phase::Draining { .. })).count()
    }

    /// Sends requests to the healthy targets; to all of them when none is healthy (it fails open), and then they fail.
    pub(super) fn serve(&self, requests: Requests, behaviour: Behaviour) -> Fate {
        if self.healthy() > 0 {
            let errors = requests.share(behaviour.error_rate);
            Fate::Served(Served { requests, errors })
        } else if self.registered() > 0 {
            Fate::Served(Served { requests, errors: requests })
        } else {
            Fate::Lost
        }
    }

    /// As `DescribeTargetHealth` tells it.
    pub(super) fn health(&self) -> Vec<Health> {
        self.targets
            .iter()
            .map(|target| {
                let (state, reason) = match target.phase {
                    Phase::Unused | Phase::Checking { .. } | Phase::Healthy | Phase::Unhealthy
                        if !self.checked =>
                    {
                        (HealthState::Unavailable, "Target.HealthCheckDisabled")
                    }
                    Phase::Unused => (HealthState::Unused, "Target.NotInUse"),
                    Phase::Checking { .. } => (HealthState::Initial, "Elb.InitialHealthChecking"),
                    Phase::Healthy => (HealthState::Healthy, ""),
                    Phase::Unhealthy => (HealthState::Unhealthy, "Target.ResponseCodeMismatch"),
                    Phase::Draining { .. } => {
                        (HealthState::Draining, "Target.DeregistrationInProgress")
                    }
                };
                Health { target: target.id.clone(), state, reason: reason.into() }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Member;

    fn group() -> SimulatedTargetGroup {
        let described = TargetGroup {
            name: Member::new("green"),
            arn: String::new(),
            deregistration_delay: Duration::from_secs(30),
            load_balancers: Vec::new(),
            protocol: None,
            vpc: None,
        };
        SimulatedTargetGroup::new(described, Side::Candidate)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn states(group: &SimulatedTargetGroup) -> Vec<HealthState> {
        group.health().into_iter().map(|health| health.state).collect()
    }

    const SOON: Healthy = Healthy::After(Duration::from_secs(20));

    #[test]
    fn a_target_is_not_checked_before_a_rule_names_its_group() {
        let mut group = group();
        group.register("i-1");
        group.step(at(1_000), Attachment::Unused, SOON);
        assert_eq!(states(&group), [HealthState::Unused]);
        group.step(at(1_001), Attachment::Used, SOON);
        group.step(at(1_020), Attachment::Used, SOON);
        assert_eq!(states(&group), [HealthState::Initial]);
        group.step(at(1_021), Attachment::Used, SOON);
        assert_eq!(states(&group), [HealthState::Healthy]);
        group.step(at(1_022), Attachment::Unused, SOON);
        assert_eq!(states(&group), [HealthState::Unused]);
    }

    #[test]
    fn a_target_that_fails_its_checks_may_recover() {
        let mut group = group();
        group.register("i-1");
        group.step(at(0), Attachment::Used, Healthy::Never);
        group.step(at(20), Attachment::Used, Healthy::Never);
        assert_eq!(states(&group), [HealthState::Unhealthy]);
        group.step(at(21), Attachment::Used, SOON);
        group.step(at(41), Attachment::Used, SOON);
        assert_eq!(states(&group), [HealthState::Healthy]);
    }

    #[test]
    fn a_group_without_a_healthy_target_fails_open_and_one_without_any_loses_requests() {
        let behaviour = Behaviour {
            error_rate: Percent::ZERO,
            latency: Duration::from_millis(80),
            healthy: SOON,
        };
        let requests = Requests::from_millionths(5_000_000);
        let mut group = group();
        assert_eq!(group.serve(requests, behaviour), Fate::Lost);
        group.register("i-1");
        group.step(at(0), Attachment::Used, SOON);
        let all_fail = Fate::Served(Served { requests, errors: requests });
        assert_eq!(group.serve(requests, behaviour), all_fail);
        group.step(at(20), Attachment::Used, SOON);
        let all_well = Fate::Served(Served { requests, errors: Requests::ZERO });
        assert_eq!(group.serve(requests, behaviour), all_well);
        group.deregister("i-1", at(21));
        assert_eq!(group.serve(requests, behaviour), Fate::Lost, "draining takes nothing new");
        assert_eq!(states(&group), [HealthState::Draining]);
        group.step(at(51), Attachment::Used, SOON);
        assert_eq!(states(&group), []);
    }
}
