//! What Elastic Load Balancing is asked by everything that deals with load balancers: listeners, rules and target groups
//! as AWS describes them, page by page and in its pace, and the ARNs of target groups by their names.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/Welcome.html>

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use aws_sdk_elasticloadbalancingv2::{
    Client,
    types::{Action, Listener, Rule, TargetGroup},
};

use super::{arn::Place, error::classed, pace::Pace};
use crate::{
    cloud::{Error, Operation},
    plan::Member,
};

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
    pub(super) async fn actions(&self, resource: &str) -> Result<Vec<Action>, Error> {
        match Place::of(resource) {
            Some(Place::Rule) => Ok(self.rule(resource).await?.actions.unwrap_or_default()),
            Some(Place::Listener) => {
                Ok(self.listener(resource).await?.default_actions.unwrap_or_default())
            }
            None => Err(Error::Rejected {
                operation: Operation::DescribeRules,
                message: format!(
                    "`{resource}` is the ARN of neither a listener rule nor a listener"
                ),
            }),
        }
    }

    pub(super) async fn rule(&self, arn: &str) -> Result<Rule, Error> {
        let what = format!("listener rule {arn}");
        self.pace.turn().await;
        let call = self.client.describe_rules().rule_arns(arn).send();
        let answer = call.await.map_err(classed(Operation::DescribeRules, &what))?;
        answer.rules.into_iter().flatten().next().ok_or(Error::Absent { what })
    }

    pub(super) async fn listener(&self, arn: &str) -> Result<Listener, Error> {
        let what = format!("listener {arn}");
        self.pace.turn().await;
        let call = self.client.describe_listeners().listener_arns(arn).send();
        let answer = call.await.map_err(classed(Operation::DescribeListeners, &what))?;
        answer.listeners.into_iter().flatten().next().ok_or(Error::Absent { what })
    }

    pub(super) async fn load_balancer_arn(&self, name: &str) -> Result<String, Error> {
        let what = format!("load balancer {name}");
        self.pace.turn().await;
        let call = self.client.describe_load_balancers().names(name).send();
        let answer = call.await.map_err(classed(Operation::DescribeLoadBalancers, &what))?;
        let found = answer.load_balancers.into_iter().flatten().next();
        found.and_then(|l| l.load_balancer_arn).ok_or(Error::Absent { what })
    }

    /// Every listener of a load balancer.
    pub(super) async fn listeners(&self, load_balancer: &str) -> Result<Vec<Listener>, Error> {
        let what = format!("load balancer {load_balancer}");
        let (mut listeners, mut marker) = (Vec::new(), None);
        loop {
            self.pace.turn().await;
            let call = self.client.describe_listeners().load_balancer_arn(load_balancer);
            let sent = call.set_marker(marker).send().await;
            let page = sent.map_err(classed(Operation::DescribeListeners, &what))?;
            listeners.extend(page.listeners.into_iter().flatten());
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(listeners);
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
            let page = call.send().await.map_err(classed(Operation::DescribeRules, &what))?;
            rules.extend(page.rules.into_iter().flatten());
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(rules);
            }
        }
    }

    fn known_arn(&self, name: &Member) -> Option<String> {
        self.arns.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(super) fn remember(&self, arns: &BTreeMap<Member, String>) {
        let mut known = self.arns.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(arns.iter().map(|(name, arn)| (name.clone(), arn.clone())));
    }

    pub(super) fn forget(&self, name: &Member) {
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
        Ok(self.described(group).await?.target_group_arn.unwrap_or_default())
    }

    /// A group given by name or ARN, read afresh.
    pub(super) async fn described(&self, group: &Member) -> Result<TargetGroup, Error> {
        let what = format!("target group {group}");
        self.pace.turn().await;
        let call = self.client.describe_target_groups();
        let call = if group.as_str().starts_with("arn:") {
            call.target_group_arns(group.as_str())
        } else {
            call.names(group.as_str())
        };
        let answer = call.send().await;
        let answer = answer
            .map_err(classed(Operation::DescribeTargetGroups, &what))
            .inspect_err(|_| self.forget(group))?;
        let found = answer.target_groups.into_iter().flatten().next();
        let found = found.ok_or(Error::Absent { what })?;
        if let Some(arn) = &found.target_group_arn {
            self.remember(&BTreeMap::from([(group.clone(), arn.clone())]));
        }
        Ok(found)
    }
}
