//! The faulty ports of functions, APIs, buses and event sources: lines like those of `faulty_cloud.rs`, which has the others.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::faulty_cloud::Faulty;
use crate::{
    cloud::{
        AliasDeployment, AliasDeployments, AliasStanding, Aliases, ArchiveStanding, Buses, Error,
        FunctionVersion, Integration, Kept, Lead, Mappings, MappingsStanding, NewDeployments,
        OldVersions, Operation, Provisioned, ProvisionedConcurrency, Provisioning, Pruning,
        Publishing, Releases, Replaying, Replays, Room, StageStanding, Stages, Taker, Takers,
        TargetStanding,
    },
    plan::{Alias, BusTarget, CodeDigest, EventSource, Member, Stage},
    rollout::{Made, Replay, ReplayBound, Timestamp},
};

#[async_trait]
impl Aliases for Faulty<dyn Aliases> {
    async fn find(&self, at: &Alias) -> Result<AliasStanding, Error> {
        self.faults.apply(Operation::GetAlias, &at.to_string(), self.port.find(at)).await
    }

    async fn version(&self, alias: &str, version: &Member) -> Result<FunctionVersion, Error> {
        let call = self.port.version(alias, version);
        self.faults.apply(Operation::GetFunctionConfiguration, alias, call).await
    }

    async fn all(&self, alias: &str) -> Result<BTreeMap<String, BTreeSet<Member>>, Error> {
        self.faults.apply(Operation::ListAliases, alias, self.port.all(alias)).await
    }
}

#[async_trait]
impl AliasDeployments for Faulty<dyn AliasDeployments> {
    async fn moving(&self, alias: &Alias) -> Result<Vec<AliasDeployment>, Error> {
        let call = self.port.moving(alias);
        self.faults.apply(Operation::ListDeployments, &alias.to_string(), call).await
    }
}

#[async_trait]
impl Releases for Faulty<dyn Releases> {
    async fn made(&self, alias: &str, description: &str) -> Result<Option<Member>, Error> {
        let call = self.port.made(alias, description);
        self.faults.apply(Operation::ListVersionsByFunction, alias, call).await
    }
}

#[async_trait]
impl Publishing for Faulty<dyn Publishing> {
    async fn publish(
        &self,
        alias: &str,
        code: &CodeDigest,
        description: &str,
    ) -> Result<Made, Error> {
        let call = self.port.publish(alias, code, description);
        self.faults.apply(Operation::PublishVersion, alias, call).await
    }
}

#[async_trait]
impl OldVersions for Faulty<dyn OldVersions> {
    async fn unused(&self, alias: &str, kept: &Kept) -> Result<BTreeSet<Member>, Error> {
        let call = self.port.unused(alias, kept);
        self.faults.apply(Operation::ListAliases, alias, call).await
    }
}

#[async_trait]
impl Buses for Faulty<dyn Buses> {
    async fn find(&self, at: &BusTarget) -> Result<TargetStanding, Error> {
        let call = self.port.find(at);
        self.faults.apply(Operation::DescribeRule, "a target", call).await
    }

    async fn leads(&self, place: &str, side: &Member) -> Result<Vec<Lead>, Error> {
        let call = self.port.leads(place, side);
        self.faults.apply(Operation::ListRuleNamesByTarget, side.as_str(), call).await
    }
}

#[async_trait]
impl Takers for Faulty<dyn Takers> {
    async fn taker(&self, from: &str, arn: &Member) -> Result<Taker, Error> {
        let call = self.port.taker(from, arn);
        self.faults.apply(Operation::GetFunctionPolicy, arn.as_str(), call).await
    }
}

#[async_trait]
impl Pruning for Faulty<dyn Pruning> {
    async fn delete(&self, alias: &str, versions: &BTreeSet<Member>) -> Result<(), Error> {
        let call = self.port.delete(alias, versions);
        self.faults.apply(Operation::DeleteFunction, alias, call).await
    }
}

