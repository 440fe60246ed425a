//! The ports onto the simulated cloud. Each does no more than translate: what happens is decided in the landscape.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_trait::async_trait;

use super::{
    alarm::SimulatedAlarm,
    change::Effect,
    forward_rule::SimulatedRule,
    hindrance::Hindrance,
    landscape::{Landscape, TestRule},
    phrases::Healthy,
    route_place::{Place, RECORD_TTL, reading},
    scripts::CommandScript,
    target_group::SimulatedTargetGroup,
    world::World,
};
use crate::{
    cloud::{
        Alarm, Alarms, Answer, Automation, Caller, Checkers, Commands, Dns, Error, Forward, Group,
        Groups, Health, Http, Identity, Lead, LoadBalancers, Offers, Operation, OwnTest, Ran,
        Records, ResizeGroups, SetTestRoutes, SetWeights, TargetGroup, Transition, Weights,
    },
    plan::{Header, ListenerRule, Member, Proxy, RecordSet, Side, units::Weight},
    rollout::{Capacity, MappingPlace, Split, TestRoute, Timestamp, Version},
    testkit::draw,
};

/// Names that one `DescribeAlarms` takes.
const NAMES_A_CALL: usize = 100;

fn absent<T>(what: String) -> Result<T, Error> {
    Err(Error::Absent { what })
}

/// By name or by ARN.
fn target_group<'a>(
    landscape: &'a Landscape,
    name: &Member,
) -> Result<&'a SimulatedTargetGroup, Error> {
    let by_arn = || landscape.target_groups.values().find(|g| g.described.arn == name.as_str());
    match landscape.target_groups.get(name).or_else(by_arn) {
        Some(group) => Ok(group),
        None => absent(format!("target group {name}")),
    }
}

#[async_trait]
impl LoadBalancers for World {
    async fn find(&self, at: &ListenerRule) -> Result<Forward, Error> {
        let calls = self.calls();
        match at {
            ListenerRule::Rule(_) => calls.count(Operation::DescribeRules.name()),
            ListenerRule::DefaultOf(_) => calls.count(Operation::DescribeListeners.name()),
            ListenerRule::Named { priority, .. } => {
                calls.count(Operation::DescribeLoadBalancers.name());
                calls.count(Operation::DescribeListeners.name());
                if priority.is_some() {
                    calls.count(Operation::DescribeRules.name());
                }
            }
        }
        self.look(|landscape, _| {
            let rule = landscape.rules.values().find(|rule| rule.place == Place::Rule(at.clone()));
            let Some(rule) = rule else { return absent(format!("{at:?}")) };
            let mut forward = rule.forward.clone();
            if landscape.is_hindered(Hindrance::FullAction) {
                let others = (1..=5).map(|n| (Member::new(format!("other-{n}")), Weight::ZERO));
                forward.split.0.extend(others);
            }
            Ok(forward)
        })
    }

    async fn forward(&self, resource: &str) -> Result<Forward, Error> {
        self.request(reading(resource), |landscape, _| match landscape.rules.get(resource) {
            Some(rule) => Ok(rule.forward.clone()),
            None => absent(format!("rule {resource}")),
        })
    }

    async fn target_group(&self, name: &Member) -> Result<TargetGroup, Error> {
        self.request(Operation::DescribeTargetGroups, |landscape, _| {
            let mut described = target_group(landscape, name)?.described.clone();
            let users = landscape.rules.values().map(|rule| &rule.forward);
            let users = users.filter(|forward| forward.split.0.contains_key(&described.name));
            described.load_balancers = users.map(|forward| forward.load_balancer.clone()).collect();
            if target_group(landscape, name)?.side == Side::Candidate {
                hinder(landscape, &mut described);
            }
            Ok(described)
        })
    }

    async fn health(&self, group: &Member) -> Result<Vec<Health>, Error> {
        self.request(Operation::DescribeTargetHealth, |landscape, _| {
            target_group(landscape, group).map(SimulatedTargetGroup::health)
        })
    }

