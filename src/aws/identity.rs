//! Whose credentials these are, so that a plan for one account is never run in another.

use async_trait::async_trait;
use aws_sdk_sts::Client;

use super::error::classed;
use crate::cloud::{Caller, Error, Identity};

/// The Security Token Service.
#[derive(Debug)]
pub(super) struct SecurityTokens {
    client: Client,
}

impl SecurityTokens {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Identity for SecurityTokens {
    async fn caller(&self) -> Result<Caller, Error> {
        let answer = self.client.get_caller_identity().send().await;
        let caller = answer.map_err(classed("sts:GetCallerIdentity", "the caller"))?;
        Ok(Caller {
            account: caller.account.unwrap_or_default(),
            arn: caller.arn.unwrap_or_default(),
        })
    }
}
