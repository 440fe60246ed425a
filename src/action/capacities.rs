//! The size of one side of a fleet, whoever has it: the bounds of an Auto Scaling group, or how many executions of a version
//! are kept ready. Which service that is was settled when the run began.

use crate::{
    cloud::{Cloud, Error, Operation, Reads},
    plan::{FleetKind, Member, Side},
    rollout::{Capacity, FleetBound, Picture},
};

/// How large a side is.
pub(super) async fn capacity(
    reads: &Reads,
    bound: &FleetBound,
    side: Side,
) -> Result<Capacity, Error> {
    match bound.service {
        FleetKind::AutoScaling => Ok(reads.groups.group(member(bound, side)?).await?.capacity),
        FleetKind::Lambda => {
            let (alias, version) = version(bound, side)?;
            let provisioned = reads.provisioned.provisioned(alias, version).await?;
            Ok(Capacity::unbounded(provisioned.requested))
        }
        FleetKind::CodeDeploy => Err(sizeless(bound)),
    }
}

/// Makes a side so large. It is read first, because neither service has a compare-and-set: what is neither as before nor
/// as wanted belongs to somebody else, and the call is not made.
pub(super) async fn resize(
    cloud: &Cloud,
    (bound, side): (&FleetBound, Side),
    before: &Picture,
    after: Capacity,
) -> Result<(), Error> {
    let live = Picture::Capacity(capacity(&cloud.reads, bound, side).await?);
    let member = member(bound, side)?;
    let operation = match bound.service {
        FleetKind::AutoScaling => Operation::UpdateAutoScalingGroup,
        FleetKind::Lambda => Operation::PutProvisionedConcurrencyConfig,
        FleetKind::CodeDeploy => return Err(sizeless(bound)),
    };
    if !before.stands_in(&live) && !Picture::Capacity(after).stands_in(&live) {
        let message = format!("{member} is at {live}, not at {before}");
        return Err(Error::Conflict { operation, message });
    }
    match bound.service {
        FleetKind::AutoScaling => cloud.sizes.resize(member, after).await,
        FleetKind::Lambda => {
            let (alias, version) = version(bound, side)?;
            cloud.provisioning.provision(alias, version, after.desired).await
        }
        FleetKind::CodeDeploy => Err(sizeless(bound)),
    }
}

fn member(bound: &FleetBound, side: Side) -> Result<&Member, Error> {
    let what = || format!("a {side} that is made already, of the fleet of {}", bound.stable);
    bound.member(side).ok_or_else(|| Error::Absent { what: what() })
}

/// A side that is a version, and the alias whose function's version it is.
fn version(bound: &FleetBound, side: Side) -> Result<(&str, &Member), Error> {
    let what = || format!("the function of version {} in this run's journal", bound.stable);
    let alias = bound.alias.as_deref().ok_or_else(|| Error::Absent { what: what() })?;
    Ok((alias, member(bound, side)?))
}

fn sizeless(bound: &FleetBound) -> Error {
    Error::Rejected {
        operation: Operation::Call,
        message: format!("{} {} has no size", bound.service.thing(), bound.stable),
    }
}
