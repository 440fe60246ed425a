//! Load balancers: finding the place where weights stand, reading it, and writing the weights.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/Welcome.html>

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, Listener, Rule, TargetDescription, TargetHealthDescription, TargetHealthStateEnum,
};

use super::{
    arn::{self, Place},
    balancing::ElasticLoadBalancing,
    error::classed,
    forward, leads, test_route, written,
};
use crate::{
    cloud::{
        Error, Forward, Health, HealthState, Lead, LoadBalancers, Operation, OwnTest, SetWeights,
        TargetGroup,
    },
    plan::{Header, ListenerRule, Member},
    rollout::{Split, TestRoute},
};

/// AWS waits this long before it forgets a deregistered target, unless told otherwise.
const DEFAULT_DEREGISTRATION_DELAY: Duration = Duration::from_mins(5);

impl ElasticLoadBalancing {
    /// The listener of a port, and all others of its load balancer.
    async fn listener_on(
        &self,
        load_balancer: &str,
        port: u16,
    ) -> Result<(Listener, Vec<Listener>), Error> {
        let arn = self.load_balancer_arn(load_balancer).await?;
        let mut listeners = self.listeners(&arn).await?;
        let at = listeners.iter().position(|listener| listener.port() == Some(i32::from(port)));
        let Some(at) = at else {
            return Err(Error::Unfit {
                problem: format!("load balancer {load_balancer} has no listener on port {port}"),
                hint: match ports(&listeners).as_str() {
                    "" => "it has no listeners at all; create one that forwards".to_owned(),
                    ports => format!("there is one on {ports}"),
                },
            });
        };
        Ok((listeners.swap_remove(at), listeners))
    }

    async fn rule_with_priority(&self, listener: &str, priority: u32) -> Result<Rule, Error> {
        let wanted = priority.to_string();
        let rules = self.rules(listener).await?;
        let there: Vec<&str> = rules.iter().filter_map(Rule::priority).collect();
        let there = there.join(", ");
        let mut rules = rules.into_iter();
        rules.find(|rule| rule.priority() == Some(&wanted)).ok_or_else(|| Error::Unfit {
            problem: format!("no rule of listener {listener} has priority {priority}"),
            hint: format!("its rules have the priorities {there}"),
        })
    }

    /// What to say when the default action that was meant does not forward: where something does.
    async fn elsewhere(&self, unfit: Error, listener: &str, others: &[Listener]) -> Error {
        let Error::Rejected { message, .. } = unfit else { return unfit };
        // This is only for the hint: whoever may not list rules is told less.
        let rules = self.rules(listener).await.unwrap_or_default();
        let forwarding = rules.iter().filter(|rule| forward::standing(rule.actions()).is_ok());
        let priorities: Vec<&str> = forwarding.filter_map(Rule::priority).collect();
        let forward = |listener: &&Listener| forward::standing(listener.default_actions()).is_ok();
        let forward: Vec<Listener> = others.iter().filter(forward).cloned().collect();
        let rule = match &priorities[..] {
            [] => String::new(),
            priorities => format!(" ({} forwards)", priorities.join(" or ")),
        };
        let port = match &forward[..] {
            [] => String::new(),
            forward => format!("; on this load balancer {} does", ports(forward)),
        };
        let hint = format!(
            "name the rule by `priority`{rule}, or the `port` of the listener that forwards{port}"
        );
        Error::Unfit { problem: message, hint }
    }

    fn forward_at(&self, resource: String, actions: &[Action]) -> Result<Forward, Error> {
        let operation = match Place::of(&resource) {
            Some(Place::Listener) => Operation::DescribeListeners,
            Some(Place::Rule) | None => Operation::DescribeRules,
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
            written: written::actions(actions),
            rule: None,
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
                sent.map_err(classed(Operation::ModifyRule, &what)).map(|_| ())
            }
            Some(Place::Listener) | None => {
                let call = self.client.modify_listener().listener_arn(resource);
                let sent = call.set_default_actions(Some(actions)).send().await;
                let what = format!("listener {resource}");
                sent.map_err(classed(Operation::ModifyListener, &what)).map(|_| ())
            }
        }
    }
}

