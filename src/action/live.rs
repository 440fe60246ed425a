//! Reading and changing one target. Both sides of the mapping from a plan's names to real resources are the bindings
//! that the run journaled at its start, never the plan file; of the plan only the pace of a replacement is asked.

use std::{collections::BTreeMap, fmt::Display};

use crate::{
    cloud::{Cloud, Error, Kept, Operation, Places, Reads, UNPUBLISHED, VersionState},
    plan::{Header, Member, Plan, RouteName},
    rollout::{
        Bindings, Call, CallProblem, FleetBound, Flow, Made, Making, Move, Picture, ProblemKind,
        Readiness, Release, Replay, RouteBound, RouteService, Software, Split, Target, TestRoute,
        replay_name,
    },
};

use super::{capacities, replacement};

/// What the target looks like now.
pub async fn observe(
    places: &Places<Reads>,
    bindings: &Bindings,
    target: &Target,
) -> Result<Picture, Error> {
    let reads = places.at(bindings.place(target).ok_or_else(|| unbound(target))?)?;
    match target {
        Target::Route(name) => {
            let bound = bindings.routes.get(name).ok_or_else(|| unbound(target))?;
            route(reads, bound).await
        }
        Target::Fleet { side, .. } => {
            let bound = fleet_of(bindings, target)?;
            Ok(Picture::Capacity(capacities::capacity(reads, bound, *side).await?))
        }
        Target::TestRoute(name) => {
            let (bound, header) = tested(bindings, name).ok_or_else(|| unbound(target))?;
            let port = &reads.load_balancers;
            let candidate = bound.candidate.as_ref().ok_or_else(|| unbound(target))?;
            let test = port.test_route(&bound.resource, header, candidate).await?;
            Ok(Picture::TestRoute(test))
        }
        Target::Replay(route) => {
            let name = replay(bindings, route).ok_or_else(|| unbound(target))?;
            Ok(Picture::Replay(reads.replays.replay(&name).await?))
        }
        Target::Candidate(name) => {
            let bound = bindings.routes.get(name).ok_or_else(|| unbound(target))?;
            let mark = bindings.made_by.as_deref().ok_or_else(|| unbound(target))?;
            let found = if bound.service == RouteService::ApiGateway {
                deployment(reads, bound, mark).await
            } else {
                release(reads, bound, mark).await
            };
            found.map(Picture::Release)
        }
        Target::OldVersions(name) => {
            let bound = bindings.routes.get(name).ok_or_else(|| unbound(target))?;
            let kept = kept(bindings, name).ok_or_else(|| unbound(target))?;
            reads.old_versions.unused(&bound.resource, &kept).await.map(Picture::OldVersions)
        }
        Target::Software(_) => {
            let bound = fleet_of(bindings, target)?;
            let port = replacement::reads(reads, bound)?;
            Ok(Picture::Software(port.installation(&bound.stable).await?.software))
        }
    }
}

/// Makes one change. The target is read first, because AWS has no compare-and-set here: what is neither the picture
/// from before nor the one wanted belongs to somebody else, and the call is not made.
pub async fn call(
    plan: &Plan,
    places: &Places<Cloud>,
    bindings: &Bindings,
    call: &Call,
) -> Result<Option<Made>, Error> {
    let cloud = places.at(bindings.place(&call.target).ok_or_else(|| unbound(&call.target))?)?;
    if let (Target::Candidate(name), Picture::Release(before), Picture::Release(_)) =
        (&call.target, &call.before, &call.after)
    {
        let bound = bindings.routes.get(name).ok_or_else(|| unbound(&call.target))?;
        let mark = bindings.made_by.as_deref().ok_or_else(|| unbound(&call.target))?;
        return match before {
            Release::Uploaded { code } => {
                cloud.publishing.publish(&bound.resource, code, mark).await.map(Some)
            }
            Release::Undeployed => {
                let id = cloud.new_deployments.deploy(&bound.resource, mark).await?;
                Ok(Some(Made { member: bound.deployed(&id), making: Making::New }))
            }
            // It is there, and becomes ready by itself.
            Release::Version { .. } | Release::Published | Release::Deployed { .. } => Ok(None),
        };
    }
    change(plan, cloud, bindings, call).await.map(|()| None)
}

