//! Reading and changing one target. Both sides of the mapping from a plan's names to real resources are the bindings
//! that the run journaled at its start, never the plan file.

use crate::{
    cloud::{Cloud, Error, Reads},
    plan::Member,
    rollout::{Bindings, Call, CallProblem, Picture, ProblemKind, Target},
};

/// What the target looks like now.
pub async fn observe(
    reads: &Reads,
    bindings: &Bindings,
    target: &Target,
) -> Result<Picture, Error> {
    match target {
        Target::Route(name) => {
            let bound = bindings.routes.get(name).ok_or_else(|| unbound(target))?;
            Ok(Picture::Split(reads.load_balancers.forward(&bound.resource).await?.split))
        }
        Target::Fleet { .. } => {
            let group = group_of(bindings, target)?;
            Ok(Picture::Capacity(reads.groups.group(group).await?.capacity))
        }
    }
}

/// Makes one change. The target is read first, because AWS has no compare-and-set here: what is neither the picture
/// from before nor the one wanted belongs to somebody else, and the call is not made.
pub async fn call(cloud: &Cloud, bindings: &Bindings, call: &Call) -> Result<(), Error> {
    match (&call.target, &call.before, &call.after) {
        (Target::Route(name), Picture::Split(before), Picture::Split(after)) => {
            let bound = bindings.routes.get(name).ok_or_else(|| unbound(&call.target))?;
            cloud.weights.set_weights(&bound.resource, before, after).await
        }
        (Target::Fleet { .. }, before, Picture::Capacity(after)) => {
            let group = group_of(bindings, &call.target)?;
            let live = Picture::Capacity(cloud.reads.groups.group(group).await?.capacity);
            if !before.stands_in(&live) && !call.after.stands_in(&live) {
                return Err(Error::Conflict {
                    operation: "UpdateAutoScalingGroup",
                    message: format!("{group} is at {live}, not at {before}"),
                });
            }
            cloud.sizes.resize(group, *after).await
        }
        (target, _, after) => Err(Error::Rejected {
            operation: "call",
            message: format!("{target} cannot look like {after}"),
        }),
    }
}

fn group_of<'a>(bindings: &'a Bindings, target: &Target) -> Result<&'a Member, Error> {
    match target {
        Target::Fleet { fleet, side } => bindings.fleets.get(fleet).map(|b| b.member(*side)),
        Target::Route(_) => None,
    }
    .ok_or_else(|| unbound(target))
}

fn unbound(target: &Target) -> Error {
    Error::Absent { what: format!("{target} in this run's journal") }
}

/// What the core needs to know of a failed call.
pub fn problem(error: &Error) -> CallProblem {
    let kind = if error.is_passing() { ProblemKind::Passing } else { ProblemKind::Final };
    CallProblem { kind, message: error.to_string() }
}