#[async_trait]
impl Replays for Faulty<dyn Replays> {
    async fn find(&self, archive: &str, bus: &str, rule: &str) -> Result<ArchiveStanding, Error> {
        let call = self.port.find(archive, bus, rule);
        self.faults.apply(Operation::DescribeArchive, archive, call).await
    }

    async fn replay(&self, name: &str) -> Result<Replay, Error> {
        self.faults.apply(Operation::DescribeReplay, name, self.port.replay(name)).await
    }
}

#[async_trait]
impl Replaying for Faulty<dyn Replaying> {
    async fn start(
        &self,
        name: &str,
        bound: &ReplayBound,
        window: (Timestamp, Timestamp),
    ) -> Result<(), Error> {
        let call = self.port.start(name, bound, window);
        self.faults.apply(Operation::StartReplay, name, call).await
    }

    async fn cancel(&self, name: &str) -> Result<(), Error> {
        self.faults.apply(Operation::CancelReplay, name, self.port.cancel(name)).await
    }
}

#[async_trait]
impl Stages for Faulty<dyn Stages> {
    async fn find(&self, at: &Stage) -> Result<StageStanding, Error> {
        self.faults.apply(Operation::GetStage, &at.to_string(), self.port.find(at)).await
    }

    async fn deployment(&self, place: &str, side: &Member) -> Result<(), Error> {
        let call = self.port.deployment(place, side);
        self.faults.apply(Operation::GetApiDeployment, place, call).await
    }

    async fn integrations(&self, place: &str) -> Result<Vec<Integration>, Error> {
        let call = self.port.integrations(place);
        self.faults.apply(Operation::GetApiResources, place, call).await
    }

    async fn made(&self, place: &str, description: &str) -> Result<Option<Member>, Error> {
        let call = self.port.made(place, description);
        self.faults.apply(Operation::GetApiDeployments, place, call).await
    }
}

#[async_trait]
impl NewDeployments for Faulty<dyn NewDeployments> {
    async fn deploy(&self, place: &str, description: &str) -> Result<Member, Error> {
        let call = self.port.deploy(place, description);
        self.faults.apply(Operation::CreateApiDeployment, place, call).await
    }
}

#[async_trait]
impl Mappings for Faulty<dyn Mappings> {
    async fn find(&self, at: &EventSource) -> Result<MappingsStanding, Error> {
        let call = self.port.find(at);
        self.faults.apply(Operation::GetEventSourceMapping, &at.to_string(), call).await
    }

    async fn function(&self, place: &str, side: &Member) -> Result<FunctionVersion, Error> {
        let call = self.port.function(place, side);
        self.faults.apply(Operation::GetFunctionConfiguration, place, call).await
    }
}

#[async_trait]
impl ProvisionedConcurrency for Faulty<dyn ProvisionedConcurrency> {
    async fn provisioned(&self, alias: &str, version: &Member) -> Result<Provisioned, Error> {
        let call = self.port.provisioned(alias, version);
        self.faults.apply(Operation::GetProvisionedConcurrencyConfig, alias, call).await
    }

    async fn all_provisioned(&self, alias: &str) -> Result<BTreeMap<Member, u32>, Error> {
        let call = self.port.all_provisioned(alias);
        self.faults.apply(Operation::ListProvisionedConcurrencyConfigs, alias, call).await
    }

    async fn room(&self, alias: &str) -> Result<Room, Error> {
        self.faults.apply(Operation::GetLambdaSettings, alias, self.port.room(alias)).await
    }
}

#[async_trait]
impl Provisioning for Faulty<dyn Provisioning> {
    async fn provision(&self, alias: &str, version: &Member, executions: u32) -> Result<(), Error> {
        let call = self.port.provision(alias, version, executions);
        let operation = match executions {
            0 => Operation::DeleteProvisionedConcurrencyConfig,
            _ => Operation::PutProvisionedConcurrencyConfig,
        };
        self.faults.apply(operation, alias, call).await
    }
}
