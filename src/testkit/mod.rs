//! What tests put around the code under test: faults at the ports of a cloud, chance that a seed repeats, and a plan.

mod chance;
mod faults;
mod faulty_cloud;
mod faulty_serverless;
mod sample;

pub use chance::*;
pub use faults::*;
pub use sample::*;