/// `80 or 443`.
fn ports(listeners: &[Listener]) -> String {
    let ports: Vec<String> =
        listeners.iter().filter_map(Listener::port).map(|port| port.to_string()).collect();
    ports.join(" or ")
}

#[async_trait]
impl LoadBalancers for ElasticLoadBalancing {
    async fn find(&self, at: &ListenerRule) -> Result<Forward, Error> {
        let rule = match at {
            ListenerRule::DefaultOf(listener) => return self.forward(listener).await,
            ListenerRule::Named { load_balancer, port, priority } => {
                let (listener, others) = self.listener_on(load_balancer, *port).await?;
                let unnamed = || Error::Absent {
                    what: format!("the ARN of the listener on port {port} of {load_balancer}"),
                };
                let arn = listener.listener_arn.clone().ok_or_else(unnamed)?;
                let Some(priority) = priority else {
                    let actions = listener.default_actions();
                    return match self.forward_at(arn.clone(), actions) {
                        Ok(forward) => Ok(forward),
                        Err(unfit) => Err(self.elsewhere(unfit, &arn, &others).await),
                    };
                };
                self.rule_with_priority(&arn, *priority).await?
            }
            ListenerRule::Rule(arn) => match Place::of(arn) {
                Some(Place::Rule) => self.rule(arn).await?,
                Some(Place::Listener) | None => return self.forward(arn).await,
            },
        };
        let arn = rule.rule_arn().unwrap_or_default().to_owned();
        let listener = arn::listener_of(&arn);
        // The default rule has an ARN, but only its listener can be modified.
        if let (Some(true), Some(listener)) = (rule.is_default, &listener) {
            return self.forward_at(listener.clone(), rule.actions());
        }
        let beside = listener.and_then(|listener| written::beside_actions(&listener, &rule));
        Ok(Forward { rule: beside, ..self.forward_at(arn, rule.actions())? })
    }

    async fn forward(&self, resource: &str) -> Result<Forward, Error> {
        let actions = self.actions(resource).await?;
        self.forward_at(resource.to_owned(), &actions)
    }

    async fn target_group(&self, name: &Member) -> Result<TargetGroup, Error> {
        let what = format!("target group {name}");
        let described = self.described(name).await?;
        let arn = described.target_group_arn.unwrap_or_default();
        self.pace.turn().await;
        let call = self.client.describe_target_group_attributes().target_group_arn(&arn).send();
        let answer = call
            .await
            .map_err(classed(Operation::DescribeTargetGroupAttributes, &what))
            .inspect_err(|_| self.forget(name))?;
        let mut attributes = answer.attributes().iter();
        let delay = attributes
            .find(|a| a.key() == Some("deregistration_delay.timeout_seconds"))
            .and_then(|a| a.value()?.parse().ok())
            .map_or(DEFAULT_DEREGISTRATION_DELAY, Duration::from_secs);
        let balancers = described.load_balancer_arns.unwrap_or_default();
        let balancers = balancers.iter().filter_map(|arn| arn::load_balancer_name(arn));
        Ok(TargetGroup {
            name: arn::target_group_name(&arn),
            arn,
            deregistration_delay: delay,
            load_balancers: balancers.map(str::to_owned).collect(),
            protocol: described.protocol.map(|protocol| protocol.as_str().to_owned()),
            vpc: described.vpc_id,
        })
    }

    async fn health(&self, group: &Member) -> Result<Vec<Health>, Error> {
        let arn = self.arn_of(group).await?;
        self.pace.turn().await;
        let call = self.client.describe_target_health().target_group_arn(&arn).send();
        let what = format!("target group {group}");
        let answer = call
            .await
            .map_err(classed(Operation::DescribeTargetHealth, &what))
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

    async fn draw_test_route(
        &self,
        resource: &str,
        header: &Header,
        group: &Member,
    ) -> Result<Option<String>, Error> {
        test_route::drawn(self, resource, header, group).await
    }

    async fn leads(&self, group: &Member, own: Option<OwnTest<'_>>) -> Result<Vec<Lead>, Error> {
        leads::of(self, group, own).await
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
                    Some(Place::Rule) => Operation::ModifyRule,
                    Some(Place::Listener) | None => Operation::ModifyListener,
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
