//! Counts calls to the cloud by AWS operation. Speed is measured in calls here, because they are what throttles, costs
//! and repeats exactly, while seconds on a shared machine do not.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A shared tally; clones count into the same one.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<BTreeMap<String, u64>>>);

impl Calls {
    /// Notes one request for an operation, such as `DescribeAlarms`.
    pub fn count(&self, operation: &str) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(operation.to_owned()).or_default() += 1;
    }

    /// The tally so far, by operation.
    pub fn by_operation(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
