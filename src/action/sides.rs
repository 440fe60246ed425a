//! Which side of a route serves and which wants to: told by how its weights stand, or by the plan, which they may belie.

use super::{
    aliases::serving,
    buses::bus_sides,
    objection::{Notes, Objection},
    stages::stage_sides,
};
use crate::{
    plan::{Member, Route, RouteName, Sides, units::Weight},
    rollout::{RouteService, Split},
};

/// Which member is stable and which the candidate.
pub(super) fn settle_sides(
    name: &RouteName,
    route: &Route,
    (split, service): (&Split, RouteService),
    notes: &mut Notes,
) -> Option<(Member, Option<Member>)> {
    if service == RouteService::Route53 && split.0.values().all(|w| *w == Weight::ZERO) {
        notes.objections.push(Objection::new(
            format!("route {name}: {}", all_alike(split)),
            "give the record that serves today a weight first, such as 255, and leave the other at 0",
        ));
        return None;
    }
    if service == RouteService::ApiGateway {
        return stage_sides(name, route, split, notes);
    }
    if service == RouteService::EventBridge {
        return bus_sides(name, route, split, notes);
    }
    if matches!(route.sides, Sides::Serving { .. } | Sides::Made { .. }) {
        return serving(name, route, split, notes);
    }
    let is_ours = |member: &Member| {
        route.sides.members().contains(&member) || route.baseline.as_ref() == Some(member)
    };
    let strangers: Vec<String> = split
        .0
        .iter()
        .filter(|(member, weight)| **weight != Weight::ZERO && !is_ours(member))
        .map(|(member, weight)| format!("{member} ({weight})"))
        .collect();
    if !strangers.is_empty() {
        notes.objections.push(Objection::new(
            format!("route {name} also sends traffic to {}", strangers.join(", ")),
            "set their weights to 0 first; a run moves traffic between its own groups only",
        ));
        return None;
    }
    let bound = |stable: &Member, candidate: &Member| (stable.clone(), Some(candidate.clone()));
    let weight = |member: &Member| split.weight(member);
    match &route.sides {
        Sides::Fixed { stable, candidate } => {
            if weight(stable) == Weight::ZERO {
                notes.objections.push(Objection::new(
                    format!("route {name} sends nothing to {stable}, its stable side"),
                    "swap `stable` and `candidate`, or use `pair`, which finds out by itself",
                ));
                return None;
            }
            if weight(candidate) != Weight::ZERO {
                notes
                    .warnings
                    .push(format!("route {name} sends traffic to {candidate} already: {split}"));
            }
            Some(bound(stable, candidate))
        }
        // A route has two sides; `check` makes sure of it. What serves has been asked above.
        Sides::Single(_) | Sides::Serving { .. } | Sides::Made { .. } => None,
        Sides::Pair([first, second]) => match (weight(first), weight(second)) {
            (Weight::ZERO, Weight::ZERO) => {
                notes.objections.push(Objection::new(
                    format!("route {name} sends traffic to neither {first} nor {second}"),
                    "give the side that serves today all the weight",
                ));
                None
            }
            (_, Weight::ZERO) => Some(bound(first, second)),
            (Weight::ZERO, _) => Some(bound(second, first)),
            _ => {
                notes.objections.push(Objection::new(
                    format!("route {name} is split between both sides ({split})"),
                    "finish or roll back what split it, or name `stable` and `candidate` instead \
                     of a `pair`",
                ));
                None
            }
        },
    }
}

/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-weighted.html>
fn all_alike(split: &Split) -> String {
    let members: Vec<&str> = split.0.keys().map(Member::as_str).collect();
    let (members, each) = match members.as_slice() {
        [first, second] => (format!("{first} and {second}"), "half".to_owned()),
        several => (several.join(", "), format!("one of {} answers", several.len())),
    };
    format!(
        "all weights are 0, so Route 53 answers with every record alike: {members} each get {each}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::sample_plan;

    #[test]
    fn records_that_all_have_weight_0_are_answered_alike() {
        let mut plan = sample_plan();
        let route = plan.routes.remove("web").unwrap();
        let refused = |names: &[&str], service| {
            let mut notes = Notes::default();
            let split = names.iter().map(|name| (Member::new(*name), Weight::ZERO)).collect();
            settle_sides(&RouteName::new("web"), &route, (&Split(split), service), &mut notes);
            notes.objections.into_iter().map(|o| o.problem).collect::<Vec<_>>().join("; ")
        };
        let dns = RouteService::Route53;
        let alike = "route web: all weights are 0, so Route 53 answers with every record alike: ";
        let half = format!("{alike}blue and green each get half");
        assert_eq!(refused(&["blue", "green"], dns), half);
        let third = format!("{alike}blue, green, red each get one of 3 answers");
        assert_eq!(refused(&["blue", "green", "red"], dns), third);
        let nobody = "route web sends traffic to neither blue nor green";
        assert_eq!(refused(&["blue", "green"], RouteService::ElasticLoadBalancing), nobody);
    }
}
