//! The language: bytes in, a validated [`Plan`] or every problem at once out. No IO and no clock.

mod model;
pub mod units;

pub use model::*;
