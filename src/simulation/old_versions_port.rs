//! The ports onto the older versions of simulated functions. Each function has every version from 1 up to those that the plan
//! names; nobody is sent to the older ones.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{landscape::Landscape, violation::Violation, world::World};
use crate::{
    cloud::{Error, Kept, OldVersions, Operation, Pruning, superseded},
    plan::Member,
    rollout::{Split, Timestamp},
};

impl Landscape {
    /// The published versions of an alias's function, and those of them that an alias of it leads to.
    fn versions(&self, alias: &str) -> (BTreeSet<Member>, BTreeSet<Member>) {
        let (function, _) = alias.rsplit_once(':').unwrap_or((alias, ""));
        let is_of = |resource: &str| resource.rsplit_once(':').is_some_and(|it| it.0 == function);
        let mut used = BTreeSet::new();
        for (_, rule) in self.rules.iter().filter(|(resource, _)| is_of(resource)) {
            let Split(weights) = &rule.forward.split;
            used.extend(weights.keys().cloned());
        }
        let sides =
            self.routes.values().filter(|(resources, _)| resources.iter().any(|it| is_of(it)));
        let sides = sides.flat_map(|(_, sides)| [sides.stable.clone(), sides.candidate.clone()]);
        let hides = |version: &Member| {
            let mut releases = self.releases.iter().filter(|(resource, _)| is_of(resource));
            releases.any(|(_, release)| release.hides(version))
        };
        let mut there: BTreeSet<Member> =
            sides.chain(used.iter().cloned()).filter(|version| !hides(version)).collect();
        let numbers = there.iter().filter_map(|version| version.as_str().parse::<u32>().ok());
        let newest = numbers.max().unwrap_or_default();
        let older = (1..newest).map(|number| Member::new(number.to_string()));
        there.extend(older);
        let deleted = |version: &Member| {
            self.deleted_versions.contains(&(function.to_owned(), version.clone()))
        };
        there.retain(|version| !deleted(version));
        (there, used)
    }

    /// Nobody gets it back, so that of a side nobody would be there for whoever goes back.
    fn delete_version(&mut self, alias: &str, version: &Member, now: Timestamp) {
        let mut sides = self.routes.values().flat_map(|(_, it)| [&it.stable, &it.candidate]);
        if sides.any(|side| side == version) {
            let (at, version) = (now, version.clone());
            self.violations.push(Violation::SideDeleted { at, version });
        }
        let (function, _) = alias.rsplit_once(':').unwrap_or((alias, ""));
        self.deleted_versions.insert((function.to_owned(), version.clone()));
    }
}

#[async_trait]
impl OldVersions for World {
    async fn unused(&self, alias: &str, kept: &Kept) -> Result<BTreeSet<Member>, Error> {
        self.request(Operation::ListAliases, |landscape, _| {
            let (there, used) = landscape.versions(alias);
            Ok(superseded(there, &used, kept).into_iter().collect())
        })
    }
}

#[async_trait]
impl Pruning for World {
    async fn delete(&self, alias: &str, versions: &BTreeSet<Member>) -> Result<(), Error> {
        self.request(Operation::DeleteFunction, |landscape, now| {
            let (_, used) = landscape.versions(alias);
            if let Some(version) = versions.iter().find(|version| used.contains(*version)) {
                return Err(Error::Conflict {
                    operation: Operation::DeleteFunction,
                    message: format!("an alias leads to version {version}"),
                });
            }
            for version in versions {
                landscape.delete_version(alias, version, now);
            }
            Ok(())
        })
    }
}
