//! The language: bytes in, a validated [`Plan`] or every problem at once out. No IO and no clock.

mod calendar;
mod check;
mod defaults;
mod delegated;
mod digest;
mod excerpt;
mod expand;
mod form;
mod graph;
mod lint;
mod measure;
mod measure_form;
mod model;
mod params;
mod problem;
mod published;
mod queue;
mod read;
mod render;
mod replacement;
mod replacement_form;
mod route_form;
#[cfg(test)]
mod sample;
mod scalar;
mod schema;
mod slips;
mod source;
mod syntax;
mod tree;
pub mod units;

pub use calendar::*;
pub use defaults::PATIENCE;
pub use delegated::*;
pub use expand::attaching;
pub use measure::*;
pub use model::*;
pub use params::declared;
pub use problem::{Label, Problem, Problems, Severity, did_you_mean, nearest};
pub use published::is_silent_at_zero;
pub use queue::*;
pub use read::{Checked, read};
pub use render::expand_to_yaml;
pub use replacement::*;
pub use schema::schema;
pub use source::{MAX_BYTES, Position, SourceFile, Span, read_document};
