//! The checks: how each question is put to the world, and how the answer becomes a reading. Nothing here decides what
//! a reading leads to.

mod alarm;
mod calibrate;
mod command;
mod compare;
mod error_budget;
mod exposures;
mod health;
mod http;
mod invoke;
mod judgements;
mod lag;
mod lambda;
mod measured;
mod metric;
mod poll;
mod queue;
mod queue_past;
mod replay;
mod requests;
mod rows;
mod said;
mod stream;
mod unknown;

pub use alarm::*;
pub use calibrate::*;
pub use command::*;
pub use compare::*;
pub use error_budget::*;
pub use exposures::*;
pub use health::*;
pub use http::*;
pub use invoke::*;
pub use judgements::*;
pub use lambda::*;
pub use metric::*;
pub use poll::*;
pub use queue::*;
pub use replay::*;
pub use requests::*;
pub use stream::*;
pub use unknown::*;
