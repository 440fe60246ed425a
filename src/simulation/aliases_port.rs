//! The port onto simulated aliases. A version stands for a group of targets, like any other side, so that traffic, alarms
//! and scripts see it as they see everything else.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{hindrance::Hindrance, release::UPLOADED, route_place::Place, world::World};
use crate::{
    cloud::{
        AliasDeployment, AliasDeployments, AliasStanding, Aliases, Error, FunctionVersion,
        Operation, UNPUBLISHED, all_to,
    },
    plan::{Alias, CodeDigest, Member, Side},
};

#[async_trait]
impl Aliases for World {
    async fn find(&self, at: &Alias) -> Result<AliasStanding, Error> {
        self.request(Operation::GetAlias, |landscape, _| {
            let place = Place::Alias(at.clone());
            let found = landscape.rules.values().find(|rule| rule.place == place);
            let found = found.ok_or_else(|| Error::Absent { what: format!("alias {at}") })?;
            let (resource, split) = (found.forward.resource.clone(), found.forward.split.clone());
            let is_published = !landscape.is_hindered(Hindrance::ServesUnpublished);
            let split = if is_published { split } else { all_to(UNPUBLISHED) };
            Ok(AliasStanding { resource, split })
        })
    }

    async fn version(&self, alias: &str, version: &Member) -> Result<FunctionVersion, Error> {
        self.request(Operation::GetFunctionConfiguration, |landscape, _| {
            let snapshots = landscape.scenario.concurrency.snapshots;
            if version.as_str() == UNPUBLISHED {
                let code = Some(CodeDigest::new(UPLOADED));
                let uploaded = landscape.function(Side::Candidate, true);
                return Ok(FunctionVersion { code, snapshots, ..uploaded });
            }
            if landscape.releases.get(alias).is_some_and(|it| it.hides(version)) {
                return Err(Error::Absent { what: format!("version {version}") });
            }
            let group = landscape.target_groups.get(version);
            let group =
                group.ok_or_else(|| Error::Absent { what: format!("version {version}") })?;
            let published = landscape.function(group.side, group.healthy() > 0);
            Ok(FunctionVersion { snapshots, ..published })
        })
    }

    async fn all(&self, alias: &str) -> Result<BTreeMap<String, BTreeSet<Member>>, Error> {
        self.request(Operation::ListAliases, |landscape, _| {
            let mut sides = landscape.routes.values();
            let sides = sides.find(|(resources, _)| resources.iter().any(|it| it == alias));
            let stable = sides.map(|(_, sides)| sides.stable.clone());
            let stable: BTreeSet<Member> = stable.into_iter().collect();
            let others = landscape.scenario.concurrency.other_aliases.iter().cloned();
            let own = alias.rsplit(':').next().unwrap_or(alias).to_owned();
            Ok(others.chain([own]).map(|name| (name, stable.clone())).collect())
        })
    }
}

#[async_trait]
impl AliasDeployments for World {
    async fn moving(&self, alias: &Alias) -> Result<Vec<AliasDeployment>, Error> {
        self.request(Operation::ListDeployments, |landscape, _| {
            let id = landscape.scenario.alias_deployment.iter();
            let (application, group) = (alias.function.clone(), alias.name.clone());
            let deployment = |id: &String| AliasDeployment {
                id: id.clone(),
                application: application.clone(),
                group: group.clone(),
            };
            Ok(id.map(deployment).collect())
        })
    }
}
