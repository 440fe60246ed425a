//! The metrics of the simulated load balancers and functions. A metric nobody publishes has no points, as with AWS.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;

use super::{
    landscape::Landscape, queues_port::of_queue, route_place::Place, streams_port::of_stream,
    world::World,
};
use crate::{
    cloud::{Completeness, Error, Metrics, Operation, Query, Series},
    plan::{Member, OF_TARGET_GROUPS, OF_VERSIONS, Statistic},
    rollout::Timestamp,
};

#[async_trait]
impl Metrics for World {
    async fn series(
        &self,
        queries: &[Query],
        from: Timestamp,
        to: Timestamp,
        period: Duration,
    ) -> Result<Vec<Series>, Error> {
        Ok(self.request(Operation::GetMetricData, |landscape, now| {
            let delay = i64::try_from(landscape.scenario.metric_delay.as_millis());
            let late = delay.unwrap_or(i64::MAX);
            let visible = Timestamp::from_millis(now.as_millis().saturating_sub(late));
            let answer = |query: &Query| Series {
                points: points(landscape, query, (from, to), period, visible),
                completeness: Completeness::Complete,
                requests: Vec::new(),
            };
            queries.iter().map(answer).collect()
        }))
    }
}

fn points(
    landscape: &Landscape,
    query: &Query,
    window: (Timestamp, Timestamp),
    period: Duration,
    visible: Timestamp,
) -> Vec<(Timestamp, f64)> {
    let asked = |group: &Member, metric: &str, statistic| {
        landscape.meter.points(group, (metric, statistic), window, period, visible)
    };
    if let Some(group) = of_target_group(landscape, query) {
        return asked(group, &query.metric, query.statistic);
    }
    let Some(version) = of_version(landscape, query) else {
        let of_stream = of_stream(landscape, query, window, visible);
        return of_stream.unwrap_or_else(|| of_queue(landscape, query, window, visible));
    };
    let like = &OF_TARGET_GROUPS;
    let metric = query.metric.as_str();
    if metric == OF_VERSIONS.requests {
        asked(version, like.requests, query.statistic)
    } else if metric == OF_VERSIONS.server_errors {
        // Lambda publishes a 0 for each invocation without an error.
        let invocations = asked(version, like.requests, Statistic::Sum);
        let mut errors: BTreeMap<_, _> = invocations.into_iter().map(|(at, _)| (at, 0.0)).collect();
        errors.extend(asked(version, like.server_errors, query.statistic));
        errors.into_iter().collect()
    } else if metric == OF_VERSIONS.time {
        // The meter counts in seconds, Lambda in milliseconds.
        let of_seconds = |bound: u32| bound / u32::from(OF_VERSIONS.per_second);
        match query.statistic {
            Statistic::CountAbove(bound) => {
                asked(version, like.time, Statistic::CountAbove(of_seconds(bound)))
            }
            Statistic::CountUpTo(bound) => {
                asked(version, like.time, Statistic::CountUpTo(of_seconds(bound)))
            }
            Statistic::SampleCount => asked(version, like.time, Statistic::SampleCount),
            statistic @ (Statistic::Sum
            | Statistic::Average
            | Statistic::Minimum
            | Statistic::Maximum
            | Statistic::Percentile(_)) => {
                let seconds = asked(version, like.time, statistic).into_iter();
                seconds.map(|(at, time)| (at, time * f64::from(OF_VERSIONS.per_second))).collect()
            }
        }
    } else {
        Vec::new()
    }
}

fn dimension<'a>(query: &'a Query, wanted: &str) -> Option<&'a str> {
    let mut named = query.dimensions.iter().filter(|(name, _)| name == wanted);
    named.next().map(|(_, value)| value.as_str())
}

/// The target group whose metric this is: the dimensions have to be those it is published with.
fn of_target_group<'a>(landscape: &'a Landscape, query: &Query) -> Option<&'a Member> {
    let (group, load_balancer) =
        (dimension(query, "TargetGroup")?, dimension(query, "LoadBalancer")?);
    let mut rules = landscape.rules.values();
    let is_known = rules.any(|rule| rule.forward.load_balancer == load_balancer);
    if query.namespace != OF_TARGET_GROUPS.namespace || query.dimensions.len() != 2 || !is_known {
        return None;
    }
    let mut groups = landscape.target_groups.iter();
    let named = |arn: &str| arn.rsplit_once(':').is_some_and(|(_, end)| end == group);
    groups.find(|(_, simulated)| named(&simulated.described.arn)).map(|(name, _)| name)
}

/// The version whose metric this is, likewise.
fn of_version<'a>(landscape: &'a Landscape, query: &Query) -> Option<&'a Member> {
    let (function, resource) = (dimension(query, "FunctionName")?, dimension(query, "Resource")?);
    let version = dimension(query, "ExecutedVersion")?;
    let is_there = landscape.rules.values().any(|rule| {
        matches!(&rule.place, Place::Alias(at) if at.function == function && at.to_string() == resource)
    });
    if query.namespace != OF_VERSIONS.namespace || query.dimensions.len() != 3 || !is_there {
        return None;
    }
    let mut versions = landscape.target_groups.keys();
    versions.find(|member| member.as_str() == version)
}
