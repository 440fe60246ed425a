//! The decisions. Facts go in, facts come out: no clock, no IO, no async. Start reading at `decide.rs`.

mod approval;
mod calendar;
mod change;
mod command;
mod decide;
mod effect;
mod event;
mod input;
mod moment;
mod outstanding;
mod picture;
mod reading;
mod rollback;
mod splits;
mod state;
mod tally;
mod watch;
mod why;

pub use approval::{Vote, Voter, approvals_of};
pub use calendar::window_reading;
pub use change::change_of;
pub use command::*;
pub use decide::{handle, target_of};
pub use effect::*;
pub use event::*;
pub use input::*;
pub use moment::*;
pub use outstanding::outstanding;
pub use picture::*;
pub use reading::*;
pub use splits::*;
pub use state::*;
pub use tally::*;
pub use why::*;
