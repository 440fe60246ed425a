//! What sends users to a target group: every forward action on the load balancer it stands behind, in words that a
//! person can find it by. AWS tells a group's load balancer, and nothing tells its rules, so all of them are read.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroup.html>

use aws_sdk_elasticloadbalancingv2::types::{Action, Listener, Rule};

use super::{arn, balancing::ElasticLoadBalancing, conditions, forward, test_route};
use crate::{
    cloud::{Error, Lead, OwnTest},
    plan::{Member, units::Weight},
};

pub(super) async fn of(
    port: &ElasticLoadBalancing,
    group: &Member,
    own: Option<OwnTest<'_>>,
) -> Result<Vec<Lead>, Error> {
    // Asked afresh each time: somebody may have added the first rule that names it a moment ago.
    let described = port.described(group).await?;
    let name = arn::target_group_name(described.target_group_arn().unwrap_or_default());
    let mut found = Vec::new();
    for balancer in described.load_balancer_arns() {
        for listener in present(port.listeners(balancer).await)? {
            found.extend(by_default(&listener, &name));
            let at = listener.listener_arn().unwrap_or_default();
            // Only an Application Load Balancer's listener has rules beside its default action.
            if at.contains(":listener/app/") {
                let rules = present(port.rules(at).await)?;
                let tests = own.filter(|(resource, _)| test_route::listener(resource) == at);
                let tests: Vec<Option<&str>> = tests.map_or_else(Vec::new, |(_, header)| {
                    test_route::standing(&rules, header, group).map(Rule::rule_arn).collect()
                });
                let others = rules.iter().filter(|rule| !tests.contains(&rule.rule_arn()));
                found.extend(others.filter_map(|rule| by_rule(rule, &listener, &name)));
            }
        }
    }
    Ok(found)
}

/// What was deleted since it was listed leads nowhere.
fn present<T>(answer: Result<Vec<T>, Error>) -> Result<Vec<T>, Error> {
    match answer {
        Err(Error::Absent { .. }) => Ok(Vec::new()),
        Ok(_) | Err(_) => answer,
    }
}

fn by_default(listener: &Listener, group: &Member) -> Option<Lead> {
    let weight = weight(listener.default_actions(), group)?;
    let words = format!("the default action of {}", port_of(listener));
    Some(Lead { place: listener.listener_arn().unwrap_or_default().to_owned(), weight, words })
}

fn by_rule(rule: &Rule, listener: &Listener, group: &Member) -> Option<Lead> {
    if rule.is_default() == Some(true) {
        return None;
    }
    let weight = weight(rule.actions(), group)?;
    let conditions: Vec<String> = rule.conditions().iter().map(conditions::words).collect();
    let words = format!(
        "rule {} ({}) of {}",
        rule.priority().unwrap_or("?"),
        conditions.join(", "),
        port_of(listener)
    );
    Some(Lead { place: rule.rule_arn().unwrap_or_default().to_owned(), weight, words })
}

/// `None` where nothing is sent there.
fn weight(actions: &[Action], group: &Member) -> Option<Weight> {
    let split = forward::standing(actions).ok()?.split;
    Some(split.weight(group)).filter(|weight| *weight != Weight::ZERO)
}

fn port_of(listener: &Listener) -> String {
    let balancer = listener.listener_arn().and_then(arn::load_balancer_name).unwrap_or("?");
    let port = listener.port().map_or_else(|| "?".to_owned(), |port| port.to_string());
    format!("port {port} of {balancer}")
}
