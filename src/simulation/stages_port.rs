//! The port onto simulated stages. A deployment with its variables stands for a group of targets, like any other side, so
//! that traffic, alarms and scripts see it as they see everything else.

use async_trait::async_trait;

use super::{hindrance::Hindrance, release::Release, route_place::Place, world::World};
use crate::{
    cloud::{Error, Integration, NewDeployments, Operation, StageStanding, Stages},
    plan::{Deployed, Member, Stage, units::Weight},
};

#[async_trait]
impl Stages for World {
    async fn find(&self, at: &Stage) -> Result<StageStanding, Error> {
        self.request(Operation::GetStage, |landscape, _| {
            let place = Place::Stage(at.clone());
            let found = landscape.rules.values().find(|rule| rule.place == place);
            let found = found.ok_or_else(|| Error::Absent { what: format!("stage {at}") })?;
            let (resource, split) = (found.forward.resource.clone(), found.forward.split.clone());
            // The heavier one is the stage's: a run has not begun, and nobody promotes by hand here.
            let serves = split.0.iter().max_by_key(|(_, weight)| **weight);
            let serves = serves.map(|(member, _)| member.clone());
            let serves = serves.ok_or_else(|| Error::Absent { what: format!("stage {at}") })?;
            let mut split = split;
            if landscape.is_hindered(Hindrance::StageHasCanary) {
                split.0.insert(Member::new("somebodys"), Weight::ZERO);
            }
            let canary = split.0.keys().find(|member| **member != serves).map(Deployed::of);
            Ok(StageStanding { resource, serves: Deployed::of(&serves), canary, split })
        })
    }

    async fn deployment(&self, place: &str, side: &Member) -> Result<(), Error> {
        self.request(Operation::GetApiDeployment, |landscape, _| {
            let id = Deployed::of(side).deployment;
            let release = landscape.releases.get(place);
            if release.is_some_and(|it| it.hides(&it.number) && deployment_of(it).as_str() == id) {
                return Err(Error::Absent { what: format!("deployment {id}") });
            }
            let is_it = |group: &Member| Deployed::of(group).deployment == id;
            let found = landscape
                .target_groups
                .iter()
                .find(|(member, group)| is_it(member) && group.healthy() > 0);
            let absent = || Error::Absent { what: format!("deployment {id}") };
            found.map(|_| ()).ok_or_else(absent)
        })
    }

    async fn integrations(&self, place: &str) -> Result<Vec<Integration>, Error> {
        self.request(Operation::GetApiResources, |landscape, _| {
            let found = landscape.rules.values().find(|rule| rule.forward.resource == place);
            let Some(Place::Stage(at)) = found.map(|rule| &rule.place) else {
                return Err(Error::Absent { what: format!("the API of {place}") });
            };
            let function = |variable: &String| Integration {
                method: "GET".to_owned(),
                path: format!("/{variable}"),
                function: self.home().behind_stage(variable),
                role: None,
            };
            Ok(at.overrides.keys().map(function).collect())
        })
    }

    async fn made(&self, place: &str, description: &str) -> Result<Option<Member>, Error> {
        self.request(Operation::GetApiDeployments, |landscape, _| {
            let release = landscape.releases.get(place);
            Ok(release.filter(|it| it.is_published_as(description)).map(deployment_of))
        })
    }
}

#[async_trait]
impl NewDeployments for World {
    async fn deploy(&self, place: &str, description: &str) -> Result<Member, Error> {
        self.request(Operation::CreateApiDeployment, |landscape, _| {
            let release = landscape.releases.get_mut(place);
            let release =
                release.ok_or_else(|| Error::Absent { what: format!("the API of {place}") })?;
            release.publish(description);
            Ok(deployment_of(release))
        })
    }
}

/// The id of a deployment that is to be made, or has been.
fn deployment_of(release: &Release) -> Member {
    Member::new(Deployed::of(&release.number).deployment)
}
