//! What preflight settles about a fleet: which group stands on which side, and whether scaling it or replacing its
//! software would have its effect.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    absent::refusal,
    automation,
    objection::{Notes, Objection, Settled},
    provisioned::settle_provisioned,
    replacement,
    versions::{Standing, check_empty_stable, check_version, settle_versions},
};
use crate::{
    cloud::{Error, Group, Kind, Obstacle, Reads},
    plan::{Aim, Fleet, FleetKind, FleetName, How, Member, Plan, Side, Sides},
    rollout::{FleetBound, Flow, Found, Picture, RouteBound, RouteService, Target, Version, goal},
};

pub(super) async fn settle_fleet(
    plan: &Plan,
    name: &FleetName,
    fleet: &Fleet,
    reads: &Reads,
    settled: &mut Settled,
    notes: &mut Notes,
) {
    if fleet.kind == FleetKind::Lambda {
        settle_provisioned(plan, (name, fleet), reads, settled, notes).await;
        return;
    }
    if let Sides::Single(member) = &fleet.sides {
        settle_replaced(plan, (name, fleet), member, reads, settled, notes).await;
        return;
    }
    let behind = fleet.behind.as_ref();
    let route = behind.and_then(|route| {
        Some((plan.routes.get(route)?, settled.bindings.routes.get(route)?.clone()))
    });
    let (stable, candidate) = match (&fleet.sides, &route) {
        (Sides::Fixed { stable, candidate }, _) => (stable.clone(), candidate.clone()),
        (Sides::Pair([first, second]), Some((route, bound))) => {
            if route.sides.members().first() == Some(&&bound.stable) {
                (first.clone(), second.clone())
            } else {
                (second.clone(), first.clone())
            }
        }
        // The route it stands behind could not be settled, which has been said already.
        (Sides::Pair(_), None)
        | (Sides::Single(_) | Sides::Serving { .. } | Sides::Made { .. }, _) => return,
    };
    let mut bound = FleetBound {
        service: fleet.kind,
        place: notes.place(&fleet.place),
        stable: stable.clone(),
        candidate: Some(candidate.clone()),
        alias: None,
        versions: BTreeMap::new(),
    };
    let mut groups = Vec::new();
    for (side, member) in [(Side::Stable, &stable), (Side::Candidate, &candidate)] {
        match reads.groups.group(member).await {
            Ok(group) => groups.push((side, group)),
            Err(error) => {
                let sought = (Kind::ScalingGroup, member.as_str());
                notes
                    .objections
                    .push(refusal(&format!("fleet {name}"), &error, sought, reads).await);
            }
        }
    }
    // What a record leads to is not registered anywhere we could look.
    let target_groups = route.as_ref().map(|(_, route)| route);
    let target_groups =
        target_groups.filter(|route| route.service == RouteService::ElasticLoadBalancing);
    let swapped = target_groups.and_then(|route| swapped(name, &groups, route));
    let registers = swapped.is_none();
    notes.objections.extend(swapped);
    for (side, group) in groups {
        let target_group = target_groups.filter(|_| registers).and_then(|route| route.member(side));
        check_group(plan, name, &group, target_group, notes);
        let standing = Standing { name, fleet, side, group: &group };
        let bindings = &mut settled.bindings;
        if let Some(launches) = settle_versions(plan, &standing, reads, bindings, notes).await {
            bound.versions.insert(group.name.clone(), launches);
        }
        if side == Side::Stable {
            check_empty_stable(plan, name, &group, notes);
        }
        if scales(plan, name, side) {
            notes.warnings.extend(automation::warnings(name, &group, reads).await);
        }
        settled.found.push(Found {
            target: Target::Fleet { fleet: name.clone(), side },
            picture: Picture::Capacity(group.capacity),
        });
    }
    settled.bindings.fleets.insert(name.clone(), bound);
}

/// Whether each group registers with the target group of the other side. Attaching them as the plan has it would put
/// both versions on both sides, so that is not what anybody is told.
fn swapped(name: &FleetName, groups: &[(Side, Group)], route: &RouteBound) -> Option<Objection> {
    let [(Side::Stable, stable), (Side::Candidate, candidate)] = groups else { return None };
    let is = |group: &Group, with: Side, without: Side| {
        let registers =
            |side| route.member(side).is_some_and(|it| group.target_groups.contains(it));
        registers(with) && !registers(without)
    };
    let is_swapped =
        is(stable, Side::Candidate, Side::Stable) && is(candidate, Side::Stable, Side::Candidate);
    let theirs = route.candidate.as_ref().filter(|_| is_swapped)?;
    Some(Objection::new(
        format!(
            "the two groups of fleet {name} are swapped: {} registers with {theirs}, and {} with {}",
            stable.name, candidate.name, route.stable
        ),
        format!(
            "change the places of {} and {} in the fleet's `pair`, or `stable` and `candidate`; attach nothing",
            stable.name, candidate.name
        ),
    ))
}

