//! What preflight settles about provisioned concurrency: which versions have executions kept ready today, and whether AWS
//! would keep as many ready as the plan asks for. What it refuses there is refused before users are moved to a version that
//! would have been slow, or an alias that AWS would not have split.
//! <https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html>

use std::collections::{BTreeMap, BTreeSet};

use super::objection::{Notes, Objection, Settled};
use crate::{
    cloud::{Error, KEPT_FREE, Reads, Room, UNPUBLISHED, names_of_alias},
    plan::{Aim, Alias, Fleet, FleetKind, FleetName, Member, Plan, RouteName, Side, Size},
    rollout::{Capacity, FleetBound, Found, Picture, RouteBound, Target},
};

/// Executions that are asked for, by version or by an alias's name.
type Configs = BTreeMap<Member, u32>;

pub(super) async fn settle_provisioned(
    plan: &Plan,
    (name, fleet): (&FleetName, &Fleet),
    reads: &Reads,
    settled: &mut Settled,
    notes: &mut Notes,
) {
    // Of a route that could not be settled has been told.
    let Some(route) =
        fleet.behind.as_ref().and_then(|route| settled.bindings.routes.get(route)).cloned()
    else {
        return;
    };
    let configs = match reads.provisioned.all_provisioned(&route.resource).await {
        Ok(configs) => configs,
        Err(error) => {
            return notes.objections.push(Objection::error(&format!("fleet {name}"), &error));
        }
    };
    let bound = FleetBound {
        service: FleetKind::Lambda,
        place: route.place.clone(),
        stable: route.stable.clone(),
        candidate: route.candidate.clone(),
        alias: Some(route.resource.clone()),
        versions: BTreeMap::new(),
    };
    for side in [Side::Stable, Side::Candidate] {
        // What is not published yet has none.
        let desired = bound.member(side).and_then(|member| configs.get(member)).copied();
        let picture = Picture::Capacity(Capacity::unbounded(desired.unwrap_or_default()));
        settled.found.push(Found { target: Target::Fleet { fleet: name.clone(), side }, picture });
    }
    if let Some(wanted) = wanted(plan, name, &bound, &configs, notes) {
        check_snapshots(name, &route, reads, notes).await;
        check_room(name, (&route, &configs), wanted, reads, notes).await;
    }
    let moved: BTreeSet<&str> =
        settled.bindings.routes.values().map(|route| route.resource.as_str()).collect();
    check_others(plan, (name, &bound), (&configs, &moved), reads, notes).await;
    settled.bindings.fleets.insert(name.clone(), bound);
}

/// An alias that the run does not move goes on leading to the old version, whose requests have to wait for executions to begin
/// once those that were kept ready are given up. They are served all the same, so it is told and not refused.
async fn check_others(
    plan: &Plan,
    (name, bound): (&FleetName, &FleetBound),
    (configs, moved): (&Configs, &BTreeSet<&str>),
    reads: &Reads,
    notes: &mut Notes,
) {
    let stable = &bound.stable;
    let warm = configs.get(stable).copied().unwrap_or_default();
    let Some((left, alias)) = left(plan, name, warm).zip(bound.alias.as_deref()) else { return };
    let loses =
        format!("version {stable}, which keeps {left} of its {warm} provisioned executions");
    match reads.aliases.all(alias).await {
        Ok(aliases) => {
            let own = names_of_alias(alias).map_or(alias, |it| it.1);
            let function = alias.strip_suffix(own).unwrap_or(alias);
            let is_moved = |other: &str| moved.contains(format!("{function}{other}").as_str());
            let others = aliases.iter().filter(|(other, versions)| {
                versions.contains(stable) && !is_moved(other) && other.as_str() != own
            });
            let others: Vec<&str> = others.map(|(other, _)| other.as_str()).collect();
            if let [first, rest @ ..] = others.as_slice() {
                let (them, lead) = if rest.is_empty() {
                    (format!("alias {first}"), "leads")
                } else {
                    (format!("aliases {}", others.join(", ")), "lead")
                };
                notes.warnings.push(format!(
                    "fleet {name}: {them} {lead} to {loses} when this run is done; what is sent there is served, more slowly at \
                     first"
                ));
            }
        }
        Err(error) => notes.warnings.push(format!(
            "fleet {name}: cannot tell whether other aliases lead to {loses} when this run is done: {error}"
        )),
    }
}

/// How many executions of the old version steps of the plan leave ready, if that is fewer than there are.
fn left(plan: &Plan, name: &FleetName, ready: u32) -> Option<u32> {
    let sizes = plan.steps().filter_map(|(_, step)| match step.conduct().aim {
        Aim::Capacity { fleet, side: Side::Stable, to } if fleet == name => Some(to),
        _ => None,
    });
    let asked = sizes.filter_map(|size| match size {
        Size::Instances(number) => Some(number),
        Size::Bounds { desired, .. } => Some(desired),
        // What the candidate has by then is not known yet.
        Size::SameAs(_) | Size::Share { .. } => None,
    });
    asked.min().filter(|left| *left < ready)
}

/// The most that steps of the plan ask for on the candidate, if they ask for any.
fn wanted(
    plan: &Plan,
    name: &FleetName,
    bound: &FleetBound,
    configs: &Configs,
    notes: &mut Notes,
) -> Option<u32> {
    let stable = configs.get(&bound.stable).copied().unwrap_or_default();
    let sizes = plan.steps().filter_map(|(_, step)| match step.conduct().aim {
        Aim::Capacity { fleet, side: Side::Candidate, to } if fleet == name => Some(to),
        _ => None,
    });
    let mut most = 0;
    for size in sizes {
        most = most.max(match size {
            Size::Instances(number) => number,
            Size::Bounds { desired, .. } => desired,
            Size::SameAs(_) | Size::Share { .. } if stable == 0 => {
                notes.warnings.push(format!(
                    "fleet {name}: version {} has no provisioned concurrency, so the candidate gets none either; \
                     `to: 5` would give it some",
                    bound.stable
                ));
                0
            }
            Size::SameAs(_) => stable,
            Size::Share { share, .. } => share.of_rounded_up(stable),
        });
    }
    (most > 0).then_some(most)
}

