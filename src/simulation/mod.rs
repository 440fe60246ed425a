//! The cloud in memory: all ports, over one world with virtual time. `run --simulate` plays a plan against it, and it
//! is the ground of most tests. Start reading at `landscape.rs`.

mod alarm;
mod alarm_script;
mod aliases_port;
mod buses_port;
mod change;
mod cloud;
mod concurrency_script;
mod forward_rule;
mod from_plan;
mod functions_port;
mod hindered;
mod hindrance;
mod home;
mod installation;
mod installations_port;
mod invocation_script;
mod landscape;
mod mappings_port;
mod marks_port;
mod meter;
mod metric;
mod metrics_port;
mod names_port;
mod news_port;
mod old_versions_port;
mod operators;
mod others;
mod phrases;
mod ports;
mod provisioned_port;
mod queue_script;
mod queues_port;
mod release;
mod releases_port;
mod replay;
mod replays_port;
mod route_place;
mod scaling_group;
mod scenario;
mod scripted_fault;
mod scripts;
mod side_script;
mod stages_port;
mod standing;
mod stream_script;
mod streams_port;
mod takers_port;
mod target_group;
mod traffic;
mod violation;
mod world;

pub use alarm_script::*;
pub use concurrency_script::*;
pub use invocation_script::*;
pub use operators::*;
pub use phrases::*;
pub use queue_script::*;
pub use scenario::*;
pub use scripts::*;
pub use side_script::*;
pub use stream_script::*;
pub use traffic::{Ledger, Minute, Requests, Served};
pub use violation::*;
pub use world::*;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
