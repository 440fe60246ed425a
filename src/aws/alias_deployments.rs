//! Deployments of `CodeDeploy` that move the alias of a function. A deployment group names no function, so those under
//! way are asked what they move: one listing for the whole region, and more only while something is under way.
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ListDeployments.html>

use async_trait::async_trait;
use aws_sdk_codedeploy::operation::list_deployment_targets::ListDeploymentTargetsError;
use aws_sdk_codedeploy::types::{
    ComputePlatform, DeploymentInfo, DeploymentStatus, DeploymentTarget,
};

use super::{codedeploy::CodeDeploy, error::classed};
use crate::{
    cloud::{AliasDeployment, AliasDeployments, Error, Operation},
    plan::Alias,
};

/// Ids that one `BatchGetDeployments` takes.
const DEPLOYMENTS_A_CALL: usize = 25;

const UNDER_WAY: [DeploymentStatus; 5] = [
    DeploymentStatus::Created,
    DeploymentStatus::Queued,
    DeploymentStatus::InProgress,
    DeploymentStatus::Baking,
    DeploymentStatus::Ready,
];

impl CodeDeploy {
    /// The ids of all that are under way in the region.
    async fn under_way(&self) -> Result<Vec<String>, Error> {
        let call = self.client.list_deployments();
        let call =
            UNDER_WAY.iter().fold(call, |call, status| call.include_only_statuses(status.clone()));
        let mut pages = call.into_paginator().send();
        let mut ids = Vec::new();
        loop {
            self.rate.turn().await;
            let Some(page) = pages.next().await else { return Ok(ids) };
            let page = page.map_err(classed(Operation::ListDeployments, "deployments"))?;
            ids.extend(page.deployments.unwrap_or_default());
        }
    }

    /// Whether a deployment moves this alias. It has one target for each that it moves.
    async fn moves(&self, id: &str, alias: &Alias) -> Result<bool, Error> {
        let what = format!("deployment {id}");
        self.rate.turn().await;
        let listed = self.client.list_deployment_targets().deployment_id(id).send().await;
        let listed = match listed {
            Ok(listed) => listed,
            Err(error)
                if error.as_service_error().is_some_and(
                    ListDeploymentTargetsError::is_deployment_not_started_exception,
                ) =>
            {
                return Ok(false);
            }
            Err(error) => return Err(classed(Operation::ListDeploymentTargets, &what)(error)),
        };
        let ids = listed.target_ids.unwrap_or_default();
        if ids.is_empty() {
            return Ok(false);
        }
        self.rate.turn().await;
        let call = self.client.batch_get_deployment_targets().deployment_id(id);
        let sent = call.set_target_ids(Some(ids)).send().await;
        let answer = sent.map_err(classed(Operation::BatchGetDeploymentTargets, &what))?;
        Ok(answer.deployment_targets().iter().any(|target| is_of(target, alias)))
    }
}

/// Whether a target is this alias. The function may be told by its ARN.
fn is_of(target: &DeploymentTarget, alias: &Alias) -> bool {
    let Some(function) = target.lambda_target().and_then(|target| target.lambda_function_info())
    else {
        return false;
    };
    let name = function.function_name().and_then(|name| name.rsplit(':').next());
    name == Some(alias.function.as_str()) && function.function_alias() == Some(alias.name.as_str())
}

#[async_trait]
impl AliasDeployments for CodeDeploy {
    async fn moving(&self, alias: &Alias) -> Result<Vec<AliasDeployment>, Error> {
        let ids = self.under_way().await?;
        let mut found = Vec::new();
        for ids in ids.chunks(DEPLOYMENTS_A_CALL) {
            self.rate.turn().await;
            let call = self.client.batch_get_deployments();
            let sent = call.set_deployment_ids(Some(ids.to_vec())).send().await;
            let answer = sent.map_err(classed(Operation::BatchGetDeployments, "deployments"))?;
            let to_functions =
                |it: &DeploymentInfo| it.compute_platform == Some(ComputePlatform::Lambda);
            let infos = answer.deployments_info.unwrap_or_default();
            for info in infos.into_iter().filter(to_functions) {
                let Some(id) = info.deployment_id else { continue };
                if self.moves(&id, alias).await? {
                    let untold = || "(not told)".to_owned();
                    found.push(AliasDeployment {
                        id,
                        application: info.application_name.unwrap_or_else(untold),
                        group: info.deployment_group_name.unwrap_or_else(untold),
                    });
                }
            }
        }
        Ok(found)
    }
}
