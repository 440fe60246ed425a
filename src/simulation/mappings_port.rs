//! The port onto simulated event source mappings. A function, or a mapping beside another, stands for a group of targets,
//! like any other side, so that traffic, alarms and scripts see it as they see everything else.

use async_trait::async_trait;

use super::{home::QUEUE, route_place::Place, world::World};
use crate::{
    cloud::{
        Error, FunctionVersion, Mapping, MappingState, Mappings, MappingsStanding, Operation,
        VersionState,
    },
    plan::{EventSource, Member, units::Weight},
    rollout::{MappingPlace, Split},
};

#[async_trait]
impl Mappings for World {
    async fn find(&self, at: &EventSource) -> Result<MappingsStanding, Error> {
        self.calls().count(Operation::ListEventSourceMappings.name());
        self.request(Operation::GetEventSourceMapping, |landscape, _| {
            let place = Place::Mappings(at.clone());
            let found = landscape.rules.values().find(|rule| rule.place == place);
            let found = found.ok_or_else(|| Error::Absent { what: at.to_string() })?;
            let split = found.forward.split.clone();
            // Whether messages are brought back is told apart.
            let place = MappingPlace::of(&found.forward.resource).map(|it| it.redriving(None));
            let resource = place.map_or_else(String::new, |place| place.written());
            let (mappings, others) = (mappings(at, &split), Vec::new());
            let redrive = self.home().redriving(at);
            Ok(MappingsStanding { resource, mappings, others, split, redrive })
        })
    }

    async fn function(&self, _place: &str, side: &Member) -> Result<FunctionVersion, Error> {
        self.request(Operation::GetFunctionConfiguration, |landscape, _| {
            let group = landscape.target_groups.get(side);
            let group = group.ok_or_else(|| Error::Absent { what: format!("function {side}") })?;
            let (state, reason) = if group.healthy() > 0 {
                (VersionState::Active, String::new())
            } else {
                (VersionState::Pending, "Creating".to_owned())
            };
            Ok(FunctionVersion {
                state,
                reason,
                role: None,
                dead_letters: None,
                code: None,
                snapshots: false,
            })
        })
    }
}

fn mappings(at: &EventSource, split: &Split) -> Vec<Mapping> {
    let reader = split.0.keys().next().map_or("", Member::as_str);
    let one = |uuid: &str| {
        let most = split.weight(&Member::new(uuid));
        let is_read = match at {
            EventSource::HandOver { .. } => !split.0.is_empty(),
            EventSource::SideBySide { .. } => most > Weight::ZERO,
        };
        Mapping {
            uuid: uuid.to_owned(),
            source: QUEUE.to_owned(),
            function: match at {
                EventSource::HandOver { .. } => reader.to_owned(),
                EventSource::SideBySide { .. } => format!("of-{uuid}"),
            },
            state: if is_read {
                MappingState::Enabled
            } else {
                MappingState::Disabled("USER_INITIATED".to_owned())
            },
            concurrency: is_read.then(|| most.get().into()),
            filters: Vec::new(),
            problem: None,
        }
    };
    at.mappings().into_iter().map(one).collect()
}
