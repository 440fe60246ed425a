//! Whose metrics a route's are: the names under which a service publishes what it saw of a side, and what came
//! back for them, which counts only when it is whole.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    cloud::{Completeness, Error, Operation, Query, Reads, Series, names_of_alias},
    plan::{Member, OF_VERSIONS, Published, Side, Statistic},
    rollout::{Reading, RouteBound, Timestamp},
};

/// What stands on a side of a route, by the name that it is asked about with.
pub(super) fn standing(bound: &RouteBound, side: Side) -> Result<&Member, Error> {
    bound.member(side).ok_or_else(|| Error::Absent {
        what: format!("{side} side of {}, which no step has made yet", bound.resource),
    })
}

/// The metrics of one side: those of a target group behind one Application Load Balancer, or of a version behind an
/// alias.
pub(super) struct Source {
    published: &'static Published,
    dimensions: Vec<(String, String)>,
}

impl Source {
    /// `Rejected` where nobody counts the requests of a route's sides.
    pub(super) async fn of(reads: &Reads, bound: &RouteBound, side: Side) -> Result<Self, Error> {
        Self::of_member(reads, bound, standing(bound, side)?).await
    }

    /// Of anything that the route sends traffic to.
    pub(super) async fn of_member(
        reads: &Reads,
        bound: &RouteBound,
        member: &Member,
    ) -> Result<Self, Error> {
        let nobody = |whose: &str| Error::Rejected {
            operation: Operation::GetMetricData,
            message: format!("{} belongs to no {whose}", bound.resource),
        };
        let published = bound.service.published().ok_or_else(|| nobody("load balancer"))?;
        let dimensions = if *published == OF_VERSIONS {
            let names = names_of_alias(&bound.resource);
            let (function, alias) = names.ok_or_else(|| nobody("function"))?;
            vec![
                ("FunctionName", function.to_owned()),
                ("Resource", format!("{function}:{alias}")),
                ("ExecutedVersion", member.to_string()),
            ]
        } else {
            let load_balancer = load_balancer(&bound.resource);
            let load_balancer = load_balancer.ok_or_else(|| nobody("Application Load Balancer"))?;
            let group = reads.load_balancers.target_group(member).await?;
            let group = group.arn.rsplit(':').next().unwrap_or_default().to_owned();
            vec![("LoadBalancer", load_balancer.to_owned()), ("TargetGroup", group)]
        };
        let dimensions = dimensions.into_iter().map(|(name, value)| (name.to_owned(), value));
        Ok(Self { published, dimensions: dimensions.collect() })
    }

    pub(super) fn query(&self, metric: &str, statistic: Statistic) -> Query {
        Query {
            namespace: self.published.namespace.to_owned(),
            metric: metric.to_owned(),
            dimensions: self.dimensions.clone(),
            statistic,
        }
    }

    /// How many requests there were.
    pub(super) fn requests(&self) -> Query {
        self.query(self.published.requests, Statistic::Sum)
    }

    pub(super) fn server_errors(&self) -> Query {
        self.query(self.published.server_errors, Statistic::Sum)
    }

    /// How many answers took longer than this, and how many did not.
    pub(super) fn slower_and_quicker(&self, than: Duration) -> [Query; 2] {
        let bound = than.as_millis().saturating_mul(self.published.per_second.into());
        let bound = u32::try_from(bound).unwrap_or(u32::MAX);
        [Statistic::CountAbove(bound), Statistic::CountUpTo(bound)]
            .map(|counted| self.query(self.published.time, counted))
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
