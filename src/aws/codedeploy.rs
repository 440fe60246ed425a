//! Deployments with `CodeDeploy`. A deployment group has the revision it deployed last with success, and perhaps another
//! deployment since. Going back is a deployment too, with an id of its own: it is found as the group's last one.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/deployments-rollback-and-redeploy.html>

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_codedeploy::{
    Client,
    types::{
        AppSpecContent, BundleType, DeploymentCreator, DeploymentGroupInfo, DeploymentInfo,
        DeploymentReadyAction, DeploymentStatus as Status, DeploymentTarget, DeploymentWaitType,
        GitHubLocation, LifecycleEventStatus, RevisionLocation, RevisionLocationType, S3Location,
    },
};

use super::{error::classed, pace::Pace as Rate};
use crate::{
    cloud::{Error, Installation, Installations, Obstacle, Operation, Pace, Replacing},
    plan::{Bundle, Deploy, How, Member, Revision, units::Percent},
    rollout::{Flow, Move, Operation as Undertaken, Phase, Software, Version},
};

/// How often, and how many times, the roll-back of a stopped deployment is looked for.
const ROLLBACK_EVERY: Duration = Duration::from_secs(2);
const ROLLBACK_LOOKS: u32 = 15;

/// Ids that one `BatchGetDeploymentTargets` takes.
const TARGETS_A_CALL: usize = 25;
/// Targets that are named one by one.
const TOLD: usize = 3;

/// A target's lifecycle event that failed, or is at work.
struct Event {
    target: String,
    name: String,
    status: LifecycleEventStatus,
}

fn event(target: &DeploymentTarget) -> Option<Event> {
    let (id, events) = if let Some(target) = target.instance_target() {
        (target.target_id(), target.lifecycle_events())
    } else if let Some(target) = target.ecs_target() {
        (target.target_id(), target.lifecycle_events())
    } else {
        let target = target.lambda_target()?;
        (target.target_id(), target.lifecycle_events())
    };
    let of = |status: LifecycleEventStatus| {
        events.iter().find(move |event| event.status() == Some(&status))
    };
    let event =
        of(LifecycleEventStatus::Failed).or_else(|| of(LifecycleEventStatus::InProgress))?;
    // An instance is named by its ARN: `…:instance/app/i-0abc`.
    let target = id?.rsplit('/').next()?.to_owned();
    let name = event.lifecycle_event_name()?.to_owned();
    Some(Event { target, name, status: event.status()?.clone() })
}

/// AWS `CodeDeploy`.
#[derive(Debug)]
pub(super) struct CodeDeploy {
    pub(super) client: Client,
    pub(super) rate: Rate,
}

/// `application/group`, taken apart.
fn parts(of: &Member) -> (&str, &str) {
    of.as_str().split_once('/').unwrap_or((of.as_str(), ""))
}

impl CodeDeploy {
    pub(super) fn new(client: Client) -> Self {
        // CodeDeploy publishes no rate.
        Self { client, rate: Rate::code_deploy() }
    }

    async fn group(&self, of: &Member) -> Result<DeploymentGroupInfo, Error> {
        let (application, group) = parts(of);
        let what = format!("deployment group {of}");
        self.rate.turn().await;
        let call = self.client.get_deployment_group().application_name(application);
        let sent = call.deployment_group_name(group).send().await;
        let answer = sent.map_err(classed(Operation::GetDeploymentGroup, &what))?;
        answer.deployment_group_info.ok_or(Error::Absent { what })
    }

    async fn deployment(&self, id: &str) -> Result<DeploymentInfo, Error> {
        let what = format!("deployment {id}");
        self.rate.turn().await;
        let sent = self.client.get_deployment().deployment_id(id).send().await;
        let answer = sent.map_err(classed(Operation::GetDeployment, &what))?;
        answer.deployment_info.ok_or(Error::Absent { what })
    }

