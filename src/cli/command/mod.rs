//! One file per command, and the way to them.

mod attempts;
mod calibrate;
mod check;
mod dispatch;
mod found;
mod gate;
mod history;
mod home;
mod judge;
mod marks;
mod operate;
mod plan;
mod preface;
mod run;
mod status;
mod witness;

pub(super) use check::invalid;
pub use dispatch::run;
