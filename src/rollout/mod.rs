//! The decisions. Facts go in, facts come out: no clock, no IO, no async. Start reading at `decide.rs`.

mod event;
mod moment;
mod picture;
mod reading;

pub use event::*;
pub use moment::*;
pub use picture::*;
pub use reading::*;
