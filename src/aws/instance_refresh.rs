//! Instance refresh: one group's instances are replaced by those of another launch template version. The group's own
//! template stays as it is until a refresh has succeeded, which is what makes going back possible; so nothing here ever
//! updates the group.
//! <https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-overview.html>

use async_trait::async_trait;
use aws_sdk_autoscaling::types::{
    AutoScalingGroup, DesiredConfiguration, InstanceRefresh, InstanceRefreshStatus as Status,
    LaunchTemplateSpecification, RefreshPreferences, ScaleInProtectedInstances, StandbyInstances,
};

use super::{auto_scaling::AutoScaling, error::classed, version::named};
use crate::{
    cloud::{Error, Installation, Installations, Obstacle, Operation, Pace, Replacing, suspended},
    plan::{How, Matching, Member, Protected, Refresh, Standby, units::Percent},
    rollout::{Flow, Move, Operation as Undertaken, Phase, Software, Version},
};

const PROCESS: &str = "InstanceRefresh";
/// How long AWS itself waits at a checkpoint: time enough to see it there and to suspend it.
const CHECKPOINT_DELAY: i32 = 60;

#[async_trait]
impl Installations for AutoScaling {
    /// A refresh names its version alone, which is asked for like any other.
    async fn check_way(&self, _how: &How) -> Result<(), Error> {
        Ok(())
    }

    async fn installation(&self, of: &Member) -> Result<Installation, Error> {
        let group = self.describe(of).await?;
        let what = format!("Auto Scaling group {of}");
        self.pace.turn().await;
        let asked = self
            .client
            .describe_instance_refreshes()
            .auto_scaling_group_name(of.as_str())
            .max_records(1)
            .send()
            .await;
        let answer = asked.map_err(classed(Operation::DescribeInstanceRefreshes, &what))?;
        // The newest comes first.
        let last = answer.instance_refreshes().first();
        // It may have succeeded between the two questions. A version from before and nothing under way would be a picture
        // that never was, so the group is asked again.
        let group = if last.is_some_and(|last| has_left_behind(last, &group)) {
            self.describe(of).await?
        } else {
            group
        };
        Ok(read(of, &group, last))
    }
}

fn read(of: &Member, group: &AutoScalingGroup, last: Option<&InstanceRefresh>) -> Installation {
    let template = group.launch_template();
    let version = template.map_or_else(|| Version::new("no launch template"), named);
    let processes: Vec<String> = group
        .suspended_processes()
        .iter()
        .filter_map(|process| process.process_name().map(str::to_owned))
        .collect();
    let flow =
        if processes.iter().any(|process| process == PROCESS) { Flow::Held } else { Flow::Open };
    let mut obstacles = suspended(of, &processes);
    obstacles.extend(template_obstacle(of, template));
    let operation = last.and_then(|last| operation(last, &version));
    let notes = match &operation {
        Some(Undertaken { id, phase: Phase::Failed { reason }, .. }) => {
            vec![format!(
                "the last instance refresh of {of} ({id}) failed: {reason}; its instances may be a mixture"
            )]
        }
        Some(_) | None => Vec::new(),
    };
    Installation { software: Software { version, operation, flow }, obstacles, notes }
}

/// Whether a refresh has succeeded without the group having its version.
fn has_left_behind(last: &InstanceRefresh, group: &AutoScalingGroup) -> bool {
    last.status() == Some(&Status::Successful)
        && desired(last).is_some_and(|to| group.launch_template().map(named) != Some(to))
}

/// The version a refresh was asked for.
fn desired(refresh: &InstanceRefresh) -> Option<Version> {
    let desired = refresh.desired_configuration()?;
    desired.launch_template().map(named)
}

fn template_obstacle(
    of: &Member,
    template: Option<&LaunchTemplateSpecification>,
) -> Option<Obstacle> {
    let Some(template) = template else {
        return Some(Obstacle {
            problem: format!("group {of} has no launch template of its own"),
            hint: "a launch configuration or a mixed instances policy cannot be refreshed by \
                   tidegate yet; give the group a launch template"
                .to_owned(),
        });
    };
    let version = template.version().unwrap_or("$Default");
    version.starts_with('$').then(|| Obstacle::unnamed_version(of, version))
}

