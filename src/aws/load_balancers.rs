//! Load balancers: finding the place where weights stand, reading it, and writing the weights.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/Welcome.html>

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::{
    Client,
    types::{
        Action, Listener, Rule, TargetDescription, TargetHealthDescription, TargetHealthStateEnum,
    },
};

use super::{
    arn::{self, Place},
    error::classed,
    forward,
    pace::Pace,
    test_route,
};
use crate::{
    cloud::{Error, Forward, Health, HealthState, LoadBalancers, SetWeights, TargetGroup},
    plan::{Header, ListenerRule, Member},
    rollout::{Split, TestRoute},
};

/// AWS waits this long before it forgets a deregistered target, unless told otherwise.
const DEFAULT_DEREGISTRATION_DELAY: Duration = Duration::from_mins(5);

/// Elastic Load Balancing, version 2.
#[derive(Debug)]
pub(super) struct ElasticLoadBalancing {
    pub(super) client: Client,
    pub(super) pace: Pace,
    /// ARNs of target groups by name, because health is asked for often and only by ARN.
    arns: Mutex<BTreeMap<Member, String>>,
}

impl ElasticLoadBalancing {
    pub(super) fn new(client: Client) -> Self {
        Self { client, pace: Pace::load_balancers(), arns: Mutex::default() }
    }

    /// The actions at a place, read afresh.
    async fn actions(&self, resource: &str) -> Result<Vec<Action>, Error> {
        match Place::of(resource) {
            Some(Place::Rule) => Ok(self.rule(resource).await?.actions.unwrap_or_default()),
            Some(Place::Listener) => {
                Ok(self.listener(resource).await?.default_actions.unwrap_or_default())
            }
            None => Err(Error::Rejected {
                operation: "DescribeRules",
                message: format!(
                    "`{resource}` is the ARN of neither a listener rule nor a listener"
                ),
            }),
        }
    }

    async fn rule(&self, arn: &str) -> Result<Rule, Error> {
        let what = format!("listener rule {arn}");
        self.pace.turn().await;
        let call = self.client.describe_rules().rule_arns(arn).send();
        let answer = call.await.map_err(classed("elasticloadbalancing:DescribeRules", &what))?;
        answer.rules.into_iter().flatten().next().ok_or(Error::Absent { what })
    }

    async fn listener(&self, arn: &str) -> Result<Listener, Error> {
        let what = format!("listener {arn}");
        self.pace.turn().await;
        let call = self.client.describe_listeners().listener_arns(arn).send();
        let answer =
            call.await.map_err(classed("elasticloadbalancing:DescribeListeners", &what))?;
        answer.listeners.into_iter().flatten().next().ok_or(Error::Absent { what })
    }

    async fn load_balancer_arn(&self, name: &str) -> Result<String, Error> {
        let what = format!("load balancer {name}");
        self.pace.turn().await;
        let call = self.client.describe_load_balancers().names(name).send();
        let answer =
            call.await.map_err(classed("elasticloadbalancing:DescribeLoadBalancers", &what))?;
        let found = answer.load_balancers.into_iter().flatten().next();
        found.and_then(|l| l.load_balancer_arn).ok_or(Error::Absent { what })
    }

    async fn listener_on(&self, load_balancer: &str, port: u16) -> Result<Listener, Error> {
        let what = format!("a listener on port {port} of load balancer {load_balancer}");
        let arn = self.load_balancer_arn(load_balancer).await?;
        let mut marker = None;
        loop {
            self.pace.turn().await;
            let call = self.client.describe_listeners().load_balancer_arn(&arn).set_marker(marker);
            let page = call
                .send()
                .await
                .map_err(classed("elasticloadbalancing:DescribeListeners", &what))?;
            let mut listeners = page.listeners.into_iter().flatten();
            if let Some(found) = listeners.find(|l| l.port() == Some(i32::from(port))) {
                return Ok(found);
            }
            marker = page.next_marker;
            if marker.is_none() {
                return Err(Error::Absent { what });
            }
        }
    }

    /// Every rule of a listener.
    pub(super) async fn rules(&self, listener: &str) -> Result<Vec<Rule>, Error> {
        let what = format!("listener {listener}");
        let (mut rules, mut marker) = (Vec::new(), None);
        loop {
            self.pace.turn().await;
            let call = self.client.describe_rules().listener_arn(listener).set_marker(marker);
            let page =
                call.send().await.map_err(classed("elasticloadbalancing:DescribeRules", &what))?;
            rules.extend(page.rules.into_iter().flatten());
            marker = page.next_marker;
            if marker.is_none() {
                return Ok(rules);
            }
        }
    }

