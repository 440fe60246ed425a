//! The ports through which a step makes the candidate that it then rolls out: a version of a function from what is
//! uploaded. A version is found again by what was written on it when it was made.

use async_trait::async_trait;

use super::Error;
use crate::{
    plan::{CodeDigest, Member},
    rollout::Made,
};

#[async_trait]
pub trait Releases: Send + Sync {
    /// The version of the function whose alias has this ARN that was published with this description.
    async fn made(&self, alias: &str, description: &str) -> Result<Option<Member>, Error>;
}

#[async_trait]
pub trait Publishing: Send + Sync {
    /// Publishes what is uploaded, if that is this code; `Conflict` if it is another. What AWS knows to be unchanged since a
    /// version was published is that version.
    async fn publish(
        &self,
        alias: &str,
        code: &CodeDigest,
        description: &str,
    ) -> Result<Made, Error>;
}
