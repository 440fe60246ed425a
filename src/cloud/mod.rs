//! The ports: what tidegate asks of a cloud, one narrow trait per service, in its own words. Reading and writing are
//! separate traits, so a preview that is only given [`Reads`] cannot change anything, by type.

mod aliases;
mod calls;
mod error;
mod http;
mod lead;
mod leads;
mod marks;
mod metrics;
mod names;
mod news;
mod old_versions;
mod operation;
mod places;
mod ports;
mod process;
mod queues;
mod releases;
mod routes;
mod software;
mod stages;
mod weights;

pub use aliases::*;
pub use calls::*;
pub use error::*;
pub use http::*;
pub use lead::*;
pub use leads::{in_words, leads, leads_to_groups};
pub use marks::*;
pub use metrics::*;
pub use names::*;
pub use news::*;
pub use old_versions::*;
pub use operation::*;
pub use places::*;
pub use ports::*;
pub use process::*;
pub use queues::*;
pub use releases::*;
pub use routes::*;
pub use software::*;
pub use stages::*;
pub use weights::*;
