//! Durability. A run is an append-only journal of events; this module keeps it, fences its writers, and locks what a
//! run owns. `objects.rs` and `lock.rs` are the two contracts, which `files` and `memory` keep; `store.rs` says what a run is.

mod chain;
#[cfg(test)]
mod contract;
mod envelope;
mod error;
mod files;
mod held;
mod ids;
mod inbox;
mod lock;
mod looks;
mod memory;
mod objects;
mod store;
mod upcast;

pub use envelope::*;
pub use error::*;
pub use files::*;
pub use held::*;
pub use ids::*;
pub use inbox::*;
pub use lock::*;
pub use looks::*;
pub use memory::*;
pub use objects::*;
pub use store::*;
