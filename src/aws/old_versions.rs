//! Published versions of a Lambda function that nothing uses: who names one is asked of everybody who can. `DeleteFunction`
//! without a version would delete the function, so a version is a number here before it is sent.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html>

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_lambda::operation::{delete_function::DeleteFunctionError, get_policy::GetPolicyError};

use super::{aliases::parts, error::classed, lambda::Lambda, provisioned::qualifier_of};
use crate::{
    cloud::{Error, Kept, OldVersions, Operation, Pruning, superseded},
    plan::Member,
};

impl Lambda {
    async fn published(&self, function: &str) -> Result<Vec<Member>, Error> {
        let mut pages =
            self.client.list_versions_by_function().function_name(function).into_paginator().send();
        let mut all = Vec::new();
        loop {
            self.pace.turn().await;
            let Some(page) = pages.next().await else { return Ok(all) };
            let page = page.map_err(classed(Operation::ListVersionsByFunction, function))?;
            let versions = page.versions.unwrap_or_default().into_iter();
            all.extend(versions.filter_map(|version| version.version).map(Member::new));
        }
    }

    /// Aliases by name, each with the versions that it leads to, whatever it gives them.
    pub(super) async fn aliases_of(
        &self,
        function: &str,
    ) -> Result<BTreeMap<String, BTreeSet<Member>>, Error> {
        let mut pages = self.client.list_aliases().function_name(function).into_paginator().send();
        let mut all = BTreeMap::<String, BTreeSet<Member>>::new();
        loop {
            self.pace.turn().await;
            let Some(page) = pages.next().await else { return Ok(all) };
            let page = page.map_err(classed(Operation::ListAliases, function))?;
            for alias in page.aliases.unwrap_or_default() {
                // Whoever has no name is nobody's own, and leads somewhere all the same.
                let used = all.entry(alias.name.unwrap_or_default()).or_default();
                used.extend(alias.function_version.map(Member::new));
                let others = alias.routing_config.and_then(|it| it.additional_version_weights);
                used.extend(others.unwrap_or_default().into_keys().map(Member::new));
            }
        }
    }

    /// The versions that event source mappings name. All of the region are listed, because a listing by function leaves out
    /// those of its versions.
    async fn mapped(&self, function: &str) -> Result<BTreeSet<Member>, Error> {
        let mut pages = self.client.list_event_source_mappings().into_paginator().send();
        let mut used = BTreeSet::new();
        loop {
            self.pace.turn().await;
            let Some(page) = pages.next().await else { return Ok(used) };
            let page = page.map_err(classed(Operation::ListEventSourceMappings, function))?;
            let mappings = page.event_source_mappings.unwrap_or_default();
            let arns = mappings.iter().filter_map(|mapping| mapping.function_arn.as_deref());
            used.extend(arns.filter_map(|arn| qualifier_of(arn, function)));
        }
    }

    /// Whether somebody was allowed to invoke just this version: a gateway, a rule or a bucket that names it.
    async fn has_policy(&self, function: &str, version: &Member) -> Result<bool, Error> {
        self.pace.turn().await;
        let call = self.client.get_policy().function_name(function).qualifier(version.as_str());
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetPolicyError::is_resource_not_found_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(classed(Operation::GetFunctionPolicy, function)(error)),
        }
    }
}

#[async_trait]
impl OldVersions for Lambda {
    async fn unused(&self, alias: &str, kept: &Kept) -> Result<BTreeSet<Member>, Error> {
        let (function, _) = parts(alias)?;
        let published = self.published(function).await?;
        let aliases = self.aliases_of(function).await?;
        let mut used: BTreeSet<Member> = aliases.into_values().flatten().collect();
        // The others are asked only where a version would go.
        if superseded(published.clone(), &used, kept).is_empty() {
            return Ok(BTreeSet::new());
        }
        used.extend(self.configs(function).await?.into_keys());
        used.extend(self.mapped(function).await?);
        let mut unused = BTreeSet::new();
        for version in superseded(published, &used, kept) {
            if !self.has_policy(function, &version).await? {
                unused.insert(version);
            }
        }
        Ok(unused)
    }
}

#[async_trait]
impl Pruning for Lambda {
    async fn delete(&self, alias: &str, versions: &BTreeSet<Member>) -> Result<(), Error> {
        let (function, _) = parts(alias)?;
        for version in versions {
            let what = format!("version {version} of function {function}");
            let number: u64 = version.as_str().parse().map_err(|_| Error::Rejected {
                operation: Operation::DeleteFunction,
                message: format!("{what} is no published one"),
            })?;
            self.pace.turn().await;
            let call = self.client.delete_function().function_name(function);
            match call.qualifier(number.to_string()).send().await {
                Ok(_) => {}
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(DeleteFunctionError::is_resource_not_found_exception) => {}
                Err(error) => return Err(classed(Operation::DeleteFunction, &what)(error)),
            }
        }
        Ok(())
    }
}
