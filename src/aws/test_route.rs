//! Rules that lead test traffic to the candidate: the route's own rule over again, with a header in its conditions and
//! one target group, at the free priority closest ahead of it, so that rules further ahead keep their say. What else the
//! route's rule does, such as signing users in, a test route does too. It is known by its header and its target group.
//! What stands in the way of one is asked by preflight of the same function that draws the rule ([`draft`]).
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, HttpHeaderConditionConfig, Rule, RuleCondition,
};

use super::{
    arn::{self, Place},
    balancing::ElasticLoadBalancing,
    conditions,
    error::classed,
    forward, written,
};
use crate::{
    cloud::{Error, Operation, SetTestRoutes},
    plan::{Header, Member, units::Weight},
    rollout::Split,
};

const FIELD: &str = "http-header";

/// Priorities go up to here; a default action comes after all of them.
const LAST_PRIORITY: u32 = 50_000;

#[async_trait]
impl SetTestRoutes for ElasticLoadBalancing {
    async fn add(&self, resource: &str, header: &Header, group: &Member) -> Result<(), Error> {
        let listener = listener(resource);
        let rules = self.rules(&listener).await?;
        if standing(&rules, header, group).next().is_some() {
            return Ok(());
        }
        let Draft { own, priority, conditions } = draft(&rules, resource, header)?;
        let actions = led_to(self, own, group).await?;
        let what = format!("listener {listener}");
        self.pace.turn().await;
        let call = self
            .client
            .create_rule()
            .listener_arn(&listener)
            .priority(priority)
            .set_conditions(Some(conditions))
            .set_actions(Some(actions))
            .set_transforms(own.transforms.clone());
        let sent = call.send().await;
        sent.map_err(classed(Operation::CreateRule, &what)).map(|_| ())
    }

