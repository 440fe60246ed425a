//! The handle on the simulated cloud: it moves the world on to the present before anything is asked of it or done to
//! it, counts what is asked, and tells at the end what users saw.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    home::Home, landscape::Landscape, phrases::Moment, scenario::Scenario, scripts::DriftScript,
    traffic::Ledger, violation::Violation,
};
use crate::{
    cloud::{Calls, Operation},
    plan::Plan,
    rollout::Timestamp,
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
        Self(Arc::new(Shared {
            landscape,
            home: Home::of(plan, scenario),
            calls: Calls::default(),
            now,
        }))
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

    pub(super) fn home(&self) -> &Home {
        &self.0.home
    }

    pub(super) fn region(&self) -> &str {
        &self.0.home.region
    }

    pub(super) fn account(&self) -> &str {
        &self.0.home.account
    }
}
