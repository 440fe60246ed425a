//! The ports of provisioned concurrency: how many executions of a function's version are kept ready, and how many more there
//! may be. A version serves without any, only slower at first, so nothing here tells whether it serves.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::Error;
use crate::plan::Member;

/// How far AWS has come with keeping executions of a version ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// So many are asked for; none where there is no configuration.
    pub requested: u32,
    /// So many are ready.
    pub ready: u32,
    /// Why AWS has given up, in its words, if it has.
    pub failed: Option<String>,
}

/// How many executions of a function there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What the account has left for functions that reserve none.
    pub unreserved: u32,
    /// What the function has reserved, if it has.
    pub reserved: Option<u32>,
}

/// So many of an account's executions AWS keeps for functions that neither reserve nor provision any.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html#reserved-and-provisioned>
pub const KEPT_FREE: u32 = 100;

#[async_trait]
pub trait ProvisionedConcurrency: Send + Sync {
    /// Of a version of the function whose alias has this ARN.
    async fn provisioned(&self, alias: &str, version: &Member) -> Result<Provisioned, Error>;

    /// So many are asked for by whoever has any: versions of that function, and aliases by their names.
    async fn all_provisioned(&self, alias: &str) -> Result<BTreeMap<Member, u32>, Error>;

    async fn room(&self, alias: &str) -> Result<Room, Error>;
}

#[async_trait]
pub trait Provisioning: Send + Sync {
    /// Asks for so many of a version; for none takes away what was asked for.
    async fn provision(&self, alias: &str, version: &Member, executions: u32) -> Result<(), Error>;
}
