//! The journal on a local disk, readable with `cat`. `disk.rs` is the only place that touches the file system.

#[cfg(test)]
mod crashes;
mod disk;
#[cfg(test)]
mod full_disk;
mod locks;
mod reserve;
mod store;

pub use store::*;
