//! How a version is named that an Auto Scaling group launches or an instance runs: `lt-0abc:7` of a launch template, or
//! the name of a launch configuration, which has no versions.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types::{
    AutoScalingGroup, Instance, LaunchTemplate, LaunchTemplateSpecification, LifecycleState,
};

use crate::rollout::Version;

/// What an instance is said to run whose launch configuration was deleted, or that was attached by hand.
const NOT_TOLD: &str = "not told";

pub(super) fn of(template: &str, version: &str) -> Version {
    Version::new(format!("{template}:{version}"))
}

/// `lt-0abc:7`, or with `$Latest` or `$Default` in place of the number.
pub(super) fn named(template: &LaunchTemplateSpecification) -> Version {
    let id = template.launch_template_id().or(template.launch_template_name()).unwrap_or_default();
    of(id, template.version().unwrap_or("$Default"))
}

/// What a group launches, its own template first, each once. Of a mixed instances policy that is its launch template and
/// those of its overrides.
pub(super) fn launched(group: &AutoScalingGroup) -> Vec<Version> {
    let policy = group.mixed_instances_policy().and_then(|policy| policy.launch_template());
    let mixed = policy.and_then(|policy| policy.launch_template_specification());
    let overrides = policy.map(LaunchTemplate::overrides).unwrap_or_default();
    let overriding = overrides.iter().filter_map(|other| other.launch_template_specification());
    let templates = group.launch_template().into_iter().chain(mixed).chain(overriding).map(named);
    let mut versions: Vec<Version> = Vec::new();
    for version in templates.chain(group.launch_configuration_name().map(Version::new)) {
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    versions
}

/// The instance types that a mixed instances policy names in the place of its template's.
pub(super) fn overriding_types(group: &AutoScalingGroup) -> BTreeSet<String> {
    let policy = group.mixed_instances_policy().and_then(|policy| policy.launch_template());
    let overrides = policy.map(LaunchTemplate::overrides).unwrap_or_default();
    overrides.iter().filter_map(|other| other.instance_type()).map(str::to_owned).collect()
}

/// How many instances run which version, those on their way out left out.
pub(super) fn running(group: &AutoScalingGroup) -> BTreeMap<Version, u32> {
    let mut running = BTreeMap::new();
    for instance in group.instances().iter().filter(|instance| stays(instance)) {
        let configuration = || instance.launch_configuration_name().map(Version::new);
        let version = instance.launch_template().map(named).or_else(configuration);
        *running.entry(version.unwrap_or_else(|| Version::new(NOT_TOLD))).or_insert(0) += 1;
    }
    running
}

/// What is in a warm pool serves nobody; what leaves does not for long.
fn stays(instance: &Instance) -> bool {
    matches!(
        instance.lifecycle_state(),
        Some(
            LifecycleState::Pending
                | LifecycleState::PendingWait
                | LifecycleState::PendingProceed
                | LifecycleState::InService
        )
    )
}
