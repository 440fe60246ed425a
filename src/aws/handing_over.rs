//! Handing what event source mappings read from one function to another. One mapping is disabled, left alone until the
//! batches that were under way have come to their end, and enabled for the other function in one call, so that it keeps its
//! position and no two functions ever have records of one shard. Of two mappings the candidate's is changed first, both
//! ways: more of them read before fewer do, and going back begins by stopping what may do harm.
//!
//! `UpdateEventSourceMapping` knows no compare-and-set. Each call leaves a mapping as the split from before or as that
//! wanted shows it, or disabled, from where whoever takes over goes on.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html>

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_lambda::{
    operation::update_event_source_mapping::builders::UpdateEventSourceMappingFluentBuilder as Update,
    types::ScalingConfig,
};
use tokio::time::Instant;

use super::{
    error::classed,
    mappings::{EventSources, Live, at, handed, mapping, shared},
};
use crate::{
    cloud::{Error, MappingState, Operation, Queues, SetWeights},
    plan::{Member, Queue, units::Weight},
    rollout::{MappingPlace, Picture, Redriven, Split},
};

/// How long a mapping may take from one state to the next, which AWS promises nothing about; it is a minute at most times.
const PATIENCE: Duration = Duration::from_mins(5);
const ASK_EVERY: Duration = Duration::from_secs(2);
/// The longest that a function runs, for one whose own limit is not told.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LONGEST: Duration = Duration::from_mins(15);

#[expect(
    clippy::disallowed_methods,
    reason = "paces real requests; a simulation has no adapters and never gets here"
)]
pub(super) async fn pause() {
    tokio::time::sleep(ASK_EVERY).await;
}

impl EventSources {
    /// A mapping once it has come to rest: AWS refuses to change it before.
    async fn at_rest(&self, arn: &str) -> Result<Live, Error> {
        let until = Instant::now() + PATIENCE;
        loop {
            let live = self.mapping(arn).await?;
            let MappingState::Passing(state) = &live.mapping.state else { return Ok(live) };
            if Instant::now() >= until {
                return Err(Error::Transient {
                    operation: Operation::GetEventSourceMapping,
                    message: format!(
                        "{} is still {state} after {} s",
                        mapping(arn),
                        PATIENCE.as_secs()
                    ),
                });
            }
            pause().await;
        }
    }

    /// Changes a mapping that is at rest, and waits until it is again.
    async fn update(
        &self,
        arn: &str,
        change: impl FnOnce(Update) -> Update,
    ) -> Result<Live, Error> {
        let what = mapping(arn);
        self.lambda.pace.turn().await;
        let call = self.lambda.client.update_event_source_mapping().uuid(MappingPlace::uuid(arn));
        change(call).send().await.map_err(|error| match error.as_service_error() {
            Some(said) if said.is_resource_in_use_exception() => Error::Conflict {
                operation: Operation::UpdateEventSourceMapping,
                message: format!("{what} is being changed by somebody else"),
            },
            _ => classed(Operation::UpdateEventSourceMapping, &what)(error),
        })?;
        self.at_rest(arn).await
    }

    async fn disable(&self, arn: &str) -> Result<Live, Error> {
        let live = self.update(arn, |call| call.enabled(false)).await?;
        match live.mapping.state {
            MappingState::Disabled(_) => Ok(live),
            MappingState::Enabled | MappingState::Passing(_) => Err(Error::Conflict {
                operation: Operation::UpdateEventSourceMapping,
                message: format!("{} was disabled, and is enabled again", mapping(arn)),
            }),
        }
    }

    async fn enable(&self, arn: &str, change: impl FnOnce(Update) -> Update) -> Result<(), Error> {
        let live = self.update(arn, |call| change(call.enabled(true))).await?;
        match live.mapping.state {
            MappingState::Enabled => Ok(()),
            MappingState::Disabled(reason) | MappingState::Passing(reason) => {
                Err(Error::Rejected {
                    operation: Operation::UpdateEventSourceMapping,
                    message: format!("{} did not become enabled ({reason})", mapping(arn)),
                })
            }
        }
    }

    /// Waits until no batch of a disabled mapping can be under way: as long as one may take, or until nobody has anything
    /// of the queue. What a stream has given away nobody tells.
    async fn drained(&self, live: &Live, drain: Option<Duration>) -> Result<(), Error> {
        let longest = match drain {
            Some(drain) => drain,
            None => match self.longest(&live.mapping.function).await {
                Ok(longest) => longest.unwrap_or(LONGEST),
                // What is gone handles nothing.
                Err(Error::Absent { .. }) => Duration::ZERO,
                Err(error) => return Err(error),
            },
        };
        let queue = queue(live);
        let until = Instant::now() + longest;
        while Instant::now() < until {
            if let Some(queue) = &queue
                && self.queues.standing(queue).await?.hidden == 0
            {
                return Ok(());
            }
            pause().await;
        }
        Ok(())
    }

