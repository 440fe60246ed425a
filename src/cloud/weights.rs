//! Weights, whatever carries them: how traffic is split at a place, and how that is changed. What splits it (rules of a
//! load balancer, records, the alias of a function) is one port each, found by a route's medium, so that whoever reads or
//! moves a split does not ask what kind of thing it is.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Error, Operation};
use crate::rollout::{Medium, Split};

#[async_trait]
pub trait Weights: Send + Sync {
    /// How traffic is split at a place: the ARN of a rule, listener or alias, or the zone, name and type of records.
    async fn split(&self, place: &str) -> Result<Split, Error>;
}

#[async_trait]
pub trait SetWeights: Send + Sync {
    /// Makes the split `to` and keeps everything else that stands there. Reads first: `Conflict` when the live split is
    /// neither `expected` nor `to` already. Returns once the change is made; of records, once every name server has it,
    /// for which what stands already is written again.
    async fn set_weights(&self, place: &str, expected: &Split, to: &Split) -> Result<(), Error>;
}

/// A port for each medium.
pub struct ByMedium<Port: ?Sized> {
    pub load_balancers: Arc<Port>,
    pub dns: Arc<Port>,
    pub functions: Arc<Port>,
}

impl<Port: ?Sized> ByMedium<Port> {
    /// The port that a route's weights are reached by.
    pub fn of(&self, medium: Medium) -> &Port {
        match medium {
            Medium::LoadBalancer => self.load_balancers.as_ref(),
            Medium::Dns { .. } => self.dns.as_ref(),
            Medium::Function => self.functions.as_ref(),
        }
    }

    /// The same with something around each port.
    pub fn wrapped<Around: ?Sized>(
        &self,
        wrap: impl Fn(&Arc<Port>, Medium) -> Arc<Around>,
    ) -> ByMedium<Around> {
        ByMedium {
            load_balancers: wrap(&self.load_balancers, Medium::LoadBalancer),
            dns: wrap(&self.dns, Medium::Dns { ttl: 0 }),
            functions: wrap(&self.functions, Medium::Function),
        }
    }
}

impl<Port: ?Sized> Clone for ByMedium<Port> {
    fn clone(&self) -> Self {
        Self {
            load_balancers: Arc::clone(&self.load_balancers),
            dns: Arc::clone(&self.dns),
            functions: Arc::clone(&self.functions),
        }
    }
}

/// What reading weights is called.
pub const fn reading(medium: Medium) -> Operation {
    match medium {
        Medium::LoadBalancer => Operation::DescribeRules,
        Medium::Dns { .. } => Operation::ListResourceRecordSets,
        Medium::Function => Operation::GetAlias,
    }
}

/// What a change of weights is called.
pub const fn setting(medium: Medium) -> Operation {
    match medium {
        Medium::LoadBalancer => Operation::ModifyRule,
        Medium::Dns { .. } => Operation::ChangeResourceRecordSets,
        Medium::Function => Operation::UpdateAlias,
    }
}
