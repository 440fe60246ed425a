//! The metrics of the simulated load balancers. A metric nobody publishes has no points, as with AWS.

use std::time::Duration;

use async_trait::async_trait;

use super::{landscape::Landscape, world::World};
use crate::{
    cloud::{Completeness, Error, Metrics, Operation, Query, Series},
    plan::Member,
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
            let answer = |query: &Query| {
                let asked = (query.metric.as_str(), query.statistic);
                let points = published(landscape, query)
                    .map(|group| landscape.meter.points(group, asked, (from, to), period, visible));
                Series {
                    points: points.unwrap_or_default(),
                    completeness: Completeness::Complete,
                    requests: Vec::new(),
                }
            };
            queries.iter().map(answer).collect()
        }))
    }
}

/// The target group whose metric this is: the dimensions have to be those it is published with.
fn published<'a>(landscape: &'a Landscape, query: &Query) -> Option<&'a Member> {
    let dimension = |wanted: &str| {
        query.dimensions.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    let (group, load_balancer) = (dimension("TargetGroup")?, dimension("LoadBalancer")?);
    let mut rules = landscape.rules.values();
    let is_known = rules.any(|rule| rule.forward.load_balancer == load_balancer);
    if query.namespace != "AWS/ApplicationELB" || query.dimensions.len() != 2 || !is_known {
        return None;
    }
    let mut groups = landscape.target_groups.iter();
    let named = |arn: &str| arn.rsplit_once(':').is_some_and(|(_, end)| end == group);
    groups.find(|(_, simulated)| named(&simulated.described.arn)).map(|(name, _)| name)
}
