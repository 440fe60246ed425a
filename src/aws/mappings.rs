//! Event source mappings: reading which functions read what, and how much of it.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html>

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_lambda::types::FilterCriteria;

use super::{aliases::version, error::classed, lambda::Lambda, news::SimpleQueues};
use crate::{
    cloud::{
        Error, FunctionVersion, Mapping, MappingState, Mappings, MappingsStanding, Operation,
        Redriving, Weights,
    },
    plan::{
        EventSource, Member, Redrive,
        units::{Scale, Weight},
    },
    rollout::{MappingPlace, Split},
};

/// The event source mappings of Lambda, and the queues that they read.
#[derive(Debug)]
pub(super) struct EventSources {
    pub(super) lambda: Arc<Lambda>,
    pub(super) queues: Arc<SimpleQueues>,
}

/// A mapping as AWS has it, with its own ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) arn: String,
    pub(super) mapping: Mapping,
}

impl Live {
    /// Whether it reads, or is about to. One that is being disabled reads nothing more.
    pub(super) fn reads(&self) -> bool {
        match &self.mapping.state {
            MappingState::Enabled => true,
            MappingState::Disabled(_) => false,
            MappingState::Passing(state) => !["Disabling", "Deleting"].contains(&state.as_str()),
        }
    }
}

/// What two answers of Lambda say of a mapping, which are of two types and alike.
macro_rules! live {
    ($answer:expr, $operation:expr, $what:expr) => {{
        let answer = $answer;
        let lacks = |what: &str| Error::Transient {
            operation: $operation,
            message: format!("{} came without its {what}", $what),
        };
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let uuid = said(answer.uuid).ok_or_else(|| lacks("UUID"))?;
        let function = said(answer.function_arn).ok_or_else(|| lacks("function"))?;
        let state = said(answer.state).ok_or_else(|| lacks("state"))?;
        let reason = said(answer.state_transition_reason);
        let last = said(answer.last_processing_result);
        let (before, name) = function.split_once(":function:").unwrap_or(("", &function));
        let arn = said(answer.event_source_mapping_arn)
            .unwrap_or_else(|| format!("{before}:event-source-mapping:{uuid}"));
        let concurrency = answer.scaling_config.and_then(|scaling| scaling.maximum_concurrency);
        Live {
            arn,
            mapping: Mapping {
                uuid,
                source: said(answer.event_source_arn).unwrap_or_default(),
                function: name.to_owned(),
                state: match state.as_str() {
                    "Enabled" => MappingState::Enabled,
                    "Disabled" => MappingState::Disabled(reason.unwrap_or_default()),
                    _ => MappingState::Passing(state),
                },
                concurrency: concurrency.and_then(|most| u32::try_from(most).ok()),
                filters: patterns(answer.filter_criteria),
                problem: last.filter(|last| last.starts_with("PROBLEM")),
            },
        }
    }};
}

fn patterns(criteria: Option<FilterCriteria>) -> Vec<String> {
    let filters = criteria.and_then(|criteria| criteria.filters).unwrap_or_default();
    let mut patterns: Vec<String> =
        filters.into_iter().filter_map(|filter| filter.pattern).collect();
    patterns.sort_unstable();
    patterns
}

/// Where the mappings are that a place names.
pub(super) fn at(place: &str) -> Result<MappingPlace<'_>, Error> {
    MappingPlace::of(place).ok_or_else(|| Error::Absent { what: mapping(place) })
}

pub(super) fn mapping(uuid: &str) -> String {
    format!("event source mapping {}", MappingPlace::uuid(uuid))
}

impl EventSources {
    pub(super) async fn mapping(&self, uuid: &str) -> Result<Live, Error> {
        let what = mapping(uuid);
        self.lambda.pace.turn().await;
        let call = self.lambda.client.get_event_source_mapping().uuid(MappingPlace::uuid(uuid));
        let answer = call.send().await;
        let answer = answer.map_err(classed(Operation::GetEventSourceMapping, &what))?;
        Ok(live!(answer, Operation::GetEventSourceMapping, what))
    }

