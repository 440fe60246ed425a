//! A queue, in which a gate hears of its alarms or whose messages it watches. A name is looked up in the account and region
//! of the run's credentials; a URL says both by itself.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An SQS queue, by name or URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
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

    /// What CloudWatch knows it by: the end of its URL.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').find(|part| !part.is_empty()).unwrap_or(&self.0)
    }

    /// The queue of this name beside it, in the same account and region, named as it is.
    #[must_use]
    pub fn beside(&self, name: &str) -> Self {
        let around = self.0.trim_end_matches('/').strip_suffix(self.name());
        Self(format!("{}{name}", around.unwrap_or_default()))
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_a_queue_is_named_as_the_queue_is() {
        let url = Queue::new("https://sqs.eu-west-1.amazonaws.com/111122223333/orders");
        assert_eq!(url.name(), "orders");
        let beside = url.beside("dead");
        assert_eq!(beside.as_str(), "https://sqs.eu-west-1.amazonaws.com/111122223333/dead");
        assert_eq!(Queue::new("orders").beside("dead"), Queue::new("dead"));
    }
}
