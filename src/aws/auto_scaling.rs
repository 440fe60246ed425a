//! Auto Scaling groups: what they look like, and how large they are to be.
//! <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/Welcome.html>

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_autoscaling::{
    Client,
    operation::update_auto_scaling_group::UpdateAutoScalingGroupError,
    types::{AutoScalingGroup, LifecycleState, ScheduledUpdateGroupAction},
};
use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    retries::classifiers::{ClassifyRetry, RetryAction},
};

use super::{
    arn, error::classed, heard::Fields, launch_templates::LaunchTemplates, pace::Pace, version,
};
use crate::{
    cloud::{Automation, Error, Group, Groups, Offers, Operation, ResizeGroups, Scheduled},
    plan::Member,
    rollout::{Capacity, Version},
};

/// A size that is not told is not 0: a side would look as if nobody had to be there.
const SIZES: [&str; 3] = ["MinSize", "MaxSize", "DesiredCapacity"];

/// EC2 Auto Scaling.
#[derive(Debug)]
pub(super) struct AutoScaling {
    pub(super) client: Client,
    pub(super) pace: Pace,
    templates: LaunchTemplates,
}

/// How often, and how many times, it is looked whether instances of another version have been told to go.
const LEAVING_EVERY: Duration = Duration::from_secs(2);
const LEAVING_LOOKS: u32 = 15;

impl AutoScaling {
    pub(super) fn new(client: Client, templates: LaunchTemplates) -> Self {
        Self { client, pace: Pace::auto_scaling(), templates }
    }

    pub(super) async fn describe(&self, name: &Member) -> Result<AutoScalingGroup, Error> {
        self.describe_hearing(name, Fields::new(&[])).await
    }

    async fn describe_hearing(
        &self,
        name: &Member,
        fields: Fields,
    ) -> Result<AutoScalingGroup, Error> {
        let what = format!("Auto Scaling group {name}");
        self.pace.turn().await;
        let call =
            self.client.describe_auto_scaling_groups().auto_scaling_group_names(name.as_str());
        let sent = call.customize().interceptor(fields).send().await;
        let answer = sent.map_err(classed(Operation::DescribeAutoScalingGroups, &what))?;
        // A group that does not exist is left out, and nothing else can be in the answer.
        answer
            .auto_scaling_groups
            .unwrap_or_default()
            .into_iter()
            .next()
            .ok_or(Error::Absent { what })
    }

    /// Waits a while until no instance of another version than the group launches is meant to stay. The group takes a
    /// smaller size in by and by; one that is enlarged again before that would keep them. The size is set already, so not
    /// being able to look fails nothing.
    async fn see_off(&self, name: &Member) {
        for _ in 0..LEAVING_LOOKS {
            let Ok(group) = self.describe(name).await else { return };
            let launched = version::launched(&group);
            if version::running(&group).keys().all(|version| launched.contains(version)) {
                return;
            }
            Pace::rest(LEAVING_EVERY).await;
        }
    }

    async fn policies(&self, name: &Member) -> Result<Vec<String>, Error> {
        let what = format!("the scaling policies of group {name}");
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            self.pace.turn().await;
            let call = self.client.describe_policies().auto_scaling_group_name(name.as_str());
            let page = call.set_next_token(token).send().await;
            let page = page.map_err(classed(Operation::DescribePolicies, &what))?;
            let enabled = page.scaling_policies().iter().filter(|p| p.enabled() != Some(false));
            names.extend(enabled.filter_map(|policy| policy.policy_name()).map(str::to_owned));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    async fn schedule(&self, name: &Member) -> Result<Vec<Scheduled>, Error> {
        let what = format!("the scheduled actions of group {name}");
        let (mut actions, mut token) = (Vec::new(), None);
        loop {
            self.pace.turn().await;
            let call =
                self.client.describe_scheduled_actions().auto_scaling_group_name(name.as_str());
            let page = call.set_next_token(token).send().await;
            let page = page.map_err(classed(Operation::DescribeScheduledActions, &what))?;
            actions.extend(page.scheduled_update_group_actions().iter().map(scheduled));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(actions);
            }
        }
    }
}

fn scheduled(action: &ScheduledUpdateGroupAction) -> Scheduled {
    let size = |of: Option<i32>| of.and_then(|n| u32::try_from(n).ok());
    let moment =
        || action.start_time().map_or_else(|| "at some time".to_owned(), ToString::to_string);
    let recurring = action
        .recurrence()
        .map(|cron| format!("cron {cron}, {}", action.time_zone().unwrap_or("UTC")));
    Scheduled {
        name: action.scheduled_action_name().unwrap_or_default().to_owned(),
        when: recurring.unwrap_or_else(moment),
        min: size(action.min_size()),
        max: size(action.max_size()),
        desired: size(action.desired_capacity()),
    }
}

