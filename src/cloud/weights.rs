//! Weights, whatever carries them: how traffic is split at a place, and how that is changed. What splits it (rules of a
//! load balancer, records, the alias of a function, the stage of an API, mappings, a target of a rule) is one port each, found by
//! a route's service (`cloud/routes.rs`), so that whoever reads or moves a split does not ask what kind of thing it is.

use async_trait::async_trait;

use super::Error;
use crate::rollout::Split;

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