    async fn test_route(
        &self,
        resource: &str,
        header: &Header,
        group: &Member,
    ) -> Result<TestRoute, Error> {
        self.request(Operation::DescribeRules, |landscape, _| {
            if !landscape.rules.contains_key(resource) {
                return absent(format!("rule {resource}"));
            }
            Ok(if landscape.test_routes.contains(&TestRule::of(resource, header, group)) {
                TestRoute::Present { header: header.clone(), group: group.clone() }
            } else {
                TestRoute::Absent
            })
        })
    }

    /// The simulated rules have no conditions that could be copied, so nothing is drawn.
    async fn draw_test_route(
        &self,
        resource: &str,
        _header: &Header,
        _group: &Member,
    ) -> Result<Option<String>, Error> {
        self.calls().count(Operation::DescribeAccountLimits.name());
        self.request(Operation::DescribeRules, |landscape, _| may_be_tested(landscape, resource))?;
        Ok(None)
    }

    async fn leads(&self, group: &Member, own: Option<OwnTest<'_>>) -> Result<Vec<Lead>, Error> {
        self.calls().count(Operation::DescribeTargetGroups.name());
        self.calls().count(Operation::DescribeListeners.name());
        self.request(Operation::DescribeRules, |landscape, _| {
            let name = &target_group(landscape, group)?.described.name;
            let rules = landscape.rules.values();
            let rules = rules.filter(|rule| matches!(rule.place, Place::Rule(_)));
            let tests = landscape.test_routes.iter().filter(|test| {
                test.group == *name && own != Some((test.resource.as_str(), &test.header))
            });
            let tests = tests.map(|test| Lead {
                place: format!("test rule ahead of {}", test.resource),
                weight: Weight::MAX,
                words: format!("a rule for {} ahead of {}", test.header, test.resource),
            });
            Ok(rules.filter_map(|rule| rule.lead(name)).chain(tests).collect())
        })
    }
}

/// Where AWS would not let it into a rule.
fn hinder(landscape: &Landscape, group: &mut TargetGroup) {
    if landscape.is_hindered(Hindrance::OtherLoadBalancer) {
        group.load_balancers = vec!["app/another/0123456789abcdef".to_owned()];
    }
    if landscape.is_hindered(Hindrance::OtherVpc) {
        group.vpc = Some("vpc-another".to_owned());
    }
    if landscape.is_hindered(Hindrance::OtherProtocol) {
        group.protocol = Some("TCP".to_owned());
    }
}

/// Whether a test route can be made of a place; the scenario may know a reason why not.
fn may_be_tested(landscape: &Landscape, resource: &str) -> Result<(), Error> {
    match &landscape.scenario.no_test_route {
        Some(why) => Err(Error::Rejected {
            operation: Operation::CreateRule,
            message: format!("{resource} cannot have a test route: {why}"),
        }),
        None => Ok(()),
    }
}

#[async_trait]
impl SetTestRoutes for World {
    async fn add(&self, resource: &str, header: &Header, group: &Member) -> Result<(), Error> {
        let there = self.test_route(resource, header, group).await?;
        if there == TestRoute::Absent {
            self.request(Operation::CreateRule, |landscape, _| {
                target_group(landscape, group)?;
                may_be_tested(landscape, resource)?;
                landscape.test_routes.insert(TestRule::of(resource, header, group));
                Ok(())
            })?;
        }
        Ok(())
    }

