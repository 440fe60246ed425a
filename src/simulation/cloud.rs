//! The simulated cloud as a run sees it: every port, over one world.

use std::sync::Arc;

use super::{installations_port::Service, world::World};
use crate::{
    cloud::{ByMedium, Cloud, Reads},
    plan::FleetKind,
    testkit::{Call, Faults},
};

impl World {
    /// All ports, with the scenario's faults around them.
    pub fn cloud(&self) -> Cloud {
        self.faults().around(&self.flawless_cloud())
    }

    /// All ports; no call goes wrong.
    pub fn flawless_cloud(&self) -> Cloud {
        let world = Arc::new(self.clone());
        let service = |kind| Arc::new(Service { world: self.clone(), kind });
        let (refresh, deploy) = (service(FleetKind::AutoScaling), service(FleetKind::CodeDeploy));
        Cloud {
            reads: Reads {
                weights: ByMedium {
                    load_balancers: world.clone(),
                    dns: world.clone(),
                    functions: world.clone(),
                },
                load_balancers: world.clone(),
                dns: world.clone(),
                aliases: world.clone(),
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
            },
            weights: ByMedium {
                load_balancers: world.clone(),
                dns: world.clone(),
                functions: world.clone(),
            },
            test_routes: world.clone(),
            sizes: world.clone(),
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
