//! An Auto Scaling group: a wish for so many instances, which come up after a while, register with target groups, and
//! on the way out are drained before they go.

use std::{collections::BTreeMap, time::Duration};

use super::{
    scenario::MOST_INSTANCES, scripts::CapacityChange, target_group::SimulatedTargetGroup,
};
use crate::{
    cloud::{Error, Group, Operation},
    plan::{Member, Side},
    rollout::{Capacity, Timestamp, Version},
    testkit::draw,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lifecycle {
    Pending { until: Timestamp },
    InService,
    Terminating { until: Timestamp },
}

#[derive(Clone, Debug)]
struct Instance {
    id: String,
    version: Version,
    lifecycle: Lifecycle,
}

/// How long things take for a group's instances.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) seed: u64,
    pub(super) launch: Duration,
    pub(super) drain: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct SimulatedGroup {
    pub(super) name: Member,
    pub(super) side: Side,
    pub(super) capacity: Capacity,
    /// What it looked like when the world began.
    pub(super) at_first: Capacity,
    pub(super) target_groups: Vec<Member>,
    suspended: Vec<String>,
    /// What it launches.
    pub(super) version: Version,
    instances: Vec<Instance>,
    launched: u64,
    pace: Pace,
}

impl SimulatedGroup {
    pub(super) fn new(
        name: Member,
        side: Side,
        capacity: Capacity,
        target_groups: Vec<Member>,
        suspended: Vec<String>,
        pace: Pace,
    ) -> Self {
        let (at_first, instances) = (capacity, Vec::new());
        Self {
            name,
            side,
            capacity,
            at_first,
            target_groups,
            suspended,
            version: version_of(match side {
                Side::Stable => 1,
                Side::Candidate => 2,
            }),
            instances,
            launched: 0,
            pace,
        }
    }

    /// Brings up its instances as if long ago, so many of them of the version before.
    pub(super) fn serve_already(
        &mut self,
        leftovers: u32,
        groups: &mut BTreeMap<Member, SimulatedTargetGroup>,
    ) {
        let before = version_of(match self.side {
            Side::Stable => 0,
            Side::Candidate => 1,
        });
        for number in 0..self.capacity.desired {
            let id = self.next_id();
            for name in &self.target_groups {
                if let Some(group) = groups.get_mut(name) {
                    group.register_healthy(&id);
                }
            }
            let version = if number < leftovers { &before } else { &self.version }.clone();
            self.instances.push(Instance { id, version, lifecycle: Lifecycle::InService });
        }
    }

    fn next_id(&mut self) -> String {
        self.launched += 1;
        let name = self
            .name
            .as_str()
            .bytes()
            .fold(0_u64, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
        format!("i-{:017x}", draw(self.pace.seed ^ name, self.launched))
    }

    fn suspends(&self, process: &str) -> bool {
        self.suspended.iter().any(|suspended| suspended == process)
    }

    pub(super) fn step(
        &mut self,
        now: Timestamp,
        groups: &mut BTreeMap<Member, SimulatedTargetGroup>,
    ) {
        self.put_into_service(now, groups);
        self.instances.retain(|instance| match instance.lifecycle {
            Lifecycle::Terminating { until } => now < until,
            Lifecycle::Pending { .. } | Lifecycle::InService => true,
        });
        let wished = usize::try_from(self.capacity.desired).unwrap_or(usize::MAX);
        let here = self.instances.iter().filter(|i| is_wanted(i.lifecycle)).count();
        if here < wished && !self.suspends("Launch") {
            for _ in here..wished {
                self.launch(now);
            }
        } else if here > wished && !self.suspends("Terminate") {
            self.terminate(here - wished, now, groups);
        }
    }

    /// Whether time alone changes nothing: it has what it wishes for, and all of that serves.
    pub(super) fn is_settled(&self) -> bool {
        let is_all = usize::try_from(self.capacity.desired) == Ok(self.instances.len());
        is_all && self.instances.iter().all(|instance| instance.lifecycle == Lifecycle::InService)
    }

    fn put_into_service(
        &mut self,
        now: Timestamp,
        groups: &mut BTreeMap<Member, SimulatedTargetGroup>,
    ) {
        let registers = !self.suspends("AddToLoadBalancer");
        for instance in &mut self.instances {
            match instance.lifecycle {
                Lifecycle::Pending { until } if now >= until => {
                    instance.lifecycle = Lifecycle::InService;
                    for name in self.target_groups.iter().filter(|_| registers) {
                        if let Some(group) = groups.get_mut(name) {
                            group.register(&instance.id);
                        }
                    }
                }
                Lifecycle::Pending { .. }
                | Lifecycle::InService
                | Lifecycle::Terminating { .. } => {}
            }
        }
    }

    fn launch(&mut self, now: Timestamp) {
        let id = self.next_id();
        let quarters = draw(self.pace.seed, self.launched) % 1_000;
        let more = self.pace.launch.as_millis() * u128::from(quarters) / 4_000;
        let jitter = Duration::from_millis(u64::try_from(more).unwrap_or(0));
        let until = now.plus(self.pace.launch).plus(jitter);
        let (version, lifecycle) = (self.version.clone(), Lifecycle::Pending { until });
        self.instances.push(Instance { id, version, lifecycle });
    }

    /// Youngest first, so that what is still coming up goes before what serves.
    fn terminate(
        &mut self,
        count: usize,
        now: Timestamp,
        groups: &mut BTreeMap<Member, SimulatedTargetGroup>,
    ) {
        let wanted = self.instances.iter_mut().rev().filter(|i| is_wanted(i.lifecycle));
        for instance in wanted.take(count) {
            let drain = match instance.lifecycle {
                Lifecycle::InService => self.pace.drain,
                Lifecycle::Pending { .. } | Lifecycle::Terminating { .. } => Duration::ZERO,
            };
            instance.lifecycle = Lifecycle::Terminating { until: now.plus(drain) };
            for name in &self.target_groups {
                if let Some(group) = groups.get_mut(name) {
                    group.deregister(&instance.id, now);
                }
            }
        }
    }

    /// Its instances go with it.
    pub(super) fn dissolve(
        &mut self,
        now: Timestamp,
        groups: &mut BTreeMap<Member, SimulatedTargetGroup>,
    ) {
        self.terminate(self.instances.len(), now, groups);
    }

    pub(super) fn in_service(&self) -> u32 {
        let count = self.instances.iter().filter(|i| i.lifecycle == Lifecycle::InService).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// As `DescribeAutoScalingGroups` tells it.
    pub(super) fn described(&self) -> Group {
        let mut running = BTreeMap::new();
        for instance in self.instances.iter().filter(|i| is_wanted(i.lifecycle)) {
            *running.entry(instance.version.clone()).or_insert(0) += 1;
        }
        Group {
            running,
            name: self.name.clone(),
            capacity: self.capacity,
            in_service: self.in_service(),
            target_groups: self.target_groups.clone(),
            suspended: self.suspended.clone(),
            other_sources: Vec::new(),
        }
    }

    /// Registers its instances with one more target group, those that are there too.
    pub(super) fn register_with(&mut self, name: &Member, group: &mut SimulatedTargetGroup) {
        self.target_groups.push(name.clone());
        for instance in &self.instances {
            group.register_healthy(&instance.id);
        }
    }
}

/// A version of the launch template that all simulated groups share.
pub(super) fn version_of(number: u32) -> Version {
    Version::new(format!("lt-0123456789abcdef0:{number}"))
}

fn is_wanted(lifecycle: Lifecycle) -> bool {
    match lifecycle {
        Lifecycle::Pending { .. } | Lifecycle::InService => true,
        Lifecycle::Terminating { .. } => false,
    }
}

/// What a group's capacity becomes. Without a desired capacity in the change, raising the minimum above it raises it
/// and lowering the maximum below it lowers it; with one out of bounds the call is rejected.
pub(super) fn changed(from: Capacity, change: CapacityChange) -> Result<Capacity, Error> {
    let rejected = |message: String| {
        Err(Error::Rejected { operation: Operation::UpdateAutoScalingGroup, message })
    };
    let (min, max) = (change.min.unwrap_or(from.min), change.max.unwrap_or(from.max));
    if min > max {
        return rejected(format!("minimum size {min} is above maximum size {max}"));
    }
    if change.desired.max(Some(min)).is_some_and(|desired| desired > MOST_INSTANCES) {
        return rejected(format!(
            "the simulated cloud has at most {MOST_INSTANCES} instances a group"
        ));
    }
    match change.desired {
        Some(desired) if !(min..=max).contains(&desired) => {
            rejected(format!("desired capacity {desired} must be between {min} and {max}"))
        }
        Some(desired) => Ok(Capacity { min, max, desired }),
        None => Ok(Capacity { min, max, desired: from.desired.clamp(min, max) }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cloud::{HealthState, TargetGroup};

    fn world(suspended: &[&str]) -> (SimulatedGroup, BTreeMap<Member, SimulatedTargetGroup>) {
        let green = Member::new("green");
        let delay = Duration::from_secs(30);
        let described = TargetGroup {
            name: green.clone(),
            arn: String::new(),
            deregistration_delay: delay,
            load_balancers: Vec::new(),
            protocol: None,
            vpc: None,
        };
        let groups = SimulatedTargetGroup::new(described, Side::Candidate);
        let group = SimulatedGroup::new(
            Member::new("app-green"),
            Side::Candidate,
            Capacity { min: 0, max: 4, desired: 0 },
            vec![green.clone()],
            suspended.iter().map(|&process| process.into()).collect(),
            Pace { seed: 1, launch: Duration::from_secs(40), drain: delay },
        );
        (group, BTreeMap::from([(green, groups)]))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn instances_come_up_over_time_and_are_drained_on_the_way_out() {
        let (mut group, mut groups) = world(&[]);
        let registered = |groups: &BTreeMap<Member, SimulatedTargetGroup>| groups["green"].health();
        group.capacity.desired = 3;
        group.step(at(0), &mut groups);
        group.step(at(39), &mut groups);
        assert_eq!((group.in_service(), registered(&groups).len()), (0, 0));
        group.step(at(50), &mut groups);
        assert_eq!((group.in_service(), registered(&groups).len()), (3, 3));
        group.capacity.desired = 1;
        group.step(at(60), &mut groups);
        assert_eq!(group.in_service(), 1);
        let draining = registered(&groups);
        let draining = draining.iter().filter(|health| health.state == HealthState::Draining);
        assert_eq!(draining.count(), 2);
        group.step(at(90), &mut groups);
        assert_eq!(group.instances.len(), 1);
    }

    #[test]
    fn a_suspended_process_keeps_a_resize_from_having_its_effect() {
        let (mut group, mut groups) = world(&["Launch"]);
        group.capacity.desired = 3;
        group.step(at(0), &mut groups);
        group.step(at(100), &mut groups);
        assert_eq!(group.in_service(), 0);
        let (mut group, mut groups) = world(&["AddToLoadBalancer"]);
        group.capacity.desired = 1;
        group.step(at(0), &mut groups);
        group.step(at(100), &mut groups);
        assert_eq!((group.in_service(), groups["green"].health().len()), (1, 0));
    }

    proptest! {
        #[test]
        fn a_capacity_stays_within_its_bounds(
            min in 0_u32..10, span in 0_u32..10, at in 0_u32..10,
            new in proptest::option::of(0_u32..20), max in proptest::option::of(0_u32..20),
            desired in proptest::option::of(0_u32..20),
        ) {
            let from = Capacity { min, max: min + span, desired: min + at.min(span) };
            let change = CapacityChange { side: Side::Candidate, min: new, max, desired };
            match changed(from, change) {
                Ok(to) => {
                    prop_assert!(to.min <= to.desired && to.desired <= to.max);
                    prop_assert_eq!(to.min, new.unwrap_or(from.min));
                    prop_assert_eq!(to.max, max.unwrap_or(from.max));
                }
                Err(error) => prop_assert!(!error.is_passing()),
            }
        }
    }
}