    /// A deployment with what its targets are at; one that goes back also tells why.
    async fn operation(&self, deployment: &DeploymentInfo) -> Result<Undertaken, Error> {
        let triggered =
            deployment.rollback_info().and_then(|info| info.rollback_triggering_deployment_id());
        let detail = match (triggered, deployment.deployment_id()) {
            (Some(failed), _) => {
                let failed = self.deployment(failed).await?;
                let id = failed.deployment_id().unwrap_or_default();
                let events = self.lifecycle(id).await?;
                let events = events.map(|events| format!(", {events}")).unwrap_or_default();
                Some(format!("{id} ended, {}{events}", reason(&failed)))
            }
            (None, Some(id)) => self.lifecycle(id).await?,
            (None, None) => None,
        };
        Ok(operation(deployment, detail))
    }

    /// Where the targets of a deployment are in their lifecycle: those that failed, else those at work. Of a large fleet
    /// the first page is enough to tell.
    async fn lifecycle(&self, id: &str) -> Result<Option<String>, Error> {
        let what = format!("deployment {id}");
        self.rate.turn().await;
        let listed = self.client.list_deployment_targets().deployment_id(id).send().await;
        let listed = listed.map_err(classed(Operation::ListDeploymentTargets, &what))?;
        let targets: Vec<String> =
            listed.target_ids.unwrap_or_default().into_iter().take(TARGETS_A_CALL).collect();
        if targets.is_empty() {
            return Ok(None);
        }
        self.rate.turn().await;
        let call = self.client.batch_get_deployment_targets().deployment_id(id);
        let sent = call.set_target_ids(Some(targets)).send().await;
        let answer = sent.map_err(classed(Operation::BatchGetDeploymentTargets, &what))?;
        let events: Vec<Event> = answer.deployment_targets().iter().filter_map(event).collect();
        let failed = || events.iter().filter(|event| event.status == LifecycleEventStatus::Failed);
        let at_work =
            || events.iter().filter(|event| event.status == LifecycleEventStatus::InProgress);
        let told: Vec<String> = match failed().next() {
            Some(_) => failed().map(|e| format!("{} failed on {}", e.name, e.target)).collect(),
            None => at_work().map(|e| format!("{} at {}", e.target, e.name)).collect(),
        };
        let more = told.len().saturating_sub(TOLD);
        let named = told.into_iter().take(TOLD).collect::<Vec<_>>().join(", ");
        Ok(match (named.is_empty(), more) {
            (true, _) => None,
            (false, 0) => Some(named),
            (false, more) => Some(format!("{named} and {more} more")),
        })
    }

    /// The deployment a group is at or had last.
    async fn last(&self, of: &Member) -> Result<String, Error> {
        let group = self.group(of).await?;
        let last = group.last_attempted_deployment().and_then(|last| last.deployment_id());
        last.map(str::to_owned)
            .ok_or_else(|| Error::Absent { what: format!("a deployment in group {of}") })
    }
}

#[async_trait]
impl Installations for CodeDeploy {
    async fn check_way(&self, how: &How) -> Result<(), Error> {
        let How::Deploy(Deploy { config: Some(config), .. }) = how else { return Ok(()) };
        self.rate.turn().await;
        let asked = self.client.get_deployment_config().deployment_config_name(config).send().await;
        let what = format!("deployment configuration {config}");
        asked.map(|_| ()).map_err(classed(Operation::GetDeploymentConfig, &what))
    }

    async fn installation(&self, of: &Member) -> Result<Installation, Error> {
        let group = self.group(of).await?;
        let id = |of: Option<&aws_sdk_codedeploy::types::LastDeploymentInfo>| {
            of.and_then(|last| last.deployment_id()).map(str::to_owned)
        };
        let succeeded = id(group.last_successful_deployment());
        let attempted = id(group.last_attempted_deployment());
        let stands = match &succeeded {
            Some(id) => Some(self.deployment(id).await?),
            None => None,
        };
        let since = match &attempted {
            Some(id) if attempted != succeeded => Some(self.deployment(id).await?),
            Some(_) | None => None,
        };
        let version = stands.as_ref().and_then(DeploymentInfo::revision).map_or_else(
            || Version::new("nothing deployed yet"),
            |revision| Version::new(named(revision)),
        );
        let operation = match (&since, &stands) {
            (Some(since), _) => Some(self.operation(since).await?),
            (None, Some(stands)) => taken_back(stands, &version),
            (None, None) => None,
        };
        let software = Software { version, operation, flow: Flow::Open };
        Ok(Installation {
            software,
            obstacles: obstacles(of, stands.as_ref()),
            notes: notes(&group),
        })
    }
}

