//! Replacing software where it stands: which service a fleet belongs to, and what a plan says about the pace.

use crate::{
    cloud::{Cloud, Installations, Pace, Reads, Replacing},
    plan::{Extent, FleetKind, FleetName, Plan, Replace},
    rollout::Bound,
};

/// How a fleet's kind is written in a journal.
pub(super) const fn kind_name(kind: FleetKind) -> &'static str {
    match kind {
        FleetKind::AutoScaling => "autoscaling group",
        FleetKind::CodeDeploy => "codedeploy group",
    }
}

fn is_deployed(bound: &Bound) -> bool {
    bound.resource == kind_name(FleetKind::CodeDeploy)
}

pub(super) fn reads<'a>(reads: &'a Reads, bound: &Bound) -> &'a dyn Installations {
    if is_deployed(bound) { reads.deployments.as_ref() } else { reads.refreshes.as_ref() }
}

pub(super) fn writes<'a>(cloud: &'a Cloud, bound: &Bound) -> &'a dyn Replacing {
    if is_deployed(bound) { cloud.deploying.as_ref() } else { cloud.refreshing.as_ref() }
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