/// A fleet whose software is replaced where it stands.
async fn settle_replaced(
    plan: &Plan,
    (name, fleet): (&FleetName, &Fleet),
    member: &Member,
    reads: &Reads,
    settled: &mut Settled,
    notes: &mut Notes,
) {
    let bound = FleetBound {
        service: fleet.kind,
        place: notes.place(&fleet.place),
        stable: member.clone(),
        candidate: Some(member.clone()),
        alias: None,
        versions: BTreeMap::new(),
    };
    let port = match replacement::reads(reads, &bound) {
        Ok(port) => port,
        Err(error) => {
            return notes.objections.push(Objection::error(&format!("fleet {name}"), &error));
        }
    };
    let installation = match port.installation(member).await {
        Ok(installation) => installation,
        Err(error) => {
            let what = format!("fleet {name}");
            notes.objections.push(match fleet.kind {
                FleetKind::AutoScaling => {
                    refusal(&what, &error, (Kind::ScalingGroup, member.as_str()), reads).await
                }
                FleetKind::CodeDeploy | FleetKind::Lambda => Objection::error(&what, &error),
            });
            return;
        }
    };
    for Obstacle { problem, hint } in &installation.obstacles {
        notes.objections.push(Objection::new(format!("fleet {name}: {problem}"), hint.clone()));
    }
    notes.warnings.extend(installation.notes.iter().map(|note| format!("fleet {name}: {note}")));
    let software = installation.software;
    if let Some(operation) = software.under_way() {
        notes.objections.push(Objection::new(
            format!("fleet {name}: {} is under way already, to {}", operation.id, operation.to),
            "wait for it to end, or stop it",
        ));
    }
    if software.flow == Flow::Held {
        notes.objections.push(Objection::new(
            format!("fleet {name}: the process InstanceRefresh is suspended on {member}"),
            "find out who suspended it and why, then resume it",
        ));
    }
    let replaces = || plan.steps().filter_map(|(_, step)| step.replaces());
    // The way back launches what runs today.
    let launched: BTreeSet<Version> = replaces()
        .filter(|replace| replace.fleet == *name && matches!(replace.how, How::Refresh(_)))
        .flat_map(|replace| [goal(replace, &software), software.version.clone()])
        .collect();
    for version in &launched {
        check_version(name, member, version, reads, notes).await;
    }
    for replace in replaces().filter(|replace| replace.fleet == *name) {
        match port.check_way(&replace.how).await {
            Ok(()) => {}
            Err(error @ Error::Denied { .. }) => notes.warnings.push(format!(
                "fleet {name}: cannot tell whether its deployment configuration exists: {error}"
            )),
            Err(error) => notes.objections.push(Objection::error(&format!("fleet {name}"), &error)),
        }
    }
    if replaces().any(|replace| replace.fleet == *name) {
        let target = Target::Software(name.clone());
        settled.found.push(Found { target, picture: Picture::Software(software) });
    }
    settled.bindings.fleets.insert(name.clone(), bound);
}

fn check_group(
    plan: &Plan,
    name: &FleetName,
    group: &Group,
    target_group: Option<&Member>,
    notes: &mut Notes,
) {
    if let Some(wanted) = target_group.filter(|wanted| !group.target_groups.contains(wanted)) {
        notes.objections.push(Objection::new(
            format!(
                "group {} of fleet {name} does not register with target group {wanted}",
                group.name
            ),
            "attach the target group to the group; its instances would never become healthy there",
        ));
    }
    let is_scaled = [Side::Stable, Side::Candidate].into_iter().any(|of| scales(plan, name, of));
    let in_the_way = |process: &&String| {
        ["Launch", "Terminate", "AddToLoadBalancer"].contains(&process.as_str())
    };
    let suspended: Vec<&String> = group.suspended.iter().filter(in_the_way).collect();
    if is_scaled && !suspended.is_empty() {
        let list = suspended.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", ");
        notes.objections.push(Objection::new(
            format!(
                "group {} has suspended {list}, so scaling it would have no effect",
                group.name
            ),
            "resume these processes first",
        ));
    }
}

/// Whether a step of the plan scales this side of a fleet.
fn scales(plan: &Plan, name: &FleetName, of: Side) -> bool {
    plan.steps().any(|(_, step)| {
        matches!(step.conduct().aim, Aim::Capacity { fleet, side, .. } if fleet == name && side == of)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        action::preflight,
        rollout::Timestamp,
        simulation::{Scenario, World},
        testkit::sample_plan,
    };

    async fn objections(plan: &Plan, there: &Plan) -> Vec<Objection> {
        let now = Arc::new(|| Timestamp::from_millis(60_000));
        let world = World::for_plan(there, &Scenario::default(), now);
        preflight(plan, &world.flawless_cloud().reads.into()).await.err().unwrap_or_default()
    }

    #[tokio::test]
    async fn a_swapped_pair_is_called_that_and_nothing_is_to_be_attached() {
        let there = sample_plan();
        let mut plan = sample_plan();
        for fleet in plan.fleets.values_mut() {
            fleet.sides = match fleet.sides.clone() {
                Sides::Pair([first, second]) => Sides::Pair([second, first]),
                Sides::Fixed { stable, candidate } => {
                    Sides::Fixed { stable: candidate, candidate: stable }
                }
                other @ (Sides::Single(_) | Sides::Serving { .. } | Sides::Made { .. }) => other,
            };
        }
        let told = objections(&plan, &there).await;
        let swapped: Vec<_> = told.iter().filter(|o| o.problem.contains("are swapped")).collect();
        assert_eq!(swapped.len(), 1, "{told:?}");
        assert!(swapped[0].hint.ends_with("attach nothing"), "{}", swapped[0].hint);
        assert!(!told.iter().any(|o| o.problem.contains("does not register")), "{told:?}");
    }

    #[tokio::test]
    async fn what_is_not_there_is_told_with_its_place_and_what_is_like_it() {
        let there = sample_plan();
        let mut plan = sample_plan();
        for fleet in plan.fleets.values_mut() {
            let (stable, candidate) = (Member::new("app-blue"), Member::new("app-gren"));
            fleet.sides = Sides::Fixed { stable, candidate };
        }
        let told = objections(&plan, &there).await;
        let absent = told.iter().find(|o| o.problem.contains("group app-gren")).unwrap();
        assert!(absent.problem.contains("does not exist in region "), "{}", absent.problem);
        assert!(absent.problem.contains(", account "), "{}", absent.problem);
        assert!(absent.hint.starts_with("did you mean `app-green`"), "{}", absent.hint);
    }
}
