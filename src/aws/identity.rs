//! Whose credentials these are, so that a plan for one account is never run in another.

use async_trait::async_trait;
use aws_sdk_sts::Client;
use tokio::sync::OnceCell;

use super::{error::classed, heard::Heard};
use crate::cloud::{Caller, Error, Identity, Operation};

/// The Security Token Service.
#[derive(Debug)]
pub(super) struct SecurityTokens {
    client: Client,
    /// They do not change while we run, and are asked for by several.
    known: OnceCell<Caller>,
}

impl SecurityTokens {
    pub(super) fn new(client: Client) -> Self {
        Self { client, known: OnceCell::new() }
    }
}

#[async_trait]
impl Identity for SecurityTokens {
    async fn caller(&self) -> Result<Caller, Error> {
        let ask = async || {
            let heard = Heard::default();
            let call = self.client.get_caller_identity().customize().interceptor(heard.clone());
            let answer = call.send().await;
            let caller = answer.map_err(classed(Operation::GetCallerIdentity, "the caller"))?;
            Ok(Caller {
                account: caller.account.unwrap_or_default(),
                arn: caller.arn.unwrap_or_default(),
                told: heard.told(),
            })
        };
        self.known.get_or_try_init(ask).await.cloned()
    }
}
