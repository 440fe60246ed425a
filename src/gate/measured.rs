//! Whose metrics a route's are: the names under which the load balancer publishes what it saw of a side, and what came
//! back for them, which counts only when it is whole.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    cloud::{Completeness, Error, Operation, Query, Reads, Series},
    plan::{Member, Side, Statistic},
    rollout::{Bound, Reading, Timestamp},
};

pub(super) const REQUESTS: &str = "RequestCount";
pub(super) const SERVER_ERRORS: &str = "HTTPCode_Target_5XX_Count";

/// The dimensions of one target group behind one Application Load Balancer.
pub(super) struct Source(Vec<(String, String)>);

impl Source {
    /// `Rejected` where the resource is not a rule or listener of an Application Load Balancer.
    pub(super) async fn of(reads: &Reads, bound: &Bound, side: Side) -> Result<Self, Error> {
        Self::of_group(reads, bound, bound.member(side)).await
    }

    /// Of any group that the route sends traffic to.
    pub(super) async fn of_group(
        reads: &Reads,
        bound: &Bound,
        group: &Member,
    ) -> Result<Self, Error> {
        let load_balancer = load_balancer(&bound.resource).ok_or_else(|| Error::Rejected {
            operation: Operation::GetMetricData,
            message: format!("{} belongs to no Application Load Balancer", bound.resource),
        })?;
        let group = reads.load_balancers.target_group(group).await?;
        let group = group.arn.rsplit(':').next().unwrap_or_default().to_owned();
        Ok(Self(vec![
            ("LoadBalancer".to_owned(), load_balancer.to_owned()),
            ("TargetGroup".to_owned(), group),
        ]))
    }

    pub(super) fn query(&self, metric: &str, statistic: Statistic) -> Query {
        Query {
            namespace: "AWS/ApplicationELB".to_owned(),
            metric: metric.to_owned(),
            dimensions: self.0.clone(),
            statistic,
        }
    }
}

/// `app/name/id` within the ARN of a rule or listener.
fn load_balancer(resource: &str) -> Option<&str> {
    let start = resource.find("/app/")? + 1;
    let path = resource.get(start..)?;
    let end = path.match_indices('/').nth(2).map_or(path.len(), |(at, _)| at);
    path.get(..end).filter(|path| path.matches('/').count() == 2)
}

/// The last whole period's end.
pub(super) fn last_whole(at: Timestamp, period: Duration) -> Timestamp {
    let length = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
    Timestamp::from_millis(at.as_millis().div_euclid(length).saturating_mul(length))
}

/// With where the figures come from: which metrics, and the requests that AWS can look up.
pub(super) fn attributed(reading: Reading, queries: &[Query], answers: &[Series]) -> Reading {
    let sources: BTreeSet<String> = queries.iter().map(Query::source).collect();
    let requests: BTreeSet<&str> =
        answers.iter().flat_map(|series| &series.requests).map(String::as_str).collect();
    let sources: Vec<String> = sources.into_iter().collect();
    reading.with(Reading::SOURCE, sources.join("; ")).brought_by(&requests)
}

/// Words for what an answer lacks; `None` when it is whole.
pub(super) fn lacking(queries: &[Query], answers: &[Series]) -> Option<String> {
    if queries.len() != answers.len() {
        return Some(format!("{} of {} metrics answered", answers.len(), queries.len()));
    }
    queries.iter().zip(answers).find_map(|(query, series)| match &series.completeness {
        Completeness::Complete if series.points.iter().all(|(_, value)| value.is_finite()) => None,
        Completeness::Complete => Some(format!("{} has a value that is no number", query.metric)),
        Completeness::Partial => Some(format!("only part of {} was answered", query.metric)),
        Completeness::Failed(words) => Some(format!("{} was not answered: {words}", query.metric)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_balancer_is_told_from_what_stands_on_it() {
        let arn = "arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/shop/50dc/f2f7/9683";
        assert_eq!(load_balancer(arn), Some("app/shop/50dc"));
        let arn = "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/shop/50dc/f2f7";
        assert_eq!(load_balancer(arn), Some("app/shop/50dc"));
        assert_eq!(load_balancer("arn:aws:elasticloadbalancing:x:1:listener/net/a/b/c"), None);
        assert_eq!(load_balancer("arn:x:listener/app/y"), None);
    }

    #[test]
    fn the_period_that_is_under_way_is_left_out() {
        let minute = Duration::from_mins(1);
        let at = Timestamp::from_millis;
        assert_eq!(last_whole(at(119_999), minute), at(60_000));
        assert_eq!(last_whole(at(120_000), minute), at(120_000));
    }
}
