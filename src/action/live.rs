//! Reading and changing one target. Both sides of the mapping from a plan's names to real resources are the bindings
//! that the run journaled at its start, never the plan file; of the plan only the pace of a replacement is asked.

use std::{collections::BTreeMap, fmt::Display};

use crate::{
    cloud::{Cloud, Error, Operation, Reads, setting},
    plan::{Header, Member, Plan, RouteName},
    rollout::{
        Bindings, Bound, Call, CallProblem, Flow, Move, Picture, ProblemKind, Software, Split,
        Target, TestRoute,
    },
};

use super::replacement;

/// What the target looks like now.
pub async fn observe(
    reads: &Reads,
    bindings: &Bindings,
    target: &Target,
) -> Result<Picture, Error> {
    match target {
        Target::Route(name) => {
            let bound = bindings.routes.get(name).ok_or_else(|| unbound(target))?;
            route(reads, bound).await
        }
        Target::Fleet { .. } => {
            let group = group_of(bindings, target)?;
            Ok(Picture::Capacity(reads.groups.group(group).await?.capacity))
        }
        Target::TestRoute(name) => {
            let (bound, header) = tested(bindings, name).ok_or_else(|| unbound(target))?;
            let port = &reads.load_balancers;
            let test = port.test_route(&bound.resource, header, &bound.candidate).await?;
            Ok(Picture::TestRoute(test))
        }
        Target::Software(_) => {
            let bound = fleet_of(bindings, target)?;
            let port = replacement::reads(reads, bound);
            Ok(Picture::Software(port.installation(&bound.stable).await?.software))
        }
    }
}

/// Makes one change. The target is read first, because AWS has no compare-and-set here: what is neither the picture
/// from before nor the one wanted belongs to somebody else, and the call is not made.
pub async fn call(
    plan: &Plan,
    cloud: &Cloud,
    bindings: &Bindings,
    call: &Call,
) -> Result<(), Error> {
    match (&call.target, &call.before, &call.after) {
        (Target::Route(name), before, Picture::Split(after)) => {
            let bound = bindings.routes.get(name).ok_or_else(|| unbound(&call.target))?;
            set_weights(cloud, bound, before, after).await
        }
        (Target::Fleet { .. }, before, Picture::Capacity(after)) => {
            let group = group_of(bindings, &call.target)?;
            let live = Picture::Capacity(cloud.reads.groups.group(group).await?.capacity);
            if !before.stands_in(&live) && !call.after.stands_in(&live) {
                return Err(Error::Conflict {
                    operation: Operation::UpdateAutoScalingGroup,
                    message: format!("{group} is at {live}, not at {before}"),
                });
            }
            cloud.sizes.resize(group, *after).await
        }
        (Target::Software(fleet), Picture::Software(before), Picture::Software(after)) => {
            let bound = fleet_of(bindings, &call.target)?;
            let pace = replacement::pace(plan, fleet).ok_or_else(|| unbound(&call.target))?;
            let port = replacement::writes(cloud, bound);
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
                    cloud.test_routes.remove(&bound.resource, header, &bound.candidate).await
                }
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

async fn route(reads: &Reads, bound: &Bound) -> Result<Picture, Error> {
    let mut parts = BTreeMap::new();
    for place in bound.places() {
        parts.insert(place.clone(), reads.weights.of(bound.medium).split(place).await?);
    }
    Ok(Picture::of_rules(parts))
}

/// Sets the weights at every place of a route. None is touched while one of them belongs to somebody else; each is
/// looked at once more when its turn comes.
async fn set_weights(
    cloud: &Cloud,
    bound: &Bound,
    before: &Picture,
    after: &Split,
) -> Result<(), Error> {
    let conflict = |place: &str, live: &dyn Display| Error::Conflict {
        operation: setting(bound.medium),
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
        cloud.weights.of(bound.medium).set_weights(place, expected, after).await?;
    }
    Ok(())
}

fn group_of<'a>(bindings: &'a Bindings, target: &Target) -> Result<&'a Member, Error> {
    match target {
        Target::Fleet { side, .. } => fleet_of(bindings, target).map(|bound| bound.member(*side)),
        Target::Route(_) | Target::Software(_) | Target::TestRoute(_) => Err(unbound(target)),
    }
}

fn fleet_of<'a>(bindings: &'a Bindings, target: &Target) -> Result<&'a Bound, Error> {
    match target {
        Target::Fleet { fleet, .. } | Target::Software(fleet) => bindings.fleets.get(fleet),
        Target::Route(_) | Target::TestRoute(_) => None,
    }
    .ok_or_else(|| unbound(target))
}

/// The route that is tested, and the header of its tests.
fn tested<'a>(bindings: &'a Bindings, route: &RouteName) -> Option<(&'a Bound, &'a Header)> {
    Some((bindings.routes.get(route)?, bindings.tests.get(route)?))
}

fn unbound(target: &Target) -> Error {
    Error::Absent { what: format!("{target} in this run's journal") }
}

/// What the core needs to know of a failed call.
pub fn problem(error: &Error) -> CallProblem {
    let kind = if error.is_passing() { ProblemKind::Passing } else { ProblemKind::Final };
    CallProblem { kind, message: error.to_string() }
}
