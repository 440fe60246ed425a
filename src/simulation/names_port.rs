//! The port onto names: of all that stands in the landscape.

use async_trait::async_trait;

use super::world::World;
use crate::cloud::{Error, Kind, Names};

#[async_trait]
impl Names for World {
    async fn names(&self, of: Kind) -> Result<Vec<String>, Error> {
        Ok(self.look(|landscape, _| match of {
            Kind::TargetGroup => landscape.target_groups.keys().map(ToString::to_string).collect(),
            Kind::ScalingGroup => landscape.groups.keys().map(ToString::to_string).collect(),
            Kind::Alarm => landscape.alarms.keys().cloned().collect(),
            // A plan's own are always there.
            Kind::LoadBalancer | Kind::HostedZone => Vec::new(),
        }))
    }
}
