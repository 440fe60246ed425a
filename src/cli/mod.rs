//! The command line: what was typed becomes settings, settings are wired to ports, commands run, and one place prints
//! and one decides the exit code. Nothing depends on this module.

mod args;
mod command;
mod complete;
mod exit;
mod files;
mod output;
mod settings;
mod wire;

pub use command::run;
pub use exit::Exit;
