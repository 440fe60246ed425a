//! What people and programs get to see of a run. Timeline, status page and JSON fold the same events of the journal,
//! so they cannot tell different stories. Pure: nothing here prints or asks for the time.

mod history;
mod next;
mod page;
mod progress;
mod run;
mod said;
#[cfg(test)]
mod sample;
mod sentence;
mod standing;
mod style;
mod timeline;
mod view;
mod words;

pub use history::*;
pub use next::*;
pub use page::*;
pub use progress::*;
pub use standing::*;
pub use style::*;
pub use timeline::*;
pub use view::*;
pub use words::{attempts_line, describe, evidence};