    async fn hand_over(
        &self,
        (arn, drain): (&str, Option<Duration>),
        redriven: Option<Redriven<'_>>,
        expected: &Split,
        to: &Split,
    ) -> Result<(), Error> {
        let mut live = self.at_rest(arn).await?;
        if handed(&live) == *to {
            return Ok(());
        }
        check(&handed(&live), expected, to)?;
        let mut members = to.0.keys();
        let (Some(reader), None) = (members.next(), members.next()) else {
            return Err(Error::Rejected {
                operation: Operation::UpdateEventSourceMapping,
                message: format!("{} cannot lead to {to}", mapping(arn)),
            });
        };
        if live.reads() {
            live = self.disable(arn).await?;
        }
        self.drained(&live, drain).await?;
        let brought = self.bring_back(redriven, to).await;
        self.enable(arn, |call| call.function_name(reader.as_str())).await?;
        self.brought_back(brought).await
    }

    async fn share_out(
        &self,
        (stable, candidate): (&str, &str),
        redriven: Option<Redriven<'_>>,
        expected: &Split,
        to: &Split,
    ) -> Result<(), Error> {
        let split = shared([&self.at_rest(stable).await?, &self.at_rest(candidate).await?]);
        if split == *to {
            return Ok(());
        }
        check(&split, expected, to)?;
        let mut brought = Ok(None);
        for arn in [candidate, stable] {
            if arn == stable {
                brought = self.bring_back(redriven, to).await;
            }
            let member = Member::new(MappingPlace::uuid(arn));
            match (split.weight(&member), to.weight(&member)) {
                (live, wanted) if live == wanted => {}
                (_, Weight::ZERO) => self.disable(arn).await.map(|_| ())?,
                (_, wanted) => {
                    let most = ScalingConfig::builder().maximum_concurrency(wanted.get().into());
                    self.enable(arn, |call| call.scaling_config(most.build())).await?;
                }
            }
        }
        self.brought_back(brought).await
    }

    /// Going back, what the candidate has failed begins to come back once it reads no more, and before the stable side reads
    /// again: whoever takes over where nobody reads does it again, which moves what is left.
    async fn bring_back<'a>(
        &self,
        redriven: Option<Redriven<'a>>,
        to: &Split,
    ) -> Result<Option<&'a str>, Error> {
        let goes_back =
            |from: &Redriven<'_>| to.weight(&Member::new(from.candidate)) == Weight::ZERO;
        let Some(Redriven { dead_letters, .. }) = redriven.filter(goes_back) else {
            return Ok(None);
        };
        self.queues.bring_back(dead_letters).await.map(|()| Some(dead_letters))
    }

    /// Users do not wait for it: it is followed when the stable side reads, and what went wrong is told then.
    async fn brought_back(&self, begun: Result<Option<&str>, Error>) -> Result<(), Error> {
        match begun? {
            Some(dead_letters) => self.queues.brought_back(dead_letters).await,
            None => Ok(()),
        }
    }
}

/// What a change begins from: the split from before, or one on the way from there.
fn check(live: &Split, expected: &Split, to: &Split) -> Result<(), Error> {
    let picture = |split: &Split| Picture::Split(split.clone());
    if picture(live).has_sides_of(&[&picture(expected), &picture(to)]) {
        return Ok(());
    }
    let message = format!("expected {expected}, found {live}");
    Err(Error::Conflict { operation: Operation::UpdateEventSourceMapping, message })
}

/// The queue that a mapping reads, where it can be asked about: one of another account cannot by its name.
pub(super) fn queue(live: &Live) -> Option<Queue> {
    let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
    let is_ours = account(&live.arn) == account(&live.mapping.source);
    let name = live.mapping.source.rsplit(':').next()?;
    (live.mapping.is_of_queue() && is_ours).then(|| Queue::new(name))
}

#[async_trait]
impl SetWeights for EventSources {
    async fn set_weights(&self, place: &str, expected: &Split, to: &Split) -> Result<(), Error> {
        match at(place)? {
            MappingPlace::HandOver { arn, drain, redriven } => {
                self.hand_over((arn, drain), redriven, expected, to).await
            }
            MappingPlace::SideBySide { stable, candidate, redriven } => {
                self.share_out((stable, candidate), redriven, expected, to).await
            }
        }
    }
}
