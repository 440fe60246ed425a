//! Replacing software where it stands: which service a fleet belongs to, and what a plan says about the pace.

use crate::{
    cloud::{Cloud, Installations, Pace, Reads, Replacing},
    plan::{Extent, FleetKind, FleetName, Plan, Replace},
    rollout::FleetBound,
};

pub(super) fn reads<'a>(reads: &'a Reads, bound: &FleetBound) -> &'a dyn Installations {
    match bound.service {
        FleetKind::AutoScaling => reads.refreshes.as_ref(),
        FleetKind::CodeDeploy => reads.deployments.as_ref(),
    }
}

pub(super) fn writes<'a>(cloud: &'a Cloud, bound: &FleetBound) -> &'a dyn Replacing {
    match bound.service {
        FleetKind::AutoScaling => cloud.refreshing.as_ref(),
        FleetKind::CodeDeploy => cloud.deploying.as_ref(),
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
