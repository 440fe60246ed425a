//! Provisioned concurrency of the versions of a Lambda function. A version without a configuration has none, which AWS tells
//! as an error; and none cannot be asked for, so the configuration is deleted.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_PutProvisionedConcurrencyConfig.html>

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_lambda::{
    operation::{
        delete_provisioned_concurrency_config::DeleteProvisionedConcurrencyConfigError,
        get_provisioned_concurrency_config::GetProvisionedConcurrencyConfigError,
    },
    types::ProvisionedConcurrencyStatusEnum as Status,
};

use super::{aliases::parts, error::classed, lambda::Lambda};
use crate::{
    cloud::{Error, Operation, Provisioned, ProvisionedConcurrency, Provisioning, Room},
    plan::Member,
};

/// The version, or the alias, that an ARN ends with: `arn:aws:lambda:region:account:function:name:7`.
pub(super) fn qualifier_of(arn: &str, function: &str) -> Option<Member> {
    arn.strip_prefix(function)?.strip_prefix(':').map(Member::new)
}

fn count(told: Option<i32>) -> Option<u32> {
    told.and_then(|number| u32::try_from(number).ok())
}

impl Lambda {
    /// So many are asked for by whoever has any.
    pub(super) async fn configs(&self, function: &str) -> Result<BTreeMap<Member, u32>, Error> {
        let call = self.client.list_provisioned_concurrency_configs().function_name(function);
        let mut pages = call.into_paginator().send();
        let mut all = BTreeMap::new();
        loop {
            self.pace.turn().await;
            let Some(page) = pages.next().await else { return Ok(all) };
            let page =
                page.map_err(classed(Operation::ListProvisionedConcurrencyConfigs, function))?;
            for config in page.provisioned_concurrency_configs.unwrap_or_default() {
                let who = config.function_arn.and_then(|arn| qualifier_of(&arn, function));
                // Whoever is listed has some.
                let asked = count(config.requested_provisioned_concurrent_executions);
                all.extend(who.map(|who| (who, asked.unwrap_or(1))));
            }
        }
    }

    async fn reserved(&self, function: &str) -> Result<Option<u32>, Error> {
        self.pace.turn().await;
        let call = self.client.get_function_concurrency().function_name(function).send();
        let told = call.await.map_err(classed(Operation::GetFunctionConcurrency, function))?;
        Ok(count(told.reserved_concurrent_executions))
    }

    async fn unreserved(&self) -> Result<u32, Error> {
        self.pace.turn().await;
        let what = "what the account has unreserved";
        let settings = self.client.get_account_settings().send().await;
        let settings = settings.map_err(classed(Operation::GetLambdaSettings, what))?;
        let told = settings.account_limit.and_then(|it| it.unreserved_concurrent_executions);
        count(told).ok_or_else(|| Error::Absent { what: what.to_owned() })
    }
}

#[async_trait]
impl ProvisionedConcurrency for Lambda {
    async fn provisioned(&self, alias: &str, version: &Member) -> Result<Provisioned, Error> {
        let (function, _) = parts(alias)?;
        let what = format!("version {version} of function {function}");
        self.pace.turn().await;
        let call = self.client.get_provisioned_concurrency_config().function_name(function);
        let told = match call.qualifier(version.as_str()).send().await {
            Ok(told) => told,
            Err(error)
                if error.as_service_error().is_some_and(
                    GetProvisionedConcurrencyConfigError::is_provisioned_concurrency_config_not_found_exception,
                ) =>
            {
                return Ok(Provisioned::default());
            }
            Err(error) => {
                return Err(classed(Operation::GetProvisionedConcurrencyConfig, &what)(error));
            }
        };
        let untold = || Error::Transient {
            operation: Operation::GetProvisionedConcurrencyConfig,
            message: format!("{what}: nobody says how many executions were asked for"),
        };
        let requested =
            count(told.requested_provisioned_concurrent_executions).ok_or_else(untold)?;
        let is_failed = told.status == Some(Status::Failed);
        let failed = is_failed
            .then(|| told.status_reason.unwrap_or_else(|| "AWS gives no reason".to_owned()));
        let available = count(told.available_provisioned_concurrent_executions).unwrap_or(0);
        // While a number is raised, AWS may count what there was before; only `READY` says that it is done.
        let ready = match told.status {
            Some(Status::Ready) => available,
            Some(_) | None => available.min(requested.saturating_sub(1)),
        };
        Ok(Provisioned { requested, ready, failed })
    }

    async fn all_provisioned(&self, alias: &str) -> Result<BTreeMap<Member, u32>, Error> {
        let (function, _) = parts(alias)?;
        self.configs(function).await
    }

    async fn room(&self, alias: &str) -> Result<Room, Error> {
        let (function, _) = parts(alias)?;
        let reserved = self.reserved(function).await?;
        Ok(Room { unreserved: self.unreserved().await?, reserved })
    }
}

#[async_trait]
impl Provisioning for Lambda {
    async fn provision(&self, alias: &str, version: &Member, executions: u32) -> Result<(), Error> {
        let (function, _) = parts(alias)?;
        let what = format!("version {version} of function {function}");
        self.pace.turn().await;
        if executions == 0 {
            let call = self.client.delete_provisioned_concurrency_config();
            return match call.function_name(function).qualifier(version.as_str()).send().await {
                Ok(_) => Ok(()),
                // There is none, which is what was wanted; unless the function itself is gone, which is read next.
                Err(error)
                    if error.as_service_error().is_some_and(
                        DeleteProvisionedConcurrencyConfigError::is_resource_not_found_exception,
                    ) =>
                {
                    Ok(())
                }
                Err(error) => {
                    Err(classed(Operation::DeleteProvisionedConcurrencyConfig, &what)(error))
                }
            };
        }
        let call = self.client.put_provisioned_concurrency_config().function_name(function);
        let asked = i32::try_from(executions).unwrap_or(i32::MAX);
        let call = call.qualifier(version.as_str()).provisioned_concurrent_executions(asked);
        let answer = call.send().await.map(|_| ());
        answer.map_err(classed(Operation::PutProvisionedConcurrencyConfig, &what))
    }
}
