//! The verbs: how a target is read and changed through the ports, and what has to be settled before a run may start.
//! What to do when is decided in `rollout`; here is only how.

mod absent;
mod alarms;
mod aliases;
mod attach;
mod automation;
mod buses;
mod capacities;
mod fleets;
mod integrations;
mod leads;
mod live;
mod mappings;
mod objection;
mod permissions;
mod preflight;
mod preview;
mod provisioned;
mod queues;
mod replacement;
mod replays;
mod resource_policy;
mod routes;
mod sides;
mod stages;
mod standing;
mod takers;
mod versions;

pub use live::*;
pub use objection::{LedTo, Objection, Settled, Unsettled};
pub use permissions::*;
pub use preflight::*;
pub use preview::*;