    /// All mappings that read this.
    async fn readers(&self, source: &str) -> Result<Vec<Live>, Error> {
        let what = format!("event source mapping of {source}");
        let (mut found, mut marker) = (Vec::new(), None);
        loop {
            self.lambda.pace.turn().await;
            let call = self.lambda.client.list_event_source_mappings().event_source_arn(source);
            let page = call.set_marker(marker).send().await;
            let page = page.map_err(classed(Operation::ListEventSourceMappings, &what))?;
            for each in page.event_source_mappings.unwrap_or_default() {
                found.push(live!(each, Operation::ListEventSourceMappings, what));
            }
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(found);
            }
        }
    }

    /// How long one batch of a function may take, as `name` or `name:qualifier`; `None` where AWS does not say.
    pub(super) async fn longest(&self, function: &str) -> Result<Option<Duration>, Error> {
        let what = format!("function {function}");
        let told = self.lambda.configuration(parts(function), &what).await?;
        let seconds = told.timeout.and_then(|seconds| u64::try_from(seconds).ok());
        Ok(seconds.map(Duration::from_secs))
    }
}

/// A function's name, and its version or alias.
fn parts(function: &str) -> (&str, Option<&str>) {
    match function.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (function, None),
    }
}

/// What one mapping shows: who has all of it. Nobody has, while it does not read.
pub(super) fn handed(live: &Live) -> Split {
    let reader = Member::new(live.mapping.function.as_str());
    Split(live.reads().then(|| (reader, Scale::Whole.largest())).into_iter().collect())
}

/// How many batches each of two mappings may handle at once. One that is held to none reads as the most there is.
pub(super) fn shared(mappings: [&Live; 2]) -> Split {
    let reading = mappings.into_iter().filter(|live| live.reads()).map(|live| {
        let most = live.mapping.concurrency.and_then(|most| u16::try_from(most).ok());
        let most = most.and_then(Weight::new).unwrap_or(Weight::MAX);
        (Member::new(live.mapping.uuid.as_str()), most)
    });
    Split(reading.collect())
}

#[async_trait]
impl Mappings for EventSources {
    async fn find(&self, at: &EventSource) -> Result<MappingsStanding, Error> {
        let (found, split, resource) = match at {
            EventSource::HandOver { mapping, drain, .. } => {
                let live = self.mapping(mapping).await?;
                let place =
                    MappingPlace::HandOver { arn: &live.arn, drain: *drain, redriven: None };
                let place = place.written();
                let split = handed(&live);
                (vec![live], split, place)
            }
            EventSource::SideBySide { stable, candidate, .. } => {
                let (stable, candidate) =
                    (self.mapping(stable).await?, self.mapping(candidate).await?);
                let split = shared([&stable, &candidate]);
                let place = MappingPlace::SideBySide {
                    stable: &stable.arn,
                    candidate: &candidate.arn,
                    redriven: None,
                };
                let place = place.written();
                (vec![stable, candidate], split, place)
            }
        };
        let redrive = match (at.redrive(), found.first()) {
            (Redrive::Hold, _) => Redriving::Held,
            (Redrive::BringBack, None) => Redriving::Nowhere,
            (Redrive::BringBack, Some(first)) => self.redriving(first).await?,
        };
        let mappings: Vec<Mapping> = found.into_iter().map(|live| live.mapping).collect();
        let others = match mappings.first() {
            Some(first) if !first.source.is_empty() => self.readers(&first.source).await?,
            Some(_) | None => Vec::new(),
        };
        let others = others.into_iter().map(|live| live.mapping);
        let is_other = |other: &Mapping| mappings.iter().all(|own| own.uuid != other.uuid);
        Ok(MappingsStanding {
            resource,
            others: others.filter(is_other).collect(),
            mappings,
            split,
            redrive,
        })
    }

    async fn function(&self, place: &str, side: &Member) -> Result<FunctionVersion, Error> {
        let function = match at(place)? {
            MappingPlace::HandOver { .. } => side.to_string(),
            MappingPlace::SideBySide { .. } => self.mapping(side.as_str()).await?.mapping.function,
        };
        let what = format!("function {function}");
        Ok(version(self.lambda.configuration(parts(&function), &what).await?))
    }
}

#[async_trait]
impl Weights for EventSources {
    async fn split(&self, place: &str) -> Result<Split, Error> {
        match at(place)? {
            MappingPlace::HandOver { arn, .. } => Ok(handed(&self.mapping(arn).await?)),
            MappingPlace::SideBySide { stable, candidate, .. } => {
                Ok(shared([&self.mapping(stable).await?, &self.mapping(candidate).await?]))
            }
        }
    }
}
