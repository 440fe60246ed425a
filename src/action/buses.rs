//! What preflight settles about a route that is a target of a rule of an event bus: what it leads to, and whether
//! EventBridge could deliver to the candidate. EventBridge itself takes any target, and whoever does not let it in just gets
//! nothing.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html>

use super::{
    objection::{Notes, Objection},
    standing::Standing,
    takers::{CalledBy, check_taker},
};
use crate::{
    cloud::{DISABLED, Error, Reads, TargetStanding},
    plan::{BusTarget, Member, Route, RouteName},
    rollout::{Nature, RouteService, Split},
};

pub(super) async fn find_target(
    name: &RouteName,
    at: &BusTarget,
    route: &Route,
    reads: &Reads,
    notes: &mut Notes,
) -> Option<Standing> {
    let found = match reads.buses.find(at).await {
        Ok(found) => found,
        Err(error) => {
            notes.objections.push(unfound(name, at, &error));
            return None;
        }
    };
    if let Some(owner) = &found.managed_by {
        notes.objections.push(Objection::new(
            format!("route {name}: rule {}/{} is managed by {owner}", at.bus, at.rule),
            "make a rule of your own with the same pattern; what a service manages it sets back",
        ));
        return None;
    }
    let candidate = route.sides.candidate()?;
    match reads.takers.taker(&found.resource, candidate).await {
        Ok(taker) => check_taker(name, candidate, &taker, &by_rule(&found), notes),
        Err(error) => notes.objections.push(Objection::error(&format!("route {name}"), &error)),
    }
    let TargetStanding { resource, split, written, .. } = found;
    Some(Standing {
        resource,
        others: Vec::new(),
        split,
        service: RouteService::EventBridge,
        nature: Nature::TARGET,
        rules: None,
        written,
        uploaded: None,
    })
}

/// EventBridge, as whoever takes the events knows it.
fn by_rule(found: &TargetStanding) -> CalledBy<'_> {
    CalledBy {
        service: "events.amazonaws.com",
        name: "EventBridge",
        what: format!("rule {}", found.rule_arn),
        source: found.rule_arn.clone(),
        let_in: found.rule_arn.clone(),
        statement: "events".to_owned(),
        role: found.role.as_deref(),
        unasked: "its events are lost without a word: watch the rule's FailedInvocations, or give the target a dead-letter \
                  queue",
    }
}

fn unfound(name: &RouteName, at: &BusTarget, error: &Error) -> Objection {
    let objection = Objection::error(&format!("route {name}"), error);
    if matches!(error, Error::Absent { .. }) {
        let hint = format!(
            "`aws events list-rules --event-bus-name {}` lists the rules of a bus, `aws events list-targets-by-rule \
             --event-bus-name {} --rule …` the targets of one with their ids",
            at.bus, at.bus
        );
        Objection { hint, ..objection }
    } else {
        objection
    }
}