    async fn remove(&self, resource: &str, header: &Header, group: &Member) -> Result<(), Error> {
        let there = self.test_route(resource, header, group).await?;
        if there != TestRoute::Absent {
            self.request(Operation::DeleteRule, |landscape, _| {
                landscape.test_routes.remove(&TestRule::of(resource, header, group));
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Weights for World {
    async fn split(&self, place: &str) -> Result<Split, Error> {
        self.request(reading(place), |landscape, _| match landscape.rules.get(place) {
            Some(rule) => Ok(rule.forward.split.clone()),
            None => absent(place.to_owned()),
        })
    }
}

#[async_trait]
impl SetWeights for World {
    async fn set_weights(&self, place: &str, expected: &Split, to: &Split) -> Result<(), Error> {
        let (effect, writing) = self.request(reading(place), |landscape, now| {
            let writing = landscape.rules.get(place).map(SimulatedRule::operation);
            (landscape.set_weights(now, place, expected, to), writing)
        });
        // What AWS itself refuses was sent to it all the same; records are written again to learn when they are everywhere.
        let is_sent = matches!(effect, Ok(Effect::Changed) | Err(Error::Rejected { .. }))
            || (effect.is_ok() && writing == Some(Operation::ChangeResourceRecordSets));
        if let Some(writing) = writing.filter(|_| is_sent) {
            self.calls().count(writing.name());
            if writing == Operation::ChangeResourceRecordSets {
                self.calls().count(Operation::GetChange.name());
            }
        }
        let redriven = MappingPlace::of(place).and_then(|place| place.redriven());
        let goes_back =
            redriven.is_some_and(|from| to.weight(&Member::new(from.candidate)) == Weight::ZERO);
        if goes_back && matches!(effect, Ok(Effect::Changed)) {
            self.calls().count(Operation::StartMessageMoveTask.name());
        }
        effect.map(|_| ())
    }
}

/// The id of the health check of a simulated record.
fn check_of(member: &Member) -> String {
    format!("check-of-{member}")
}

fn described(rule: &SimulatedRule) -> Records {
    let split = rule.forward.split.clone();
    let checks = split.0.keys().map(|member| (member.clone(), check_of(member)));
    Records {
        resource: rule.forward.resource.clone(),
        ttl: RECORD_TTL,
        health_checks: checks.collect(),
        written: None,
        split,
    }
}

#[async_trait]
impl Dns for World {
    async fn find(&self, at: &RecordSet) -> Result<Records, Error> {
        self.request(Operation::ListResourceRecordSets, |landscape, _| {
            let place = Place::Records(at.clone());
            let rule = landscape.rules.values().find(|rule| rule.place == place);
            rule.map_or_else(|| absent(format!("{at:?}")), |rule| Ok(described(rule)))
        })
    }

    async fn records(&self, resource: &str) -> Result<Records, Error> {
        self.request(Operation::ListResourceRecordSets, |landscape, _| {
            let rule = landscape.rules.get(resource);
            rule.map_or_else(|| absent(resource.to_owned()), |rule| Ok(described(rule)))
        })
    }

    async fn checkers(&self, health_check: &str) -> Result<Checkers, Error> {
        self.request(Operation::GetHealthCheckStatus, |landscape, _| {
            let mut groups = landscape.target_groups.iter();
            match groups.find(|(member, _)| check_of(member) == health_check) {
                Some((_, group)) => {
                    let healthy = if group.healthy() > 0 { 16 } else { 0 };
                    Ok(Checkers { healthy, all: 16 })
                }
                None => absent(format!("health check {health_check}")),
            }
        })
    }

    async fn leads(&self, resource: &str, member: &Member) -> Result<Vec<Lead>, Error> {
        self.request(Operation::ListResourceRecordSets, |landscape, _| {
            let others = landscape
                .rules
                .iter()
                .filter(|(at, rule)| *at != resource && matches!(rule.place, Place::Records(_)));
            Ok(others.filter_map(|(_, rule)| rule.lead(member)).collect())
        })
    }
}

#[async_trait]
impl Groups for World {
    async fn group(&self, name: &Member) -> Result<Group, Error> {
        self.request(Operation::DescribeAutoScalingGroups, |landscape, _| {
            match landscape.groups.get(name) {
                Some(group) => Ok(group.described()),
                None => absent(format!("Auto Scaling group {name}")),
            }
        })
    }

    async fn automation(&self, name: &Member) -> Result<Automation, Error> {
        self.calls().count(Operation::DescribePolicies.name());
        self.request(Operation::DescribeScheduledActions, |landscape, _| {
            match landscape.groups.get(name) {
                Some(group) => Ok(landscape.scenario.sides.of(group.side).automation()),
                None => absent(format!("Auto Scaling group {name}")),
            }
        })
    }

    async fn launches(&self, name: &Member) -> Result<Vec<Version>, Error> {
        self.request(Operation::DescribeAutoScalingGroups, |landscape, _| {
            match landscape.groups.get(name) {
                Some(group) => Ok(vec![group.version.clone()]),
                None => absent(format!("Auto Scaling group {name}")),
            }
        })
    }

    async fn check_version(&self, version: &Version) -> Result<(), Error> {
        let operation = Operation::DescribeLaunchTemplateVersions;
        self.request(operation, |landscape, _| {
            let (template, number) = version.as_str().rsplit_once(':').unwrap_or_default();
            let missing = &landscape.scenario.missing_versions;
            if missing.iter().all(|missing| missing.to_string() != number) {
                return Ok(());
            }
            let message = format!(
                "InvalidLaunchTemplateId.VersionNotFound: Could not find the specified version {number} for the launch \
                 template with ID {template}."
            );
            Err(Error::Rejected { operation, message })
        })
    }

    async fn offers(&self, name: &Member, _version: &Version) -> Result<Offers, Error> {
        self.request(Operation::DescribeInstanceTypeOfferings, |landscape, _| {
            let side = match landscape.groups.get(name) {
                Some(group) => group.side,
                // A group that is refreshed in place has no other side.
                None if landscape.installations.contains_key(name) => Side::Stable,
                None => return absent(format!("Auto Scaling group {name}")),
            };
            Ok(landscape.scenario.sides.of(side).offers())
        })
    }
}

#[async_trait]
impl ResizeGroups for World {
    async fn resize(&self, name: &Member, to: Capacity) -> Result<(), Error> {
        self.request(Operation::UpdateAutoScalingGroup, |landscape, now| {
            landscape.resize(now, name, to)
        })
    }
}

#[async_trait]
impl Alarms for World {
    async fn alarms(&self, names: &[String]) -> Result<Vec<Alarm>, Error> {
        for _ in names.chunks(NAMES_A_CALL) {
            self.calls().count(Operation::DescribeAlarms.name());
        }
        Ok(self.look(|landscape, _| {
            let names: BTreeSet<&String> = names.iter().collect();
            let asked = names.into_iter().filter_map(|name| landscape.alarms.get(name));
            asked.map(SimulatedAlarm::described).collect()
        }))
    }

    async fn history(&self, name: &str, since: Timestamp) -> Result<Vec<Transition>, Error> {
        Ok(self.request(Operation::DescribeAlarmHistory, |landscape, _| {
            let changes = landscape.alarms.get(name).into_iter().flat_map(SimulatedAlarm::history);
            changes.filter(|change| change.at >= since).cloned().collect()
        }))
    }
}

#[async_trait]
impl Identity for World {
    async fn caller(&self) -> Result<Caller, Error> {
        self.calls().count(Operation::GetCallerIdentity.name());
        let account = self.account().to_owned();
        let arn = format!("arn:aws:sts::{account}:assumed-role/simulated/tidegate");
        Ok(Caller { account, arn, told: None })
    }
}

#[async_trait]
impl Commands for World {
    /// Nothing is started: the scenario says how a command would end.
    async fn run(&self, _argv: &[String], timeout: Duration) -> Ran {
        self.look(|landscape, _| {
            let CommandScript { exit, takes } = landscape.scenario.command;
            if takes > timeout {
                return Ran::TimedOut;
            }
            Ran::Exited { code: exit, stdout: String::new(), stderr: String::new() }
        })
    }
}

#[async_trait]
impl Http for World {
    /// Answers as the candidate would; to a request with headers only while a test route leads there, and else as the
    /// stable side. Chance depends on the second, not on how often somebody asks.
    async fn get(
        &self,
        _url: &str,
        headers: &BTreeMap<String, String>,
        timeout: Duration,
        _proxy: Proxy,
    ) -> Answer {
        self.look(|landscape, now| {
            let leads =
                |rule: &TestRule| headers.get(&rule.header.name) == Some(&rule.header.value);
            let side = if headers.is_empty() || landscape.test_routes.iter().any(leads) {
                Side::Candidate
            } else {
                Side::Stable
            };
            let candidate = landscape.behaviour(side, now);
            let scripted = landscape.scenario.probe.status;
            let second = landscape.moved_to.since(landscape.start).as_secs();
            let drawn = draw(landscape.scenario.seed, second) % 10_000;
            if candidate.latency > timeout {
                Answer::None(format!("timed out after {} ms", timeout.as_millis()))
            } else if candidate.healthy == Healthy::Never {
                Answer::Status(503)
            } else if drawn < u64::from(candidate.error_rate.basis_points()) {
                Answer::Status(500)
            } else {
                Answer::Status(scripted)
            }
        })
    }
}
