//! The handle on the simulated cloud: it moves the world on to the present before anything is asked of it or done to
//! it, counts what is asked, and tells at the end what users saw.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    from_plan::Home,
    installations_port::Service,
    landscape::Landscape,
    phrases::Moment,
    scenario::{DriftScript, Scenario},
    traffic::Ledger,
    violation::Violation,
};
use crate::{
    cloud::{Calls, Cloud, Operation, Reads},
    plan::{FleetKind, Plan},
    rollout::Timestamp,
    testkit::{Call, Faults},
};

/// Tells the present; virtual time when it comes from tokio's paused clock.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A cloud in memory. Clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    landscape: Mutex<Landscape>,
    home: Home,
    calls: Calls,
    now: Now,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    /// The cloud a plan names, as it is when the run begins: now.
    pub fn for_plan(plan: &Plan, scenario: &Scenario, now: Now) -> Self {
        let landscape = Mutex::new(Landscape::for_plan(plan, scenario, now()));
        Self(Arc::new(Shared { landscape, home: Home::of(plan), calls: Calls::default(), now }))
    }

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
                load_balancers: world.clone(),
                dns: world.clone(),
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
                region: self.0.home.region.clone(),
            },
            weights: world.clone(),
            records: world.clone(),
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

    /// The tally of requests by AWS operation.
    pub fn calls(&self) -> Calls {
        self.0.calls.clone()
    }

    /// What became of users' requests so far.
    pub fn ledger(&self) -> Ledger {
        self.look(|landscape, _| landscape.ledger.clone())
    }

    /// What was done so far that must never be done.
    pub fn violations(&self) -> Vec<Violation> {
        self.look(|landscape, _| landscape.violations.clone())
    }

    /// When a moment of the scenario is; `None` while that is not known, and for `asked`, which only a run knows.
    pub fn moment(&self, moment: Moment) -> Option<Timestamp> {
        self.look(|landscape, _| landscape.moment(moment))
    }

    /// Changes weights or sizes as somebody else would, now; the moment in `drift` is not looked at.
    pub fn change_by_hand(&self, drift: &DriftScript) {
        self.look(|landscape, now| landscape.change_by_hand(now, drift));
    }

    /// Moves the world on to the present and lets `look` at it.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Landscape, Timestamp) -> T) -> T {
        let now = (self.0.now)();
        let mut landscape = self.0.landscape.lock().unwrap_or_else(PoisonError::into_inner);
        landscape.advance(now);
        look(&mut landscape, now)
    }

    /// The same, as a request that is counted.
    pub(super) fn request<T>(
        &self,
        operation: Operation,
        look: impl FnOnce(&mut Landscape, Timestamp) -> T,
    ) -> T {
        self.0.calls.count(operation.name());
        self.look(look)
    }

    pub(super) fn account(&self) -> &str {
        &self.0.home.account
    }
}
