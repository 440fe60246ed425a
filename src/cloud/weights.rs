//! Weights, whatever carries them: how traffic is split at a place, and how that is changed. What splits it (rules of a
//! load balancer, records, the alias of a function, the stage of an API, event source mappings) is one port each, found by a route's service, so that whoever reads or
//! moves a split does not ask what kind of thing it is.

use std::sync::Arc;

use async_trait::async_trait;

use super::Error;
use crate::rollout::{RouteService, Split};

#[async_trait]
pub trait Weights: Send + Sync {
    /// How traffic is split at a place: the ARN of a rule, listener, alias or stage, the zone, name and type of records,
    /// or the ARNs of mappings.
    async fn split(&self, place: &str) -> Result<Split, Error>;
}

#[async_trait]
pub trait SetWeights: Send + Sync {
    /// Makes the split `to` and keeps everything else that stands there. Reads first: `Conflict` when the live split is
    /// neither `expected` nor `to` already, nor, where sides are set one after the other, on the way there. Returns once the change is made; of records, once every name server has it,
    /// for which what stands already is written again.
    async fn set_weights(&self, place: &str, expected: &Split, to: &Split) -> Result<(), Error>;
}

/// A port for each service that splits traffic.
pub struct ByService<Port: ?Sized> {
    pub load_balancers: Arc<Port>,
    pub dns: Arc<Port>,
    pub functions: Arc<Port>,
    pub gateways: Arc<Port>,
    pub mappings: Arc<Port>,
}

impl<Port: ?Sized> ByService<Port> {
    /// The port that a route's weights are reached by.
    pub fn of(&self, service: RouteService) -> &Port {
        match service {
            RouteService::ElasticLoadBalancing => self.load_balancers.as_ref(),
            RouteService::Route53 => self.dns.as_ref(),
            RouteService::Lambda => self.functions.as_ref(),
            RouteService::ApiGateway => self.gateways.as_ref(),
            RouteService::EventSource => self.mappings.as_ref(),
        }
    }

    /// The same with something around each port.
    pub fn wrapped<Around: ?Sized>(
        &self,
        wrap: impl Fn(&Arc<Port>, RouteService) -> Arc<Around>,
    ) -> ByService<Around> {
        ByService {
            load_balancers: wrap(&self.load_balancers, RouteService::ElasticLoadBalancing),
            dns: wrap(&self.dns, RouteService::Route53),
            functions: wrap(&self.functions, RouteService::Lambda),
            gateways: wrap(&self.gateways, RouteService::ApiGateway),
            mappings: wrap(&self.mappings, RouteService::EventSource),
        }
    }
}

impl<Port: ?Sized> Clone for ByService<Port> {
    fn clone(&self) -> Self {
        Self {
            load_balancers: Arc::clone(&self.load_balancers),
            dns: Arc::clone(&self.dns),
            functions: Arc::clone(&self.functions),
            gateways: Arc::clone(&self.gateways),
            mappings: Arc::clone(&self.mappings),
        }
    }
}
