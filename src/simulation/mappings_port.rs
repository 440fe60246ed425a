//! The port onto simulated event source mappings. A function, or a mapping beside another, stands for a group of targets,
//! like any other side, so that traffic, alarms and scripts see it as they see everything else.

use async_trait::async_trait;

use super::{
    hindrance::Hindrance, home::QUEUE, landscape::Landscape, route_place::Place, world::World,
};
use crate::{
    cloud::{Error, FunctionVersion, Mapping, MappingState, Mappings, MappingsStanding, Operation},
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
            let candidate = landscape.candidate_at(&found.forward.resource);
            // Whether messages are brought back is told apart.
            let place = MappingPlace::of(&found.forward.resource).map(|it| it.redriving(None));
            let resource = place.map_or_else(String::new, |place| place.written());
            let mut mappings = mappings(at, &split);
            let is_second = landscape.is_hindered(Hindrance::SecondMapping);
            let second = mappings.first().zip(candidate).filter(|_| is_second);
            let second = second.map(|(mapping, function)| Mapping {
                uuid: "second".to_owned(),
                function: function.to_string(),
                ..mapping.clone()
            });
            let others = second.into_iter().collect();
            if let Some(first) = mappings.first_mut() {
                hinder(landscape, first);
            }
            let redrive = self.home().redriving(at);
            Ok(MappingsStanding { resource, mappings, others, split, redrive })
        })
    }

    async fn function(&self, _place: &str, side: &Member) -> Result<FunctionVersion, Error> {
        self.request(Operation::GetFunctionConfiguration, |landscape, _| {
            let group = landscape.target_groups.get(side);
            let group = group.ok_or_else(|| Error::Absent { what: format!("function {side}") })?;
            Ok(landscape.function(group.side, group.healthy() > 0))
        })
    }
}

/// What somebody else has done to a mapping.
fn hinder(landscape: &Landscape, mapping: &mut Mapping) {
    if landscape.is_hindered(Hindrance::MappingUpdating) {
        mapping.state = MappingState::Passing("Updating".to_owned());
    } else if landscape.is_hindered(Hindrance::MappingDisabled) {
        mapping.state = MappingState::Disabled("USER_INITIATED".to_owned());
    }
    if landscape.is_hindered(Hindrance::MappingElsewhere) {
        "somebody-elses".clone_into(&mut mapping.function);
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
