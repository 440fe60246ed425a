//! Metrics as they are asked for: which figure, of what, over which time. What the answer lacks is said with it, so
//! that half an answer is never taken for a whole one.

use std::time::Duration;

use async_trait::async_trait;

use super::Error;
use crate::{plan::Statistic, rollout::Timestamp};

/// One metric with one statistic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Query {
    /// Such as `AWS/ApplicationELB`.
    pub namespace: String,
    /// Such as `RequestCount`.
    pub metric: String,
    /// Names and values; all that the metric was published with.
    pub dimensions: Vec<(String, String)>,
    pub statistic: Statistic,
}

impl Query {
    /// Whose metric it is, in words.
    pub fn source(&self) -> String {
        let dimensions = self.dimensions.iter().map(|(name, value)| format!(" {name}={value}"));
        format!("{}{}", self.namespace, dimensions.collect::<String>())
    }
}

/// The answer to one query.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The beginning of a period and its figure, oldest first. A period without data has no point.
    pub points: Vec<(Timestamp, f64)>,
    pub completeness: Completeness,
    /// AWS's ids of the requests that brought it.
    pub requests: Vec<String>,
}

/// Whether all there is was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    Complete,
    /// There is more that was not answered.
    Partial,
    /// There is no answer: the words for it.
    Failed(String),
}

#[async_trait]
pub trait Metrics: Send + Sync {
    /// Figures of whole periods that begin at `from` or later and before `to`, one series per query, in their order.
    /// Both moments are multiples of `period`, which is a whole number of minutes.
    async fn series(
        &self,
        queries: &[Query],
        from: Timestamp,
        to: Timestamp,
        period: Duration,
    ) -> Result<Vec<Series>, Error>;
}
