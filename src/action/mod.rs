//! The verbs: how a target is read and changed through the ports, and what has to be settled before a run may start.
//! What to do when is decided in `rollout`; here is only how.

mod alarms;
mod automation;
mod live;
mod permissions;
mod preflight;
mod preview;
mod replacement;

pub use live::*;
pub use permissions::*;
pub use preflight::*;
pub use preview::*;
