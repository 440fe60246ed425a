//! The simulated cloud as a run sees it: every port, over one world.

use std::sync::Arc;

use async_trait::async_trait;

use super::{installations_port::Service, world::World};
use crate::{
    cloud::{
        ByService, Caller, Cloud, Error, Identity, Operation, Places, Reads, Replacer, SetWeights,
        Weights,
    },
    plan::{Place, Plan},
    testkit::{Call, Faults},
};

impl World {
    /// All ports, with the scenario's faults around them.
    pub fn cloud(&self) -> Cloud {
        self.faults().around(&self.flawless_cloud())
    }

    /// These ports for every place of a plan. It is one world, in which things have one name wherever they are; what each
    /// place has of its own is who asks.
    pub fn placed(&self, plan: &Plan, cloud: &Cloud) -> Places<Cloud> {
        let at = |place: &Place| {
            let mut cloud = cloud.clone();
            let account = place.account.clone().or_else(|| account_of(place.role.as_deref()?));
            if let Some(account) = account {
                cloud.reads.identity = Arc::new(Someone { world: self.clone(), account });
            }
            cloud.reads.region = place.region.clone().unwrap_or_else(|| self.region().to_owned());
            cloud.reads.role.clone_from(&place.role);
            (cloud.reads.spot(), cloud)
        };
        // Who acts at home is of the account that anything at home is said to be in.
        let is_home =
            |place: &&&Place| (&place.region, &place.role) == (&plan.aws.region, &plan.aws.role);
        let mut named = plan.places().into_iter().filter(|place| is_home(&place));
        let account = named.find_map(|place| place.account.clone());
        let (spot, home) =
            at(&Place { account: plan.aws.account.clone().or(account), ..plan.aws.clone() });
        let others = plan.places().into_iter().map(at).filter(|(other, _)| *other != spot);
        let others = others.collect();
        Places::new(spot, home, others)
    }

    /// All ports; no call goes wrong.
    pub fn flawless_cloud(&self) -> Cloud {
        let world = Arc::new(self.clone());
        let service = |kind| Arc::new(Service { world: self.clone(), kind });
        let (refresh, deploy) = (service(Replacer::Refreshes), service(Replacer::Deployments));
        Cloud {
            reads: Reads {
                weights: ByService::each(|_| world.clone() as Arc<dyn Weights>),
                load_balancers: world.clone(),
                dns: world.clone(),
                aliases: world.clone(),
                alias_deployments: world.clone(),
                releases: world.clone(),
                old_versions: world.clone(),
                provisioned: world.clone(),
                stages: world.clone(),
                buses: world.clone(),
                takers: world.clone(),
                replays: world.clone(),
                mappings: world.clone(),
                groups: world.clone(),
                refreshes: refresh.clone(),
                deployments: deploy.clone(),
                alarms: world.clone(),
                queues: world.clone(),
                metrics: world.clone(),
                identity: world.clone(),
                names: world.clone(),
                http: world.clone(),
                commands: world.clone(),
                functions: world.clone(),
                marks: world.clone(),
                region: self.region().to_owned(),
                role: None,
            },
            weights: ByService::each(|_| world.clone() as Arc<dyn SetWeights>),
            test_routes: world.clone(),
            sizes: world.clone(),
            publishing: world.clone(),
            new_deployments: world.clone(),
            pruning: world.clone(),
            provisioning: world.clone(),
            replaying: world.clone(),
            marking: world.clone(),
            news: world,
            refreshing: refresh,
            deploying: deploy,
        }
    }

    /// The scenario's faults. Whoever takes them again, after a crash, goes on in the same script.
    pub fn faults(&self) -> Faults {
        let world = self.clone();
        let decide = move |call: &Call| world.look(|land, now| land.fault(now, call.operation));
        Faults::new(decide).counting(self.calls())
    }
}

/// The account that a role leads into.
fn account_of(role: &str) -> Option<String> {
    role.split(':').nth(4).map(str::to_owned)
}

/// Whoever acts in another account.
struct Someone {
    world: World,
    account: String,
}

#[async_trait]
impl Identity for Someone {
    async fn caller(&self) -> Result<Caller, Error> {
        self.world.calls().count(Operation::GetCallerIdentity.name());
        let account = self.account.clone();
        let arn = format!("arn:aws:sts::{account}:assumed-role/simulated/tidegate");
        Ok(Caller { account, arn, told: None })
    }
}
