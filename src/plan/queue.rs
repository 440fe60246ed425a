//! The queue in which a gate hears of its alarms. A name is looked up in the account and region of the run's
//! credentials; a URL says both by itself.

use std::fmt;

/// An SQS queue, by name or URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Queue(String);

impl Queue {
    pub fn new(name_or_url: impl Into<String>) -> Self {
        Self(name_or_url.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_url(&self) -> bool {
        self.0.contains("://")
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