/// Why a deployment failed, in AWS's words.
fn reason(deployment: &DeploymentInfo) -> String {
    let error = deployment.error_information();
    let message = error.and_then(|error| error.message()).unwrap_or("AWS gives no reason");
    match error.and_then(|error| error.code()) {
        Some(code) => format!("{}: {message}", code.as_str()),
        None => message.to_owned(),
    }
}

/// A group that stands where a roll-back took it.
fn taken_back(stands: &DeploymentInfo, version: &Version) -> Option<Undertaken> {
    let rolled_back = stands.creator() == Some(&DeploymentCreator::CodeDeployRollback);
    rolled_back.then(|| {
        let message = stands.rollback_info().and_then(|info| info.rollback_message());
        Undertaken {
            id: stands.deployment_id().unwrap_or_default().to_owned(),
            to: version.clone(),
            phase: Phase::TakenBack {
                reason: message.unwrap_or("CodeDeploy rolled back").to_owned(),
            },
            detail: None,
        }
    })
}

fn operation(deployment: &DeploymentInfo, detail: Option<String>) -> Undertaken {
    let reason = || reason(deployment);
    let phase = match deployment.status() {
        Some(Status::Ready) => Phase::Ready,
        Some(Status::Failed) => Phase::Failed { reason: reason() },
        Some(Status::Stopped) => Phase::Failed { reason: format!("stopped: {}", reason()) },
        // Created, queued, in progress, baking, and whatever comes to be.
        _ => Phase::Moving { done: done(deployment) },
    };
    Undertaken {
        id: deployment.deployment_id().unwrap_or_default().to_owned(),
        to: Version::new(deployment.revision().map(named).unwrap_or_default()),
        phase,
        detail,
    }
}

/// The share of its targets that are done.
fn done(deployment: &DeploymentInfo) -> Percent {
    let Some(overview) = deployment.deployment_overview() else { return Percent::ZERO };
    let done = overview.succeeded() + overview.skipped();
    let all =
        done + overview.pending() + overview.in_progress() + overview.failed() + overview.ready();
    let points = (done * 10_000).checked_div(all).unwrap_or(0);
    u16::try_from(points).ok().and_then(Percent::from_basis_points).unwrap_or(Percent::ZERO)
}

fn obstacles(of: &Member, stands: Option<&DeploymentInfo>) -> Vec<Obstacle> {
    match stands.map(|stands| stands.revision().map(named)) {
        Some(Some(name)) if Revision::parse(&name).is_some() => Vec::new(),
        Some(_) => vec![Obstacle {
            problem: format!("what {of} runs is a kind of revision that cannot be deployed again"),
            hint: "deploy it once from S3, GitHub or as an AppSpec".to_owned(),
        }],
        None => vec![Obstacle::never_deployed(of)],
    }
}

fn notes(group: &DeploymentGroupInfo) -> Vec<String> {
    let ready = group
        .blue_green_deployment_configuration()
        .and_then(|blue_green| blue_green.deployment_ready_option());
    let by_itself = ready.filter(|ready| {
        ready.action_on_timeout() == Some(&DeploymentReadyAction::ContinueDeployment)
    });
    by_itself
        .map(|ready| {
            format!(
                "CodeDeploy moves traffic by itself after {} min; set `actionOnTimeout: STOP_DEPLOYMENT` \
                 for a plan with `up-to: ready`",
                ready.wait_time_in_minutes()
            )
        })
        .into_iter()
        .collect()
}