/// What the target leads to is stable; the candidate is the plan's.
pub(super) fn bus_sides(
    name: &RouteName,
    route: &Route,
    split: &Split,
    notes: &mut Notes,
) -> Option<(Member, Option<Member>)> {
    let (candidate, serves) = (route.sides.candidate()?, split.0.keys().next()?);
    let objection = if let Some(arn) = serves.as_str().strip_suffix(DISABLED) {
        Objection::new(
            format!("route {name}: the rule is disabled, so {arn} is sent nothing"),
            "enable it with `aws events enable-rule` first; a run hands events over, and does not begin to send any",
        )
    } else if serves == candidate {
        Objection::new(
            format!("route {name} leads to {candidate} already"),
            "name what is to take the events next as `candidate`; to go back, name the older one",
        )
    } else if let Some(stable) = route.sides.stable().filter(|stable| *stable != serves) {
        Objection::new(
            format!("route {name} leads to {serves}, not to {stable}"),
            "write what takes the events today as `stable`, or leave it out",
        )
    } else {
        return Some((serves.clone(), Some(candidate.clone())));
    };
    notes.objections.push(objection);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cloud::{FunctionVersion, Taker, VersionState, all_to},
        plan::{Place, RouteKind, Sides},
    };

    const OLD: &str = "arn:aws:lambda:eu-west-1:111122223333:function:orders:6";
    const NEW: &str = "arn:aws:lambda:eu-west-1:111122223333:function:orders:7";
    const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/shop/orders";

    fn name() -> RouteName {
        RouteName::new("orders")
    }

    fn standing(role: Option<&str>) -> TargetStanding {
        TargetStanding {
            resource: format!("{RULE}#handler"),
            rule_arn: RULE.to_owned(),
            managed_by: None,
            role: role.map(str::to_owned),
            split: all_to(OLD),
            written: None,
        }
    }

    fn checked(taker: &Taker, role: Option<&str>) -> Notes {
        let mut notes = Notes::default();
        let arn = match taker {
            Taker::Queue { .. } => "arn:aws:sqs:eu-west-1:111122223333:orders",
            Taker::Function { .. } | Taker::Unasked => NEW,
        };
        check_taker(&name(), &Member::new(arn), taker, &by_rule(&standing(role)), &mut notes);
        notes
    }

    #[test]
    fn a_candidate_that_lets_nobody_in_is_refused_with_the_command_that_lets_eventbridge_in() {
        let version = FunctionVersion {
            state: VersionState::Active,
            reason: String::new(),
            role: None,
            dead_letters: None,
            code: None,
            snapshots: false,
        };
        let taker = Taker::Function { version, policy: None };
        let refused = checked(&taker, None).objections.remove(0);
        assert!(refused.problem.contains("lets EventBridge call lambda:InvokeFunction"));
        let command =
            "`aws lambda add-permission --function-name orders --qualifier 7 --statement-id events";
        assert!(refused.hint.starts_with(command), "{}", refused.hint);
        let by_role = checked(&taker, Some("arn:aws:iam::111122223333:role/bus"));
        assert!(by_role.objections.is_empty(), "{:?}", by_role.objections);
        assert!(by_role.warnings[0].contains("was not asked"), "{:?}", by_role.warnings);
        let queue = checked(&Taker::Queue { policy: None }, None).objections.remove(0);
        assert!(queue.hint.contains("sqs:SendMessage"), "{}", queue.hint);
        let unasked = checked(&Taker::Unasked, None);
        assert!(unasked.objections.is_empty() && unasked.warnings.len() == 1);
    }

    #[test]
    fn what_the_target_leads_to_is_stable() {
        let sides = |sides: Sides, split: &Split| {
            let (bus, rule, id) = ("shop".into(), "orders".into(), "handler".into());
            let kind = RouteKind::EventBus(BusTarget { bus, rule, id });
            let settle = std::time::Duration::ZERO;
            let route =
                Route { kind, sides, baseline: None, settle, keep: None, place: Place::default() };
            let mut notes = Notes::default();
            let found = bus_sides(&name(), &route, split, &mut notes);
            found.map_or_else(
                || notes.objections.remove(0).problem,
                |(stable, candidate)| format!("{stable} to {}", candidate.unwrap()),
            )
        };
        let serving = || Sides::Serving { candidate: Member::new(NEW) };
        assert_eq!(sides(serving(), &all_to(OLD)), format!("{OLD} to {NEW}"));
        let told = sides(serving(), &all_to(NEW));
        assert_eq!(told, format!("route orders leads to {NEW} already"));
        let told = sides(serving(), &all_to(&format!("{OLD}{DISABLED}")));
        assert!(told.ends_with("is sent nothing"), "{told}");
        let fixed = Sides::Fixed { stable: Member::new("arn:other"), candidate: Member::new(NEW) };
        assert_eq!(
            sides(fixed, &all_to(OLD)),
            format!("route orders leads to {OLD}, not to arn:other")
        );
    }
}
