//! The reading of a check whose question could not be put, or was not answered.

use crate::{
    cloud::Error,
    rollout::{Outcome, Reading, Timestamp},
};

/// What cannot be measured is unknown, with the reason.
pub fn unknown(error: &Error, at: Timestamp) -> Reading {
    Reading::new(Outcome::Unknown, at, format!("cannot be measured: {error}"))
}
