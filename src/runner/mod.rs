//! The loop: everything that happens becomes an input, one after the other, and what the core wants done is done.

mod alarm_poller;
mod clock;
mod driver;
mod listening;
mod observer;
mod ownership;
mod polls;
mod signals;
#[cfg(test)]
mod slow_disk;
mod terms;

pub use alarm_poller::*;
pub use clock::*;
pub use driver::*;
pub use observer::*;
pub use ownership::*;
pub use signals::*;
pub use terms::*;
