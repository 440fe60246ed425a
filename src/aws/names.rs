//! What there is, by name: for preflight, when something that a plan names is not there.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    auto_scaling::AutoScaling, balancing::ElasticLoadBalancing, cloudwatch::CloudWatch,
    error::classed, route53::Route53,
};
use crate::cloud::{Error, Kind, Names, Operation};

/// Pages that are read: hundreds of names are enough to find a mistyped one among.
const PAGES: usize = 5;

/// The services that know names.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) load_balancing: Arc<ElasticLoadBalancing>,
    pub(super) auto_scaling: Arc<AutoScaling>,
    pub(super) cloudwatch: Arc<CloudWatch>,
    pub(super) route53: Arc<Route53>,
}

impl Directory {
    async fn load_balancers(&self, marker: Option<String>) -> Result<Page, Error> {
        self.load_balancing.pace.turn().await;
        let call = self.load_balancing.client.describe_load_balancers().set_marker(marker).send();
        let page = call.await.map_err(classed(Operation::DescribeLoadBalancers, ""))?;
        let names = page.load_balancers.into_iter().flatten();
        Ok(Page {
            names: names.filter_map(|found| found.load_balancer_name).collect(),
            next: page.next_marker,
        })
    }

    async fn target_groups(&self, marker: Option<String>) -> Result<Page, Error> {
        self.load_balancing.pace.turn().await;
        let call = self.load_balancing.client.describe_target_groups().set_marker(marker).send();
        let page = call.await.map_err(classed(Operation::DescribeTargetGroups, ""))?;
        let names = page.target_groups.into_iter().flatten();
        Ok(Page {
            names: names.filter_map(|found| found.target_group_name).collect(),
            next: page.next_marker,
        })
    }

    async fn scaling_groups(&self, token: Option<String>) -> Result<Page, Error> {
        self.auto_scaling.pace.turn().await;
        let call = self.auto_scaling.client.describe_auto_scaling_groups().set_next_token(token);
        let page = call.max_records(100).send().await;
        let page = page.map_err(classed(Operation::DescribeAutoScalingGroups, ""))?;
        let names = page.auto_scaling_groups.into_iter().flatten();
        Ok(Page {
            names: names.filter_map(|found| found.auto_scaling_group_name).collect(),
            next: page.next_token,
        })
    }

    async fn alarms(&self, token: Option<String>) -> Result<Page, Error> {
        self.cloudwatch.pace.turn().await;
        let call = self.cloudwatch.client.describe_alarms().set_next_token(token);
        let page = call.max_records(100).send().await;
        let page = page.map_err(classed(Operation::DescribeAlarms, ""))?;
        let metric = page.metric_alarms.into_iter().flatten().filter_map(|alarm| alarm.alarm_name);
        let composite =
            page.composite_alarms.into_iter().flatten().filter_map(|alarm| alarm.alarm_name);
        Ok(Page { names: metric.chain(composite).collect(), next: page.next_token })
    }

    /// The first hundred; an account rarely has more.
    async fn hosted_zones(&self) -> Result<Page, Error> {
        self.route53.pace.turn().await;
        let call = self.route53.client.list_hosted_zones_by_name().send();
        let page = call.await.map_err(classed(Operation::ListHostedZonesByName, ""))?;
        let names = page.hosted_zones.iter().map(|zone| zone.name.trim_end_matches('.').to_owned());
        Ok(Page { names: names.collect(), next: None })
    }
}

struct Page {
    names: Vec<String>,
    next: Option<String>,
}

#[async_trait]
impl Names for Directory {
    async fn names(&self, of: Kind) -> Result<Vec<String>, Error> {
        let (mut names, mut from) = (Vec::new(), None);
        for _ in 0..PAGES {
            let page = match of {
                Kind::LoadBalancer => self.load_balancers(from).await?,
                Kind::TargetGroup => self.target_groups(from).await?,
                Kind::ScalingGroup => self.scaling_groups(from).await?,
                Kind::Alarm => self.alarms(from).await?,
                Kind::HostedZone => self.hosted_zones().await?,
            };
            names.extend(page.names);
            from = page.next.filter(|next| !next.is_empty());
            if from.is_none() {
                break;
            }
        }
        Ok(names)
    }
}