/// A call that makes nothing new.
async fn change(plan: &Plan, cloud: &Cloud, bindings: &Bindings, call: &Call) -> Result<(), Error> {
    match (&call.target, &call.before, &call.after) {
        (Target::Route(name), before, Picture::Split(after)) => {
            let bound = bindings.routes.get(name).ok_or_else(|| unbound(&call.target))?;
            set_weights(cloud, bound, before, after).await
        }
        (Target::Fleet { side, .. }, before, Picture::Capacity(after)) => {
            let bound = fleet_of(bindings, &call.target)?;
            capacities::resize(cloud, (bound, *side), before, *after).await
        }
        (Target::Software(fleet), Picture::Software(before), Picture::Software(after)) => {
            let bound = fleet_of(bindings, &call.target)?;
            let pace = replacement::pace(plan, fleet).ok_or_else(|| unbound(&call.target))?;
            let port = replacement::writes(cloud, bound)?;
            let first = Move::between(before, after);
            if first == Move::Follow {
                return Ok(());
            }
            port.make(&bound.stable, &first, &pace).await?;
            if is_released(before, after, &first) {
                port.make(&bound.stable, &Move::Release, &pace).await?;
            }
            Ok(())
        }
        (Target::TestRoute(name), _, Picture::TestRoute(after)) => {
            let (bound, header) = tested(bindings, name).ok_or_else(|| unbound(&call.target))?;
            match after {
                TestRoute::Present { header, group } => {
                    cloud.test_routes.add(&bound.resource, header, group).await
                }
                TestRoute::Absent => {
                    let candidate = bound.candidate.as_ref();
                    let candidate = candidate.ok_or_else(|| unbound(&call.target))?;
                    cloud.test_routes.remove(&bound.resource, header, candidate).await
                }
            }
        }
        (Target::OldVersions(name), Picture::OldVersions(before), Picture::OldVersions(_)) => {
            let bound = bindings.routes.get(name).ok_or_else(|| unbound(&call.target))?;
            let kept = kept(bindings, name).ok_or_else(|| unbound(&call.target))?;
            // Somebody may have begun to use one of them.
            let live = cloud.reads.old_versions.unused(&bound.resource, &kept).await?;
            let both = before.intersection(&live).cloned().collect();
            cloud.pruning.delete(&bound.resource, &both).await
        }
        (Target::Replay(route), _, Picture::Replay(after)) => {
            let name = replay(bindings, route).ok_or_else(|| unbound(&call.target))?;
            match after {
                Replay::Sent { from, to } => {
                    let bound = bindings.replays.get(route);
                    let bound = bound.ok_or_else(|| unbound(&call.target))?;
                    cloud.replaying.start(&name, bound, (*from, *to)).await
                }
                Replay::Absent
                | Replay::UnderWay { .. }
                | Replay::Completed
                | Replay::Cancelled
                | Replay::Failed { .. } => cloud.replaying.cancel(&name).await,
            }
        }
        (target, _, after) => Err(Error::Rejected {
            operation: Operation::Call,
            message: format!("{target} cannot look like {after}"),
        }),
    }
}

/// Whether a suspension is left over once the move is made: what was held is turned around first and released then, so
/// that it cannot go on the wrong way in between.
fn is_released(before: &Software, after: &Software, first: &Move) -> bool {
    before.flow == Flow::Held
        && after.flow == Flow::Open
        && match first {
            Move::Start(_) | Move::TakeBack => true,
            Move::Hold | Move::GoOn | Move::Release | Move::Follow => false,
        }
}