/// The last refresh, unless it succeeded: then there is only its version.
fn operation(last: &InstanceRefresh, group: &Version) -> Option<Undertaken> {
    let to = desired(last).unwrap_or_else(|| group.clone());
    let done = last.percentage_complete().and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
    let done = Percent::from_basis_points(done.saturating_mul(100)).unwrap_or(Percent::HUNDRED);
    let reason = || last.status_reason().unwrap_or("AWS gives no reason").to_owned();
    let (to, phase) = match last.status() {
        Some(Status::Successful) => return None,
        Some(Status::RollbackInProgress) => (group.clone(), Phase::Moving { done }),
        Some(Status::RollbackSuccessful) => (to, Phase::TakenBack { reason: reason() }),
        Some(Status::Failed | Status::RollbackFailed) => (to, Phase::Failed { reason: reason() }),
        Some(Status::Cancelled) => {
            (to, Phase::Failed { reason: format!("cancelled: {}", reason()) })
        }
        // What is not known yet, or not told, is under way until it says otherwise.
        Some(_) | None => (to, Phase::Moving { done }),
    };
    let id = last.instance_refresh_id().unwrap_or("refresh").to_owned();
    let detail = match &phase {
        Phase::Moving { .. } | Phase::Ready => last.status_reason().map(str::to_owned),
        Phase::Failed { .. } | Phase::TakenBack { .. } => None,
    };
    Some(Undertaken { id, to, phase, detail })
}

#[async_trait]
impl Replacing for AutoScaling {
    async fn make(&self, of: &Member, what: &Move, pace: &Pace) -> Result<(), Error> {
        let object = format!("Auto Scaling group {of}");
        self.pace.turn().await;
        match what {
            Move::Start(to) => self.start_refresh(of, &object, to, pace).await,
            Move::Hold => {
                let call = self.client.suspend_processes().auto_scaling_group_name(of.as_str());
                let sent = call.scaling_processes(PROCESS).send().await;
                sent.map(|_| ()).map_err(classed(Operation::SuspendProcesses, &object))
            }
            Move::GoOn | Move::Release => {
                let call = self.client.resume_processes().auto_scaling_group_name(of.as_str());
                let sent = call.scaling_processes(PROCESS).send().await;
                sent.map(|_| ()).map_err(classed(Operation::ResumeProcesses, &object))
            }
            Move::Follow => Ok(()),
            Move::TakeBack => {
                let call =
                    self.client.rollback_instance_refresh().auto_scaling_group_name(of.as_str());
                let sent = call.send().await;
                sent.map(|_| ()).map_err(classed(Operation::RollbackInstanceRefresh, &object))
            }
        }
    }
}

impl AutoScaling {
    async fn start_refresh(
        &self,
        of: &Member,
        object: &str,
        to: &Version,
        pace: &Pace,
    ) -> Result<(), Error> {
        let rejected = |message: String| Error::Rejected {
            operation: Operation::StartInstanceRefresh,
            message,
        };
        let How::Refresh(refresh) = &pace.how else {
            return Err(rejected(format!("{of} is not refreshed by this plan")));
        };
        let (id, version) = to
            .as_str()
            .rsplit_once(':')
            .ok_or_else(|| rejected(format!("`{to}` is not a launch template version")))?;
        let template =
            LaunchTemplateSpecification::builder().launch_template_id(id).version(version).build();
        let sent = self
            .client
            .start_instance_refresh()
            .auto_scaling_group_name(of.as_str())
            .desired_configuration(
                DesiredConfiguration::builder().launch_template(template).build(),
            )
            .preferences(preferences(refresh, version, &pace.stops))
            .send()
            .await;
        sent.map(|_| ()).map_err(classed(Operation::StartInstanceRefresh, object))
    }
}

/// Forward it stops where the plan says, and goes back by itself should AWS find it failed. Back to an earlier version
/// it does neither.
fn preferences(refresh: &Refresh, version: &str, stops: &[Percent]) -> RefreshPreferences {
    let whole = |share: Percent| i32::from(share.basis_points() / 100);
    let forward = version == refresh.version.to_string();
    let seconds =
        |duration: std::time::Duration| i32::try_from(duration.as_secs()).unwrap_or(i32::MAX);
    let mut preferences = RefreshPreferences::builder()
        .min_healthy_percentage(whole(refresh.min_healthy))
        .max_healthy_percentage(100 + whole(refresh.surge))
        .set_instance_warmup(refresh.warm_up.map(seconds))
        .skip_matching(refresh.matching == Matching::Skip || !forward)
        .auto_rollback(forward)
        .standby_instances(match refresh.standby {
            Standby::Wait => StandbyInstances::Wait,
            Standby::Ignore => StandbyInstances::Ignore,
            Standby::Terminate => StandbyInstances::Terminate,
        })
        .scale_in_protected_instances(match refresh.scale_in_protected {
            Protected::Wait => ScaleInProtectedInstances::Wait,
            Protected::Ignore => ScaleInProtectedInstances::Ignore,
            Protected::Refresh => ScaleInProtectedInstances::Refresh,
        });
    if forward && !stops.is_empty() {
        let shares = stops.iter().map(|stop| whole(*stop)).chain([100]).collect();
        preferences =
            preferences.set_checkpoint_percentages(Some(shares)).checkpoint_delay(CHECKPOINT_DELAY);
    }
    preferences.build()
}
