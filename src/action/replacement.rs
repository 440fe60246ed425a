//! Replacing software where it stands: which service a fleet belongs to, and what a plan says about the pace.

use crate::{
    cloud::{Cloud, Error, Installations, Operation, Pace, Reads, Replacer, Replacing},
    plan::{Extent, FleetKind, FleetName, Plan, Replace},
    rollout::FleetBound,
};

pub(super) fn reads<'a>(
    reads: &'a Reads,
    bound: &FleetBound,
) -> Result<&'a dyn Installations, Error> {
    Ok(match replacer(bound)? {
        Replacer::Refreshes => reads.refreshes.as_ref(),
        Replacer::Deployments => reads.deployments.as_ref(),
    })
}

pub(super) fn writes<'a>(cloud: &'a Cloud, bound: &FleetBound) -> Result<&'a dyn Replacing, Error> {
    Ok(match replacer(bound)? {
        Replacer::Refreshes => cloud.refreshing.as_ref(),
        Replacer::Deployments => cloud.deploying.as_ref(),
    })
}

fn replacer(bound: &FleetBound) -> Result<Replacer, Error> {
    match bound.service {
        FleetKind::AutoScaling => Ok(Replacer::Refreshes),
        FleetKind::CodeDeploy => Ok(Replacer::Deployments),
        FleetKind::Lambda => Err(Error::Rejected {
            operation: Operation::Call,
            message: format!("version {} has no software that could be replaced", bound.stable),
        }),
    }
}

/// The pace the plan sets for a fleet; when it goes back, the one it went forward with.
pub(super) fn pace(plan: &Plan, fleet: &FleetName) -> Option<Pace> {
    let replacements =
        || plan.steps().filter_map(|(_, step)| step.replaces()).filter(|step| step.fleet == *fleet);
    let stop = |replace: &Replace| match replace.extent {
        Extent::UpTo(share) => Some(share),
        Extent::Ready | Extent::Whole => None,
    };
    let how = replacements().next()?.how.clone();
    Some(Pace { how, stops: replacements().filter_map(stop).collect() })
}
