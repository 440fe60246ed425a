//! What preflight settles about a step that replays events: the archive, and whether its rule leads to the candidate and
//! nobody else, and sends nothing but what is replayed. Events that reach users' side a second time are handled a second time.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html>

use super::objection::{Notes, Objection, Settled};
use crate::{
    cloud::{ArchiveStanding, Error, Places, Reads},
    plan::{Aim, Plan, Replay as Asked},
    rollout::{BusPlace, Found, Picture, Replay, RouteBound, Target},
};

/// The field that only replayed events have.
const REPLAYED: &str = "replay-name";

pub(super) async fn settle_replays(
    plan: &Plan,
    places: &Places<Reads>,
    settled: &mut Settled,
    notes: &mut Notes,
) {
    let asked = plan.steps().filter_map(|(_, step)| match step.conduct().aim {
        Aim::Replay(replay) => Some(replay),
        _ => None,
    });
    for asked in asked {
        // A route that could not be settled has been told of already.
        let Some(bound) = settled.bindings.routes.get(&asked.route) else { continue };
        let (Ok(reads), Some(place)) = (places.at(&bound.place), BusPlace::of(&bound.resource))
        else {
            continue;
        };
        match reads.replays.find(&asked.archive, place.bus, &asked.rule).await {
            Ok(found) => {
                notes.objections.extend(objections(asked, bound, place, &found));
                settled.bindings.replays.insert(asked.route.clone(), found.bound);
                settled.found.push(Found {
                    target: Target::Replay(asked.route.clone()),
                    picture: Picture::Replay(Replay::Absent),
                });
            }
            Err(error) => notes.objections.push(unfound(asked, place, &error)),
        }
    }
}

fn unfound(asked: &Asked, place: BusPlace<'_>, error: &Error) -> Objection {
    let objection = Objection::error(&format!("replay to route {}", asked.route), error);
    if matches!(error, Error::Absent { .. }) {
        let hint = format!(
            "`aws events list-archives` lists archives by their names, `aws events list-rules --event-bus-name {}` the rules",
            place.bus
        );
        return Objection { hint, ..objection };
    }
    objection
}

fn objections(
    asked: &Asked,
    bound: &RouteBound,
    place: BusPlace<'_>,
    found: &ArchiveStanding,
) -> Vec<Objection> {
    let Asked { route, archive, rule, .. } = asked;
    let Some(candidate) = &bound.candidate else { return Vec::new() };
    let mut all = Vec::new();
    let bus = place.rule_arn.split_once(":rule/").map(|(home, _)| home).unwrap_or_default();
    let bus = format!("{bus}:event-bus/{}", place.bus);
    if found.bound.bus != bus {
        all.push(Objection::new(
            format!(
                "route {route}: archive {archive} keeps the events of {}, not of {bus}",
                found.bound.bus
            ),
            "name an archive of the route's own bus; AWS replays to the bus that an archive is of",
        ));
    }
    if !found.is_enabled {
        all.push(Objection::new(
            format!("route {route}: rule {rule} is disabled, so nothing would be replayed"),
            "enable it; that it sends nothing but what is replayed is told by its pattern",
        ));
    }
    if found.targets.iter().any(|target| target != candidate.as_str()) || found.targets.is_empty() {
        let targets = match found.targets.as_slice() {
            [] => "nothing".to_owned(),
            several => several.join(", "),
        };
        all.push(Objection::new(
            format!("route {route}: rule {rule} leads to {targets}, and not to {candidate} alone"),
            "give the candidate a rule of its own for what is replayed: whoever else gets these events handles them again",
        ));
    }
    if !is_for_replays(found.pattern.as_deref()) {
        all.push(Objection::new(
            format!("route {route}: rule {rule} sends the candidate events that are not replayed, too"),
            format!("add `\"{REPLAYED}\": [{{ \"exists\": true }}]` to its pattern, which only replayed events fit"),
        ));
    }
    all
}

/// Whether a pattern asks for the field at all; what it says of it is its owner's affair.
fn is_for_replays(pattern: Option<&str>) -> bool {
    let pattern = pattern.and_then(|it| serde_json::from_str::<serde_json::Value>(it).ok());
    let asked = pattern.as_ref().and_then(|pattern| pattern.get(REPLAYED)?.as_array());
    let excludes = serde_json::json!({ "exists": false });
    asked.is_some_and(|asked| !asked.is_empty() && !asked.contains(&excludes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{Member, PastMoment, Place, RouteName},
        rollout::{Nature, ReplayBound, RouteService},
    };

    const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/shop/orders";
    const NEW: &str = "arn:aws:lambda:eu-west-1:111122223333:function:orders:7";

    fn told(change: impl Fn(&mut ArchiveStanding)) -> Vec<String> {
        let home = "arn:aws:events:eu-west-1:111122223333";
        let asked = Asked {
            route: RouteName::new("events"),
            archive: "shop".into(),
            rule: "rehearsal".into(),
            from: PastMoment::At(0),
            to: PastMoment::NOW,
        };
        let bound = RouteBound {
            service: RouteService::EventBridge,
            place: Place::default(),
            resource: format!("{RULE}#handler"),
            others: Vec::new(),
            stable: Member::new("arn:old"),
            candidate: Some(Member::new(NEW)),
            baseline: None,
            variables: std::collections::BTreeMap::new(),
            nature: Nature::TARGET,
        };
        let mut found = ArchiveStanding {
            bound: ReplayBound {
                archive: format!("{home}:archive/shop"),
                bus: format!("{home}:event-bus/shop"),
                rule: format!("{home}:rule/shop/rehearsal"),
            },
            is_enabled: true,
            pattern: Some(r#"{"source":["shop"],"replay-name":[{"exists":true}]}"#.into()),
            targets: vec![NEW.into()],
        };
        change(&mut found);
        let place = BusPlace::of(&bound.resource).unwrap();
        objections(&asked, &bound, place, &found).into_iter().map(|it| it.problem).collect()
    }

    #[test]
    fn what_is_replayed_reaches_the_candidate_alone_and_nothing_else_does() {
        assert_eq!(told(|_| {}), [""; 0]);
        let one = |change: &dyn Fn(&mut ArchiveStanding)| {
            let all = told(change);
            assert_eq!(all.len(), 1, "{all:?}");
            all.into_iter().next().unwrap()
        };
        assert!(one(&|it| it.is_enabled = false).contains("is disabled"));
        assert!(one(&|it| it.targets.push("arn:old".into())).contains("and not to arn:aws:lambda"));
        assert!(one(&|it| it.targets.clear()).contains("leads to nothing"));
        assert!(
            one(&|it| it.bound.bus = "arn:other".into()).contains("keeps the events of arn:other")
        );
        for live in
            [None, Some(r#"{"source":["shop"]}"#), Some(r#"{"replay-name":[{"exists":false}]}"#)]
        {
            let pattern = live.map(str::to_owned);
            let told = one(&|it| it.pattern.clone_from(&pattern));
            assert!(told.contains("that are not replayed, too"), "{told}");
        }
    }
}