/// How far a candidate is that a step publishes. Whoever has not learned its number yet looks for what this run made.
async fn release(reads: &Reads, bound: &RouteBound, mark: &str) -> Result<Release, Error> {
    let place = &bound.resource;
    let number = match &bound.candidate {
        Some(number) => Some(number.clone()),
        None => reads.releases.made(place, mark).await?,
    };
    let Some(number) = number else {
        let uploaded = reads.aliases.version(place, &Member::new(UNPUBLISHED)).await?;
        let what = || Error::Absent { what: format!("a digest of what is uploaded for {place}") };
        return Ok(Release::Uploaded { code: uploaded.code.ok_or_else(what)? });
    };
    let readiness = match reads.aliases.version(place, &number).await {
        Ok(version) => match version.state {
            VersionState::Active => Readiness::Ready,
            VersionState::Pending | VersionState::Inactive => {
                Readiness::Pending { reason: version.reason }
            }
            VersionState::Failed => Readiness::Failed { reason: version.reason },
        },
        // What was published a moment ago need not be known everywhere.
        Err(Error::Absent { what }) => Readiness::Pending { reason: format!("no {what} yet") },
        Err(error) => return Err(error),
    };
    Ok(Release::Version { number, readiness })
}

/// The deployment that a step makes. It is found by what the run wrote on it until its id is learned.
async fn deployment(reads: &Reads, bound: &RouteBound, mark: &str) -> Result<Release, Error> {
    let place = &bound.resource;
    if let Some(side) = &bound.candidate {
        reads.stages.deployment(place, side).await?;
        return Ok(Release::Deployed { side: Some(side.clone()) });
    }
    Ok(match reads.stages.made(place, mark).await? {
        Some(id) => Release::Deployed { side: Some(bound.deployed(&id)) },
        None => Release::Undeployed,
    })
}

async fn route(reads: &Reads, bound: &RouteBound) -> Result<Picture, Error> {
    let mut parts = BTreeMap::new();
    for place in bound.places() {
        parts.insert(place.clone(), reads.weights.of(bound.service).split(place).await?);
    }
    Ok(Picture::of_rules(parts))
}

/// Sets the weights at every place of a route. None is touched while one of them belongs to somebody else; each is
/// looked at once more when its turn comes.
async fn set_weights(
    cloud: &Cloud,
    bound: &RouteBound,
    before: &Picture,
    after: &Split,
) -> Result<(), Error> {
    let conflict = |place: &str, live: &dyn Display| Error::Conflict {
        operation: bound.service.traits().setting,
        message: format!("{place} is at {live}, not at {before}"),
    };
    if !bound.others.is_empty() {
        let live = route(&cloud.reads, bound).await?;
        for place in bound.places() {
            let split = live.part(place);
            if split != before.part(place) && split != Some(after) {
                return Err(conflict(place, &live));
            }
        }
    }
    for place in bound.places() {
        let expected = before.part(place).ok_or_else(|| conflict(place, &"another place"))?;
        cloud.weights.of(bound.service).set_weights(place, expected, after).await?;
    }
    Ok(())
}

fn fleet_of<'a>(bindings: &'a Bindings, target: &Target) -> Result<&'a FleetBound, Error> {
    match target {
        Target::Fleet { fleet, .. } | Target::Software(fleet) => bindings.fleets.get(fleet),
        Target::Route(_)
        | Target::TestRoute(_)
        | Target::Candidate(_)
        | Target::OldVersions(_)
        | Target::Replay(_) => None,
    }
    .ok_or_else(|| unbound(target))
}

/// The route that is tested, and the header of its tests.
fn tested<'a>(bindings: &'a Bindings, route: &RouteName) -> Option<(&'a RouteBound, &'a Header)> {
    Some((bindings.routes.get(route)?, bindings.tests.get(route)?))
}

/// The versions of a pruned route's function that stay: several routes may be aliases of one function.
pub(super) fn kept(bindings: &Bindings, route: &RouteName) -> Option<Kept> {
    let newest = *bindings.keeps.get(route)?;
    let sides = bindings.routes.values().flat_map(RouteBound::members).cloned().collect();
    Some(Kept { newest, sides })
}

/// What the run's replay of a route is called.
fn replay(bindings: &Bindings, route: &RouteName) -> Option<String> {
    Some(replay_name(bindings.made_by.as_deref()?, route))
}

fn unbound(target: &Target) -> Error {
    Error::Absent { what: format!("{target} in this run's journal") }
}

/// What the core needs to know of a failed call.
pub fn problem(error: &Error) -> CallProblem {
    let kind = if error.is_passing() { ProblemKind::Passing } else { ProblemKind::Final };
    CallProblem { kind, message: error.to_string() }
}