    async fn remove(&self, resource: &str, header: &Header, group: &Member) -> Result<(), Error> {
        let rules = self.rules(&listener(resource)).await?;
        // A call that was repeated in doubt may have left two.
        for rule in standing(&rules, header, group) {
            let arn = rule.rule_arn().unwrap_or_default();
            self.pace.turn().await;
            let sent = self.client.delete_rule().rule_arn(arn).send().await;
            let what = format!("listener rule {arn}");
            match sent.map_err(classed(Operation::DeleteRule, &what)) {
                Ok(_) | Err(Error::Absent { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A rule that can be added: what it copies, and where it goes.
struct Draft<'a> {
    own: &'a Rule,
    priority: i32,
    conditions: Vec<RuleCondition>,
}

/// Draws the test route of a place from its listener's rules, or says why there can be none.
fn draft<'a>(rules: &'a [Rule], resource: &str, header: &Header) -> Result<Draft<'a>, Error> {
    let own = rules.iter().find(|rule| match Place::of(resource) {
        Some(Place::Rule) => rule.rule_arn() == Some(resource),
        Some(Place::Listener) | None => rule.is_default() == Some(true),
    });
    let own = own.ok_or_else(|| Error::Absent { what: format!("rule {resource}") })?;
    let priority = free_ahead_of(own, rules)
        .ok_or_else(|| refused(format!("no priority ahead of {resource} is free")))?;
    if own.actions().iter().any(|a| a.r#type() == Some(&ActionTypeEnum::AuthenticateOidc)) {
        let why = "it signs users in by OIDC, whose secret cannot be copied";
        return Err(refused(format!("{resource} cannot have a test route: {why}")));
    }
    Ok(Draft { own, priority, conditions: with_header(own.conditions(), header) })
}

/// What a rule does, with all of its traffic to one group.
async fn led_to(
    port: &ElasticLoadBalancing,
    own: &Rule,
    group: &Member,
) -> Result<Vec<Action>, Error> {
    let name = arn::target_group_name(group.as_str());
    let arns = BTreeMap::from([(name.clone(), port.arn_of(group).await?)]);
    let alone = Split(BTreeMap::from([(name, Weight::MAX)]));
    Ok(forward::with_split(own.actions(), &alone, &arns))
}

fn refused(message: String) -> Error {
    Error::Rejected { operation: Operation::CreateRule, message }
}

/// A test route as it would be added now, for whoever has to make it by hand.
pub(super) async fn drawn(
    port: &ElasticLoadBalancing,
    resource: &str,
    header: &Header,
    group: &Member,
) -> Result<Option<String>, Error> {
    let listener = listener(resource);
    let rules = port.rules(&listener).await?;
    let draft = draft(&rules, resource, header)?;
    check_limits(port, resource, (&listener, &rules), &draft).await?;
    let actions = led_to(port, draft.own, group).await?;
    let told = (draft.conditions.as_slice(), actions.as_slice());
    // A rule that rewrites what it passes on would be written without it.
    let is_plain = draft.own.transforms().is_empty();
    Ok(is_plain.then(|| written::rule(&listener, draft.priority, told)).flatten())
}

/// Whether the account has room for a test route. Its limits are asked for here only: what cannot be read of them is left
/// to AWS, which counts them again when the rule is made.
async fn check_limits(
    port: &ElasticLoadBalancing,
    resource: &str,
    (listener, rules): (&str, &[Rule]),
    draft: &Draft<'_>,
) -> Result<(), Error> {
    let limits = match limits(port).await {
        Ok(limits) => limits,
        Err(Error::Denied { .. } | Error::Rejected { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let values: Vec<String> = draft.conditions.iter().flat_map(conditions::values).collect();
    let wildcards = values.iter().flat_map(|value| value.chars()).filter(|c| "*?".contains(*c));
    let of_a_rule = [
        ("condition-values-per-alb-rule", "values in its conditions", values.len()),
        ("condition-wildcards-per-alb-rule", "wildcards in its conditions", wildcards.count()),
    ];
    for (limit, what, wanted) in of_a_rule {
        if let Some(most) = limits.get(limit).filter(|most| wanted > **most) {
            return Err(refused(format!(
                "{resource} cannot have a test route: it would have {wanted} {what}, and a rule has \
                 {most} at most ({limit})"
            )));
        }
    }
    let limit = "rules-per-application-load-balancer";
    if let Some(most) = limits.get(limit) {
        let there = rules_beside(port, listener).await? + own_rules(rules);
        if there >= *most {
            return Err(refused(format!(
                "{resource} cannot have a test route: its load balancer has {there} rules, and {most} \
                 at most ({limit})"
            )));
        }
    }
    Ok(())
}

/// What the account may have of each thing.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Limit.html>
async fn limits(port: &ElasticLoadBalancing) -> Result<BTreeMap<String, usize>, Error> {
    let (mut limits, mut marker) = (BTreeMap::new(), None);
    loop {
        port.pace.turn().await;
        let sent = port.client.describe_account_limits().set_marker(marker).send().await;
        let what = "the account's limits";
        let page = sent.map_err(classed(Operation::DescribeAccountLimits, what))?;
        limits.extend(page.limits().iter().filter_map(|limit| {
            Some((limit.name()?.to_owned(), limit.max()?.parse::<usize>().ok()?))
        }));
        marker = page.next_marker;
        if marker.is_none() {
            return Ok(limits);
        }
    }
}

/// The rules on the other listeners of a listener's load balancer.
async fn rules_beside(port: &ElasticLoadBalancing, listener: &str) -> Result<usize, Error> {
    let Some(balancer) = arn::load_balancer_of(listener) else { return Ok(0) };
    let mut count = 0;
    for other in port.listeners(&balancer).await? {
        let other = other.listener_arn().unwrap_or_default();
        if other != listener {
            count += own_rules(&port.rules(other).await?);
        }
    }
    Ok(count)
}

/// Default actions do not count against the limit.
fn own_rules(rules: &[Rule]) -> usize {
    rules.iter().filter(|rule| rule.is_default() != Some(true)).count()
}

/// The listener on which a rule, or a default action, stands.
pub(super) fn listener(resource: &str) -> String {
    arn::listener_of(resource).unwrap_or_else(|| resource.to_owned())
}

/// The rules that lead requests with this header to this group and to no other.
pub(super) fn standing<'a>(
    rules: &'a [Rule],
    header: &'a Header,
    group: &'a Member,
) -> impl Iterator<Item = &'a Rule> {
    let group = arn::target_group_name(group.as_str());
    rules.iter().filter(move |rule| {
        let leads = forward::standing(rule.actions())
            .is_ok_and(|there| there.split.0.len() == 1 && there.split.0.contains_key(&group));
        leads && rule.conditions().iter().any(|condition| asks_for(condition, header))
    })
}

fn asks_for(condition: &RuleCondition, header: &Header) -> bool {
    condition.http_header_config().is_some_and(|config| {
        config.http_header_name().is_some_and(|name| name.eq_ignore_ascii_case(&header.name))
            && config.values() == [header.value.as_str()]
    })
}

/// The free priority closest ahead of a rule.
fn free_ahead_of(rule: &Rule, rules: &[Rule]) -> Option<i32> {
    let priority = |rule: &Rule| rule.priority()?.parse::<u32>().ok();
    let taken: BTreeSet<u32> = rules.iter().filter_map(priority).collect();
    let end = priority(rule).unwrap_or(LAST_PRIORITY + 1);
    let free = (1..end).rev().find(|candidate| !taken.contains(candidate))?;
    i32::try_from(free).ok()
}

fn with_header(conditions: &[RuleCondition], header: &Header) -> Vec<RuleCondition> {
    let config = HttpHeaderConditionConfig::builder()
        .http_header_name(&header.name)
        .values(&header.value)
        .build();
    let asked = RuleCondition::builder().field(FIELD).http_header_config(config).build();
    conditions.iter().cloned().map(conditions::writable).chain([asked]).collect()
}