#[async_trait]
impl Groups for AutoScaling {
    async fn group(&self, name: &Member) -> Result<Group, Error> {
        let sizes = Fields::new(&SIZES);
        let group = self.describe_hearing(name, sizes.clone()).await?;
        match sizes.lacking() {
            None => Ok(read(name, &group)),
            Some(field) => Err(Error::Transient {
                operation: Operation::DescribeAutoScalingGroups,
                message: format!("Auto Scaling group {name} came without its {field}"),
            }),
        }
    }

    async fn automation(&self, name: &Member) -> Result<Automation, Error> {
        Ok(Automation {
            policies: self.policies(name).await?,
            schedule: self.schedule(name).await?,
        })
    }

    async fn launches(&self, name: &Member) -> Result<Vec<Version>, Error> {
        let mut versions = Vec::new();
        for version in version::launched(&self.describe(name).await?) {
            let resolved = match version.as_str().rsplit_once(':') {
                Some((template, moving)) if moving.starts_with('$') => {
                    version::of(template, &self.templates.version(template, moving).await?.number)
                }
                Some(_) | None => version.clone(),
            };
            if !versions.contains(&resolved) {
                versions.push(resolved);
            }
        }
        Ok(versions)
    }

    async fn check_version(&self, version: &Version) -> Result<(), Error> {
        match version.as_str().rsplit_once(':') {
            Some((template, number)) => self.templates.version(template, number).await.map(|_| ()),
            None => Ok(()),
        }
    }

    async fn offers(&self, name: &Member, version: &Version) -> Result<Offers, Error> {
        let group = self.describe(name).await?;
        let mut types = version::overriding_types(&group);
        if types.is_empty()
            && let Some((template, number)) = version.as_str().rsplit_once(':')
        {
            types.extend(self.templates.version(template, number).await?.instance_type);
        }
        let zones: BTreeSet<String> = group.availability_zones().iter().cloned().collect();
        if types.is_empty() || zones.is_empty() {
            return Ok(Offers { zones, of: BTreeMap::new() });
        }
        let of = self.templates.offered(&types, &zones).await?;
        Ok(Offers { zones, of })
    }
}

fn read(name: &Member, group: &AutoScalingGroup) -> Group {
    // AWS calls whatever sends traffic a traffic source today, and still lists those of load balancers apart.
    let sources = group.traffic_sources().iter().filter_map(|source| source.identifier());
    let (groups, others): (Vec<&str>, Vec<&str>) =
        sources.partition(|source| source.contains(":elasticloadbalancing:"));
    let attached: BTreeSet<Member> = groups
        .into_iter()
        .chain(group.target_group_arns().iter().map(String::as_str))
        .map(arn::target_group_name)
        .collect();
    let balancers = group.load_balancer_names().iter().map(String::as_str);
    let other_sources: BTreeSet<String> =
        others.into_iter().chain(balancers).map(other_source).collect();
    let instances = group.instances().iter();
    let in_service =
        instances.filter(|i| i.lifecycle_state() == Some(&LifecycleState::InService)).count();
    let processes = group.suspended_processes().iter().filter_map(|p| p.process_name());
    Group {
        name: name.clone(),
        capacity: Capacity {
            min: count(group.min_size()),
            max: count(group.max_size()),
            desired: count(group.desired_capacity()),
        },
        in_service: u32::try_from(in_service).unwrap_or(u32::MAX),
        target_groups: attached.into_iter().collect(),
        running: version::running(group),
        suspended: processes.map(str::to_owned).collect(),
        other_sources: other_sources.into_iter().collect(),
    }
}

/// A classic load balancer is named by its name, everything else by its ARN.
fn other_source(identifier: &str) -> String {
    if identifier.starts_with("arn:") {
        format!("traffic source {identifier}")
    } else {
        format!("classic load balancer {identifier}")
    }
}

/// Whether it was told at all is seen to before.
fn count(of: Option<i32>) -> u32 {
    of.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

#[async_trait]
impl ResizeGroups for AutoScaling {
    async fn resize(&self, name: &Member, to: Capacity) -> Result<(), Error> {
        let size = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        self.pace.turn().await;
        let call = self
            .client
            .update_auto_scaling_group()
            .auto_scaling_group_name(name.as_str())
            .min_size(size(to.min))
            .max_size(size(to.max))
            .desired_capacity(size(to.desired));
        let what = format!("Auto Scaling group {name}");
        let sent = call.send().await;
        sent.map_err(classed(Operation::UpdateAutoScalingGroup, &what))?;
        if to.desired == 0 {
            self.see_off(name).await;
        }
        Ok(())
    }
}

/// `ResourceContention` means that another request for the group was being worked on: gone in a moment, yet not among
/// the errors the SDK retries. (`ScalingActivityInProgress` takes minutes and is left to the runner.)
#[derive(Debug)]
pub(super) struct RetryContention;

impl ClassifyRetry for RetryContention {
    fn name(&self) -> &'static str {
        "resource contention"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        let error = error
            .and_then(|e| e.as_operation_error())
            .and_then(|e| e.downcast_ref::<UpdateAutoScalingGroupError>());
        if error.is_some_and(UpdateAutoScalingGroupError::is_resource_contention_fault) {
            RetryAction::transient_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }
}
