//! Lambda functions that say how it stands. Each is waited for, as long as its gate says.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_lambda::{
    Client,
    config::{Builder, timeout::TimeoutConfig},
    operation::RequestId,
    primitives::Blob,
    types::InvocationType,
};
use tokio::time::Instant;

use super::{error::classed, pace::Pace};
use crate::{
    cloud::{Error, Functions, Invoked, Operation},
    plan::FunctionName,
};

const CONNECT: Duration = Duration::from_secs(3);

/// The Lambda service.
#[derive(Debug)]
pub(super) struct Lambda {
    pub(super) client: Client,
    pub(super) pace: Pace,
}

impl Lambda {
    pub(super) fn new(client: Client) -> Self {
        Self { client, pace: Pace::lambda() }
    }
}

#[async_trait]
impl Functions for Lambda {
    async fn may_invoke(&self, function: &FunctionName) -> Result<(), Error> {
        let call = self
            .client
            .invoke()
            .function_name(&function.name)
            .set_qualifier(function.qualifier.clone())
            .invocation_type(InvocationType::DryRun);
        let answer = call.send().await;
        answer.map(|_| ()).map_err(classed(Operation::Invoke, &format!("function {function}")))
    }

    async fn invoke(
        &self,
        function: &FunctionName,
        payload: &str,
        timeout: Duration,
    ) -> Result<Invoked, Error> {
        // In place of the time-outs of every other call, which a function may well outlast.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .read_timeout(timeout)
            .operation_attempt_timeout(timeout)
            .operation_timeout(timeout)
            .build();
        let call = self
            .client
            .invoke()
            .function_name(&function.name)
            .set_qualifier(function.qualifier.clone())
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(payload))
            .customize()
            .config_override(Builder::new().timeout_config(timeouts));
        let asked = Instant::now();
        let answer = call.send().await;
        let took = asked.elapsed();
        let answer = answer.map_err(classed(Operation::Invoke, &format!("function {function}")))?;
        let request = answer.request_id().map(str::to_owned);
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        let kept = payload.get(..Invoked::MOST).unwrap_or(&payload);
        Ok(Invoked {
            request,
            error: answer.function_error,
            payload: String::from_utf8_lossy(kept).into_owned(),
            took,
        })
    }
}
