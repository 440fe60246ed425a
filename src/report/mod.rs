//! What people and programs get to see of a run. Timeline, status page and JSON fold the same events of the journal,
//! so they cannot tell different stories. Pure: nothing here prints or asks for the time.

mod aws_command;
mod by_hand;
mod history;
mod mapping_commands;
mod next;
mod page;
mod paste;
mod progress;
mod route_commands;
mod run;
mod said;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod screens;
mod sentence;
mod standing;
mod style;
mod timeline;
mod tree;
mod typed;
mod version_commands;
mod view;
mod words;
mod wrap;

pub use aws_command::*;
pub use history::*;
pub use next::*;
pub use page::*;
pub use paste::before;
pub use progress::*;
pub use run::{RunFold, traffic, traffic_in};
pub use standing::*;
pub use style::*;
pub use timeline::*;
pub use view::*;
pub use words::{attempts_line, describe, evidence, figures, reach_of_failure};
pub use wrap::*;