    async fn rule_with_priority(&self, listener: &str, priority: u32) -> Result<Rule, Error> {
        let what = format!("a rule with priority {priority} on listener {listener}");
        let priority = priority.to_string();
        let mut marker = None;
        loop {
            self.pace.turn().await;
            let call = self.client.describe_rules().listener_arn(listener).set_marker(marker);
            let page =
                call.send().await.map_err(classed("elasticloadbalancing:DescribeRules", &what))?;
            let mut rules = page.rules.into_iter().flatten();
            if let Some(found) = rules.find(|r| r.priority() == Some(&priority)) {
                return Ok(found);
            }
            marker = page.next_marker;
            if marker.is_none() {
                return Err(Error::Absent { what });
            }
        }
    }

    fn known_arn(&self, name: &Member) -> Option<String> {
        self.arns.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn remember(&self, arns: &BTreeMap<Member, String>) {
        let mut known = self.arns.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(arns.iter().map(|(name, arn)| (name.clone(), arn.clone())));
    }

    fn forget(&self, name: &Member) {
        self.arns.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// The ARN of a group given by name or ARN.
    pub(super) async fn arn_of(&self, group: &Member) -> Result<String, Error> {
        if group.as_str().starts_with("arn:") {
            return Ok(group.as_str().to_owned());
        }
        if let Some(arn) = self.known_arn(group) {
            return Ok(arn);
        }
        let what = format!("target group {group}");
        self.pace.turn().await;
        let call = self.client.describe_target_groups().names(group.as_str()).send();
        let answer =
            call.await.map_err(classed("elasticloadbalancing:DescribeTargetGroups", &what))?;
        let found = answer.target_groups.into_iter().flatten().next();
        let arn = found.and_then(|g| g.target_group_arn).ok_or(Error::Absent { what })?;
        self.remember(&BTreeMap::from([(group.clone(), arn.clone())]));
        Ok(arn)
    }

    fn forward_at(&self, resource: String, actions: &[Action]) -> Result<Forward, Error> {
        let operation = match Place::of(&resource) {
            Some(Place::Listener) => "DescribeListeners",
            Some(Place::Rule) | None => "DescribeRules",
        };
        let standing = forward::standing(actions).map_err(|reason| Error::Rejected {
            operation,
            message: format!("{resource}: {reason}"),
        })?;
        self.remember(&standing.arns);
        Ok(Forward {
            load_balancer: arn::load_balancer_name(&resource).unwrap_or_default().to_owned(),
            split: standing.split,
            sticky_for: standing.sticky_for,
            resource,
        })
    }

    async fn write(&self, resource: &str, actions: Vec<Action>) -> Result<(), Error> {
        self.pace.turn().await;
        match Place::of(resource) {
            Some(Place::Rule) => {
                let call = self.client.modify_rule().rule_arn(resource);
                let sent = call.set_actions(Some(actions)).send().await;
                let what = format!("listener rule {resource}");
                sent.map_err(classed("elasticloadbalancing:ModifyRule", &what)).map(|_| ())
            }
            Some(Place::Listener) | None => {
                let call = self.client.modify_listener().listener_arn(resource);
                let sent = call.set_default_actions(Some(actions)).send().await;
                let what = format!("listener {resource}");
                sent.map_err(classed("elasticloadbalancing:ModifyListener", &what)).map(|_| ())
            }
        }
    }
}

#[async_trait]
impl LoadBalancers for ElasticLoadBalancing {
    async fn find(&self, at: &ListenerRule) -> Result<Forward, Error> {
        let rule = match at {
            ListenerRule::DefaultOf(listener) => return self.forward(listener).await,
            ListenerRule::Named { load_balancer, port, priority } => {
                let listener = self.listener_on(load_balancer, *port).await?;
                let arn = listener.listener_arn.unwrap_or_default();
                match priority {
                    Some(priority) => self.rule_with_priority(&arn, *priority).await?,
                    None => {
                        return self.forward_at(arn, &listener.default_actions.unwrap_or_default());
                    }
                }
            }
            ListenerRule::Rule(arn) => match Place::of(arn) {
                Some(Place::Rule) => self.rule(arn).await?,
                Some(Place::Listener) | None => return self.forward(arn).await,
            },
        };
        let arn = rule.rule_arn.unwrap_or_default();
        // The default rule has an ARN, but only its listener can be modified.
        let resource = if rule.is_default == Some(true) { arn::listener_of(&arn) } else { None };
        self.forward_at(resource.unwrap_or(arn), &rule.actions.unwrap_or_default())
    }

    async fn forward(&self, resource: &str) -> Result<Forward, Error> {
        let actions = self.actions(resource).await?;
        self.forward_at(resource.to_owned(), &actions)
    }

    async fn target_group(&self, name: &Member) -> Result<TargetGroup, Error> {
        let what = format!("target group {name}");
        // Whether a group given by ARN exists shows when its attributes are read.
        let arn = self.arn_of(name).await?;
        self.pace.turn().await;
        let call = self.client.describe_target_group_attributes().target_group_arn(&arn).send();
        let answer = call
            .await
            .map_err(classed("elasticloadbalancing:DescribeTargetGroupAttributes", &what))
            .inspect_err(|_| self.forget(name))?;
        let mut attributes = answer.attributes().iter();
        let delay = attributes
            .find(|a| a.key() == Some("deregistration_delay.timeout_seconds"))
            .and_then(|a| a.value()?.parse().ok())
            .map_or(DEFAULT_DEREGISTRATION_DELAY, Duration::from_secs);
        Ok(TargetGroup { name: arn::target_group_name(&arn), arn, deregistration_delay: delay })
    }

    async fn health(&self, group: &Member) -> Result<Vec<Health>, Error> {
        let arn = self.arn_of(group).await?;
        self.pace.turn().await;
        let call = self.client.describe_target_health().target_group_arn(&arn).send();
        let what = format!("target group {group}");
        let answer = call
            .await
            .map_err(classed("elasticloadbalancing:DescribeTargetHealth", &what))
            // A group that was made anew has another ARN.
            .inspect_err(|_| self.forget(group))?;
        Ok(answer.target_health_descriptions().iter().map(health).collect())
    }

    async fn test_route(
        &self,
        resource: &str,
        header: &Header,
        group: &Member,
    ) -> Result<TestRoute, Error> {
        let rules = self.rules(&test_route::listener(resource)).await?;
        Ok(match test_route::standing(&rules, header, group).next() {
            Some(_) => TestRoute::Present { header: header.clone(), group: group.clone() },
            None => TestRoute::Absent,
        })
    }
}

fn health(of: &TargetHealthDescription) -> Health {
    let id = of.target().and_then(|t| t.id()).unwrap_or("?");
    let port = of.target().and_then(TargetDescription::port);
    let state = match of.target_health().and_then(|h| h.state()) {
        Some(TargetHealthStateEnum::Healthy) => HealthState::Healthy,
        Some(TargetHealthStateEnum::Initial) => HealthState::Initial,
        Some(TargetHealthStateEnum::Unhealthy | TargetHealthStateEnum::UnhealthyDraining) => {
            HealthState::Unhealthy
        }
        Some(TargetHealthStateEnum::Unused) => HealthState::Unused,
        Some(TargetHealthStateEnum::Draining) => HealthState::Draining,
        // A state that is not known yet is at least not healthy.
        Some(_) | None => HealthState::Unavailable,
    };
    let reason = of.target_health().and_then(|h| h.reason()).map(|r| r.as_str().to_owned());
    Health {
        target: port.map_or_else(|| id.to_owned(), |port| format!("{id}:{port}")),
        state,
        reason: reason.unwrap_or_default(),
    }
}

#[async_trait]
impl SetWeights for ElasticLoadBalancing {
    async fn set_weights(&self, resource: &str, expected: &Split, to: &Split) -> Result<(), Error> {
        let (expected, to) = (by_name(expected), by_name(to));
        let actions = self.actions(resource).await?;
        let live = self.forward_at(resource.to_owned(), &actions)?.split;
        if live == to {
            return Ok(());
        }
        if live != expected {
            return Err(Error::Conflict {
                operation: match Place::of(resource) {
                    Some(Place::Rule) => "ModifyRule",
                    Some(Place::Listener) | None => "ModifyListener",
                },
                message: format!("expected {expected}, found {live}"),
            });
        }
        let mut arns = BTreeMap::new();
        for group in to.0.keys() {
            arns.insert(group.clone(), self.arn_of(group).await?);
        }
        self.write(resource, forward::with_split(&actions, &to, &arns)).await
    }
}

/// Plans may name groups by ARN; what is live is always by name.
fn by_name(split: &Split) -> Split {
    let named = split.0.iter();
    Split(named.map(|(group, weight)| (arn::target_group_name(group.as_str()), *weight)).collect())
}
