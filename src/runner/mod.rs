//! The loop: everything that happens becomes an input, one after the other, and what the core wants done is done.

mod alarm_poller;
mod clock;
mod driver;
mod listening;
mod observer;
mod observers;
mod ownership;
mod polls;
mod shared_alarms;
mod signals;
#[cfg(test)]
mod slow_disk;
mod terms;
mod under_way;

pub use alarm_poller::*;
pub use clock::*;
pub use driver::*;
pub use observer::*;
pub use observers::*;
pub use ownership::*;
pub use shared_alarms::*;
pub use signals::*;
pub use terms::*;
