//! The judge on trial: simulations that measure how often it is wrong and how long it takes, beside its rivals on the
//! same traffic. The bench prints their tables, the tests assert them with fewer runs. Seeded: the same figures each time.

mod bound;
mod delays;
mod detection;
mod errors;
mod rivals;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod trial;

pub use delays::{against_fixed_horizon, against_kayenta, late_onset};
pub use detection::detection;
pub use errors::{
    cost_of_care, false_alarms, noise, rows_do_not_matter, wrong_fails, wrong_passes,
};
pub use stream::gates;
#[cfg(test)]
pub(super) use stream::{Zones, history};
pub use table::{Effort, Finding, Unit, heading};
#[cfg(test)]
pub(super) use trial::{simulated_delays, simulated_passes};
