//! Replays of what an archive of EventBridge has kept. A replay's name is taken once and for all, so a call that is made
//! twice starts one replay.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_StartReplay.html>

use async_trait::async_trait;
use aws_sdk_eventbridge::{
    operation::{cancel_replay::CancelReplayError, start_replay::StartReplayError},
    primitives::DateTime,
    types::{ReplayDestination, ReplayState},
};

use super::{
    buses::{EventBridge, is_enabled},
    error::classed,
};
use crate::{
    cloud::{ArchiveStanding, Error, Operation, Replaying, Replays},
    rollout::{Replay, ReplayBound, Timestamp},
};

#[async_trait]
impl Replays for EventBridge {
    async fn find(&self, archive: &str, bus: &str, rule: &str) -> Result<ArchiveStanding, Error> {
        self.pace.turn().await;
        let what = format!("archive {archive}");
        let call = self.client.describe_archive().archive_name(archive).send();
        let kept = call.await.map_err(classed(Operation::DescribeArchive, &what))?;
        let unnamed = |of: &str| Error::Absent { what: format!("the ARN of {of}") };
        let told = |arn: Option<String>, of: &str| {
            arn.filter(|arn| !arn.is_empty()).ok_or_else(|| unnamed(of))
        };
        let described = self.rule(bus, rule).await?;
        let targets = self.targets(bus, rule).await?;
        Ok(ArchiveStanding {
            bound: ReplayBound {
                archive: told(kept.archive_arn, &what)?,
                bus: told(kept.event_source_arn, &format!("the bus of {what}"))?,
                rule: told(described.arn.clone(), &format!("rule {bus}/{rule}"))?,
            },
            is_enabled: is_enabled(&described),
            pattern: described.event_pattern.filter(|pattern| !pattern.is_empty()),
            targets: targets.into_iter().map(|target| target.arn).collect(),
        })
    }

    async fn replay(&self, name: &str) -> Result<Replay, Error> {
        self.pace.turn().await;
        let answer = self.client.describe_replay().replay_name(name).send().await;
        let what = format!("replay {name}");
        let answer = match answer.map_err(classed(Operation::DescribeReplay, &what)) {
            Ok(answer) => answer,
            Err(Error::Absent { .. }) => return Ok(Replay::Absent),
            Err(error) => return Err(error),
        };
        Ok(match answer.state {
            Some(ReplayState::Completed) => Replay::Completed,
            Some(ReplayState::Cancelled) => Replay::Cancelled,
            Some(ReplayState::Failed) => {
                let reason = answer.state_reason.filter(|reason| !reason.is_empty());
                Replay::Failed {
                    reason: reason.unwrap_or_else(|| "AWS gives no reason".to_owned()),
                }
            }
            // A state that is not known, or not told, is at least none in which it is over.
            Some(state) => Replay::UnderWay { state: state.as_str().to_owned() },
            None => Replay::UnderWay { state: "no state".to_owned() },
        })
    }
}

#[async_trait]
impl Replaying for EventBridge {
    async fn start(
        &self,
        name: &str,
        bound: &ReplayBound,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<(), Error> {
        let what = format!("replay {name}");
        let invalid = |error: aws_sdk_eventbridge::error::BuildError| Error::Rejected {
            operation: Operation::StartReplay,
            message: error.to_string(),
        };
        let destination = ReplayDestination::builder().arn(&bound.bus).filter_arns(&bound.rule);
        let moment = |at: Timestamp| DateTime::from_millis(at.as_millis());
        self.pace.turn().await;
        let call = self.client.start_replay().replay_name(name).event_source_arn(&bound.archive);
        let call = call.event_start_time(moment(from)).event_end_time(moment(to));
        let call = call.destination(destination.build().map_err(invalid)?);
        let sent = call.send().await;
        sent.map(|_| ()).or_else(|error| match error.as_service_error() {
            Some(StartReplayError::ResourceAlreadyExistsException(_)) => Ok(()),
            _ => Err(classed(Operation::StartReplay, &what)(error)),
        })
    }

    async fn cancel(&self, name: &str) -> Result<(), Error> {
        self.pace.turn().await;
        let sent = self.client.cancel_replay().replay_name(name).send().await;
        let what = format!("replay {name}");
        sent.map(|_| ()).or_else(|error| match error.as_service_error() {
            Some(
                CancelReplayError::IllegalStatusException(_)
                | CancelReplayError::ResourceNotFoundException(_),
            ) => Ok(()),
            _ => Err(classed(Operation::CancelReplay, &what)(error)),
        })
    }
}