/// What begins from a snapshot has no executions kept ready.
/// <https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-compare-provisioned>
async fn check_snapshots(name: &FleetName, route: &RouteBound, reads: &Reads, notes: &mut Notes) {
    let unpublished = Member::new(UNPUBLISHED);
    let candidate = route.candidate.as_ref().unwrap_or(&unpublished);
    match reads.aliases.version(&route.resource, candidate).await {
        Ok(version) if version.snapshots => notes.objections.push(Objection::new(
            format!(
                "fleet {name}: version {candidate} has SnapStart, with which AWS provisions no concurrency"
            ),
            "remove the fleet and the steps that scale it, or publish a version without SnapStart",
        )),
        Ok(_) => {}
        Err(error) => notes.objections.push(Objection::error(&format!("fleet {name}"), &error)),
    }
}

async fn check_room(
    name: &FleetName,
    (route, configs): (&RouteBound, &Configs),
    wanted: u32,
    reads: &Reads,
    notes: &mut Notes,
) {
    match reads.provisioned.room(&route.resource).await {
        Ok(room) => {
            let others = configs.iter().filter(|(who, _)| Some(*who) != route.candidate.as_ref());
            let others = others.map(|(_, executions)| *executions).sum();
            notes.objections.extend(no_room(name, route, (wanted, others), room));
        }
        Err(error) => notes.warnings.push(format!(
            "fleet {name}: cannot tell whether there is room for {wanted} provisioned executions: {error}"
        )),
    }
}

/// Why AWS would not keep so many ready beside what others of the function have. The others keep theirs until the plan
/// takes it away, which is after the candidate has its own.
fn no_room(
    name: &FleetName,
    route: &RouteBound,
    (wanted, others): (u32, u32),
    room: Room,
) -> Option<Objection> {
    let function = names_of_alias(&route.resource).map_or(route.resource.as_str(), |it| it.0);
    let beside = if others == 0 {
        format!("{wanted} provisioned executions")
    } else {
        format!("{wanted} provisioned executions beside the {others} there are")
    };
    let Room { unreserved, reserved } = room;
    let (most, why) = reserved.map_or_else(
        || {
            let why = format!(
                "the account has {unreserved} unreserved, of which {KEPT_FREE} have to stay"
            );
            (unreserved.saturating_sub(KEPT_FREE), why)
        },
        |reserved| (reserved, format!("function {function} has reserved {reserved}")),
    );
    (wanted.saturating_add(others) > most).then(|| {
        Objection::new(
            format!("fleet {name}: there is no room for {beside}: {why}"),
            "ask for fewer; or have the limit raised (`aws lambda put-function-concurrency`, or Service Quotas for the account)",
        )
    })
}

/// An alias that has provisioned concurrency itself is not split by AWS, so a run would fail at its first shift.
pub(super) async fn check_alias(
    name: &RouteName,
    (at, resource): (&Alias, &str),
    reads: &Reads,
    notes: &mut Notes,
) {
    match reads.provisioned.all_provisioned(resource).await {
        Ok(configs) => {
            let has = configs.get(at.name.as_str()).filter(|executions| **executions > 0);
            notes.objections.extend(has.map(|executions| {
                Objection::new(
                    format!(
                        "route {name}: alias {at} has provisioned concurrency itself ({executions} executions), and AWS splits no \
                         such alias"
                    ),
                    format!(
                        "give it to the version that serves, then take it from the alias: `aws lambda \
                         delete-provisioned-concurrency-config --function-name {} --qualifier {}`",
                        at.function, at.name
                    ),
                )
            }));
        }
        Err(error @ Error::Denied { .. }) => notes.warnings.push(format!(
            "route {name}: cannot tell whether alias {at} has provisioned concurrency: {error}"
        )),
        Err(error) => notes.objections.push(Objection::error(&format!("route {name}"), &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::Place,
        rollout::{Nature, RouteService},
    };

    fn route() -> RouteBound {
        RouteBound {
            service: RouteService::Lambda,
            place: Place::default(),
            resource: "arn:aws:lambda:eu-west-1:1:function:checkout:live".to_owned(),
            others: Vec::new(),
            stable: Member::new("6"),
            candidate: Some(Member::new("7")),
            baseline: None,
            variables: BTreeMap::new(),
            nature: Nature::ALIAS,
        }
    }

    #[test]
    fn what_aws_would_not_keep_ready_is_told_with_what_there_is() {
        let told = |wanted, others, unreserved, reserved| {
            let room = Room { unreserved, reserved };
            let objection = no_room(&FleetName::new("warm"), &route(), (wanted, others), room);
            objection.map(|objection| objection.problem).unwrap_or_default()
        };
        assert_eq!(told(900, 0, 1_000, None), "");
        assert_eq!(
            told(901, 0, 1_000, None),
            "fleet warm: there is no room for 901 provisioned executions: the account has 1000 unreserved, of which 100 have \
             to stay"
        );
        assert_eq!(told(5, 5, 1_000, Some(10)), "", "both fit into what is reserved");
        assert_eq!(
            told(6, 5, 1_000, Some(10)),
            "fleet warm: there is no room for 6 provisioned executions beside the 5 there are: function checkout has reserved 10"
        );
        assert_ne!(told(1, 0, 50, None), "", "an account with the least quota has none to give");
    }
}
