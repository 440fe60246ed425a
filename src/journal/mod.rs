//! Durability. A run is an append-only journal of events; this module keeps it, fences its writers, and locks what a
//! run owns. Start at `store.rs` and `lock.rs`, the two contracts; `files` and `memory` keep them.

#[cfg(test)]
mod contract;
mod envelope;
mod error;
mod files;
mod held;
mod ids;
mod lock;
mod memory;
mod store;

pub use envelope::*;
pub use error::*;
pub use files::*;
pub use held::*;
pub use ids::*;
pub use lock::*;
pub use memory::*;
pub use store::*;