/// The revision's name, as a plan's would be written; what no plan can name is told as it is.
fn named(revision: &RevisionLocation) -> String {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let known = match revision.revision_type() {
        Some(RevisionLocationType::S3) => revision.s3_location().map(|place| Revision::S3 {
            bucket: text(place.bucket()),
            key: text(place.key()),
            version: place.version().map(str::to_owned),
            bundle: place
                .bundle_type()
                .and_then(|bundle| Bundle::parse(bundle.as_str()))
                .unwrap_or(Bundle::Zip),
        }),
        Some(RevisionLocationType::GitHub) => {
            revision.git_hub_location().map(|place| Revision::GitHub {
                repository: text(place.repository()),
                commit: text(place.commit_id()),
            })
        }
        Some(RevisionLocationType::AppSpecContent) => {
            revision.app_spec_content().map(|spec| Revision::AppSpec(text(spec.content())))
        }
        _ => None,
    };
    known.map_or_else(|| "a revision of another kind".to_owned(), |known| known.to_string())
}

fn location(revision: &Revision) -> RevisionLocation {
    let builder = RevisionLocation::builder();
    match revision {
        Revision::S3 { bucket, key, version, bundle } => {
            let place = S3Location::builder()
                .bucket(bucket)
                .key(key)
                .set_version(version.clone())
                .bundle_type(BundleType::from(bundle.name()))
                .build();
            builder.revision_type(RevisionLocationType::S3).s3_location(place)
        }
        Revision::GitHub { repository, commit } => {
            let place = GitHubLocation::builder().repository(repository).commit_id(commit).build();
            builder.revision_type(RevisionLocationType::GitHub).git_hub_location(place)
        }
        Revision::AppSpec(spec) => builder
            .revision_type(RevisionLocationType::AppSpecContent)
            .app_spec_content(AppSpecContent::builder().content(spec).build()),
    }
    .build()
}

#[async_trait]
impl Replacing for CodeDeploy {
    async fn make(&self, of: &Member, what: &Move, pace: &Pace) -> Result<(), Error> {
        match what {
            Move::Start(to) => self.create(of, to, pace).await,
            Move::GoOn => {
                let id = self.last(of).await?;
                let call = self.client.continue_deployment().deployment_id(&id);
                let sent = call.deployment_wait_type(DeploymentWaitType::ReadyWait).send().await;
                let what = format!("deployment {id}");
                sent.map(|_| ()).map_err(classed(Operation::ContinueDeployment, &what))
            }
            Move::TakeBack => self.take_back(of).await,
            Move::Follow => Ok(()),
            Move::Hold | Move::Release => Err(Error::Rejected {
                operation: Operation::Hold,
                message: format!("CodeDeploy cannot hold a deployment of {of} on its way"),
            }),
        }
    }
}

impl CodeDeploy {
    async fn create(&self, of: &Member, to: &Version, pace: &Pace) -> Result<(), Error> {
        let (application, group) = parts(of);
        let rejected =
            |message: String| Error::Rejected { operation: Operation::CreateDeployment, message };
        let How::Deploy(deploy) = &pace.how else {
            return Err(rejected(format!("{of} is not deployed by this plan")));
        };
        let revision = Revision::parse(to.as_str())
            .ok_or_else(|| rejected(format!("`{to}` is not a revision that can be deployed")))?;
        self.rate.turn().await;
        let sent = self
            .client
            .create_deployment()
            .application_name(application)
            .deployment_group_name(group)
            .set_deployment_config_name(deploy.config.clone())
            .revision(location(&revision))
            .description("tidegate")
            .send()
            .await;
        let what = format!("deployment group {of}");
        sent.map(|_| ()).map_err(classed(Operation::CreateDeployment, &what))
    }

    /// Stops it with a roll-back, and waits a while for that to be there: it is another deployment, and without it the
    /// group would look as if everything had come to an end.
    async fn take_back(&self, of: &Member) -> Result<(), Error> {
        let id = self.last(of).await?;
        let what = format!("deployment {id}");
        self.rate.turn().await;
        let call = self.client.stop_deployment().deployment_id(&id).auto_rollback_enabled(true);
        call.send().await.map_err(classed(Operation::StopDeployment, &what))?;
        for _ in 0..ROLLBACK_LOOKS {
            if self.last(of).await? != id {
                break;
            }
            Rate::rest(ROLLBACK_EVERY).await;
        }
        Ok(())
    }
}
