//! A group that stands in none of a route's places: AWS checks nobody's health there, so waiting for it would be in vain.
//! A run attaches it with weight 0 before anything else (`rollout/settle.rs`). What would make AWS refuse that is known
//! beforehand, and told here.

use super::objection::{Notes, Objection};
use crate::{
    cloud::{Forward, TargetGroup},
    plan::{Aim, Ends, Member, Plan, RouteName, Until},
    rollout::Split,
};

/// In one forward action; it cannot be raised.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
const MOST_TARGET_GROUPS: usize = 5;

/// Whether a plan has anything to do with a route's weights or health.
pub(super) fn uses(plan: &Plan, route: &RouteName) -> bool {
    plan.steps().any(|(_, step)| {
        let conduct = step.conduct();
        match (conduct.aim, conduct.ends) {
            (Aim::Weights { route: of, .. } | Aim::TestRoute { route: of, .. }, _)
            | (_, Ends::WhenAllPass { until: Some(Until::Healthy { route: of, .. }) }) => {
                of == route
            }
            (
                Aim::Nothing
                | Aim::Capacity { .. }
                | Aim::Software(_)
                | Aim::Release { .. }
                | Aim::OldVersions { .. }
                | Aim::Replay(_),
                _,
            ) => false,
        }
    })
}

/// Tells what a run will attach, or why it cannot. `groups` are those of the route's members, `stable` is one of them.
pub(super) fn check_attachable(
    name: &RouteName,
    (forwards, split): (&[Forward], &Split),
    (groups, stable): (&[TargetGroup], &Member),
    notes: &mut Notes,
) {
    let (there, missing): (Vec<&TargetGroup>, Vec<&TargetGroup>) =
        groups.iter().partition(|group| split.0.contains_key(&group.name));
    let list = missing.iter().map(|group| group.name.as_str()).collect::<Vec<_>>().join(" and ");
    if split.0.len() + missing.len() > MOST_TARGET_GROUPS {
        notes.objections.push(Objection::new(
            format!(
                "route {name}: {} target groups stand in its action ({split}), which has room for {MOST_TARGET_GROUPS}, \
                 so {list} cannot be attached",
                split.0.len()
            ),
            "take out those that have weight 0 and are not needed",
        ));
        return;
    }
    let model = there.into_iter().find(|group| group.name == *stable);
    let refusals: Vec<Objection> =
        missing.iter().flat_map(|group| refusals(name, forwards, model, group)).collect();
    if refusals.is_empty() {
        notes.warnings.push(format!(
            "route {name}: {list} stands in none of its rules, where nobody checks its health; the run attaches it \
             with weight 0 first"
        ));
    }
    notes.objections.extend(refusals);
}

/// Why AWS would not let a group into a route's places.
fn refusals(
    name: &RouteName,
    forwards: &[Forward],
    model: Option<&TargetGroup>,
    group: &TargetGroup,
) -> Vec<Objection> {
    let mut refusals = Vec::new();
    let is_elsewhere = |forward: &&Forward| {
        !group.load_balancers.is_empty() && !group.load_balancers.contains(&forward.load_balancer)
    };
    if let Some(forward) = forwards.iter().find(is_elsewhere) {
        refusals.push(Objection::new(
            format!(
                "route {name}: target group {} belongs to load balancer {}, and cannot be attached to {} as well",
                group.name,
                group.load_balancers.join(", "),
                forward.load_balancer
            ),
            "AWS lets a target group stand behind one load balancer; make one for this route",
        ));
    }
    let Some(model) = model else { return refusals };
    if let (Some(vpc), Some(other)) = (&group.vpc, &model.vpc)
        && vpc != other
    {
        refusals.push(Objection::new(
            format!(
                "route {name}: target group {} is in {vpc}, and {} in {other}",
                group.name, model.name
            ),
            "both sides of a route have to be in the load balancer's VPC",
        ));
    }
    if let (Some(protocol), Some(other)) = (&group.protocol, &model.protocol)
        && is_http(protocol) != is_http(other)
    {
        refusals.push(Objection::new(
            format!(
                "route {name}: target group {} speaks {protocol}, and {} {other}",
                group.name, model.name
            ),
            "an Application Load Balancer forwards to HTTP and HTTPS groups, a Network Load Balancer to all others",
        ));
    }
    refusals
}

fn is_http(protocol: &str) -> bool {
    ["HTTP", "HTTPS"].contains(&protocol)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::units::Weight;

    fn group(name: &str) -> TargetGroup {
        TargetGroup {
            name: Member::new(name),
            arn: String::new(),
            deregistration_delay: Duration::ZERO,
            load_balancers: Vec::new(),
            protocol: Some("HTTP".into()),
            vpc: Some("vpc-1".into()),
        }
    }

    /// What is held against attaching a candidate to an action with these groups, and what is said of it.
    fn told(there: &[&str], candidate: TargetGroup) -> (Vec<String>, usize) {
        let split = Split(there.iter().map(|name| (Member::new(*name), Weight::ZERO)).collect());
        let forward = Forward {
            resource: "rule".into(),
            load_balancer: "shop".into(),
            split: split.clone(),
            sticky_for: None,
            written: None,
            rule: None,
        };
        let groups = [group("blue"), candidate];
        let (mut notes, route) = (Notes::default(), RouteName::new("web"));
        let stable = Member::new("blue");
        check_attachable(&route, (&[forward], &split), (&groups, &stable), &mut notes);
        let problems = notes.objections.into_iter().map(|objection| objection.problem);
        (problems.collect(), notes.warnings.len())
    }

    #[test]
    fn what_aws_would_not_attach_is_told_before() {
        assert_eq!(told(&["blue"], group("green")), (Vec::new(), 1));
        let five = ["blue", "a", "b", "c", "d"];
        let full = "route web: 5 target groups stand in its action (a 0, b 0, blue 0, c 0, d 0), which has room for 5, \
                    so green cannot be attached";
        assert_eq!(told(&five, group("green")), (vec![full.to_owned()], 0));
        assert_eq!(told(&five[..4], group("green")), (Vec::new(), 1));
        let elsewhere = TargetGroup { load_balancers: vec!["other".into()], ..group("green") };
        let (problems, _) = told(&["blue"], elsewhere);
        let belongs = "route web: target group green belongs to load balancer other, and cannot be attached to shop as well";
        assert_eq!(problems, [belongs]);
        let far = TargetGroup { vpc: Some("vpc-2".into()), ..group("green") };
        assert_eq!(
            told(&["blue"], far).0,
            ["route web: target group green is in vpc-2, and blue in vpc-1"]
        );
        let tcp = TargetGroup { protocol: Some("TCP".into()), ..group("green") };
        assert_eq!(
            told(&["blue"], tcp).0,
            ["route web: target group green speaks TCP, and blue HTTP"]
        );
        let function = TargetGroup { protocol: None, vpc: None, ..group("green") };
        assert_eq!(told(&["blue"], function), (Vec::new(), 1), "a function has neither");
    }
}
