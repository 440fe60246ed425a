//! The port onto provisioned concurrency. The executions of a version that are kept ready are played as the instances of a
//! group that has the version's name: they come up after a while, and are gone when nobody asks for them any more.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{
    landscape::Landscape, scaling_group::SimulatedGroup, violation::Violation, world::World,
};
use crate::{
    cloud::{Error, Operation, Provisioned, ProvisionedConcurrency, Provisioning, Room},
    plan::Member,
    rollout::{Capacity, Timestamp},
};

/// What AWS says when the code of a version cannot begin.
const FAILED: &str = "FUNCTION_ERROR_INIT_FAILURE";

impl Landscape {
    /// Nobody can be asked about a version that is not published.
    fn check_published(&self, alias: &str, version: &Member) -> Result<(), Error> {
        if self.releases.get(alias).is_some_and(|release| release.hides(version)) {
            return Err(Error::Absent { what: format!("version {version}") });
        }
        Ok(())
    }

    fn provision(
        &mut self,
        (alias, version): (&str, &Member),
        executions: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.check_published(alias, version)?;
        if self.scenario.concurrency.snapshots {
            let message = "Provisioned Concurrency is not supported with SnapStart".to_owned();
            let operation = Operation::PutProvisionedConcurrencyConfig;
            return Err(Error::Rejected { operation, message });
        }
        let group = self.groups.get(version);
        let (from, at_first) =
            group.map_or((0, 0), |group| (group.capacity.desired, group.at_first.desired));
        if executions < from && self.serves(alias, version, executions >= at_first) {
            let (at, group, to) = (now, version.clone(), executions);
            self.violations.push(Violation::ShrunkWhileServing { at, group, from, to });
        }
        self.resize(now, version, Capacity::unbounded(executions))
    }

    /// Whether a version gets requests of its alias; of one that is as warm as at first, more than it got then. What other
    /// aliases send it is not the run's to ask for: it goes on being served, more slowly at first.
    fn serves(&self, alias: &str, version: &Member, as_warm: bool) -> bool {
        self.rules.get(alias).is_some_and(|rule| {
            let share = rule.share_in_sight(version);
            share > 0 && !(as_warm && rule.at_first.share(version) >= share)
        })
    }
}

#[async_trait]
impl ProvisionedConcurrency for World {
    async fn provisioned(&self, alias: &str, version: &Member) -> Result<Provisioned, Error> {
        self.request(Operation::GetProvisionedConcurrencyConfig, |landscape, _| {
            landscape.check_published(alias, version)?;
            let group = landscape.groups.get(version).map(SimulatedGroup::described);
            let Some(group) = group else {
                return Ok(Provisioned::default());
            };
            let (requested, ready) = (group.capacity.desired, group.in_service);
            let fails = ready < requested && !group.suspended.is_empty();
            let failed = fails.then(|| FAILED.to_owned());
            Ok(Provisioned { requested, ready, failed })
        })
    }

    async fn all_provisioned(&self, alias: &str) -> Result<BTreeMap<Member, u32>, Error> {
        self.request(Operation::ListProvisionedConcurrencyConfigs, |landscape, _| {
            let sides = landscape.routes.values();
            let sides = sides.filter(|(resources, _)| resources.iter().any(|it| it == alias));
            let members = sides.flat_map(|(_, sides)| [&sides.stable, &sides.candidate]);
            let requested = |version: &Member| {
                let group = landscape.groups.get(version)?;
                let desired = Some(group.capacity.desired).filter(|desired| *desired > 0)?;
                Some((version.clone(), desired))
            };
            let mut all: BTreeMap<Member, u32> = members.filter_map(requested).collect();
            let name = alias.rsplit(':').next().unwrap_or(alias);
            all.extend(
                landscape.scenario.concurrency.on_alias.map(|them| (Member::new(name), them)),
            );
            Ok(all)
        })
    }

    async fn room(&self, _: &str) -> Result<Room, Error> {
        self.calls().count(Operation::GetFunctionConcurrency.name());
        self.request(Operation::GetLambdaSettings, |landscape, _| {
            let script = &landscape.scenario.concurrency;
            Ok(Room { unreserved: script.unreserved, reserved: script.reserved })
        })
    }
}

#[async_trait]
impl Provisioning for World {
    async fn provision(&self, alias: &str, version: &Member, executions: u32) -> Result<(), Error> {
        let operation = match executions {
            0 => Operation::DeleteProvisionedConcurrencyConfig,
            _ => Operation::PutProvisionedConcurrencyConfig,
        };
        self.request(operation, |landscape, now| {
            landscape.provision((alias, version), executions, now)
        })
    }
}
