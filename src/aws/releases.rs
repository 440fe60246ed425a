//! Publishing versions of Lambda functions, and finding again what was published. AWS publishes nothing where code and
//! configuration are those of the last version, which it tells instead; so a call that is made twice makes one version.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>

use async_trait::async_trait;
use aws_sdk_lambda::error::ProvideErrorMetadata;

use super::{aliases::parts, error::classed, lambda::Lambda};
use crate::{
    cloud::{Error, Operation, Publishing, Releases},
    plan::{CodeDigest, Member},
    rollout::{Made, Making},
};

/// What AWS says when another code is uploaded than the one that is to be published.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html#API_PublishVersion_RequestBody>
const OTHER_CODE: &str = "CodeSHA256";

#[async_trait]
impl Releases for Lambda {
    async fn made(&self, alias: &str, description: &str) -> Result<Option<Member>, Error> {
        let (function, _) = parts(alias)?;
        let mut pages =
            self.client.list_versions_by_function().function_name(function).into_paginator().send();
        loop {
            self.pace.turn().await;
            let Some(page) = pages.next().await else { return Ok(None) };
            let page = page.map_err(classed(Operation::ListVersionsByFunction, function))?;
            let mut versions = page.versions.unwrap_or_default().into_iter();
            let ours = versions.find(|version| version.description.as_deref() == Some(description));
            if let Some(number) = ours.and_then(|version| version.version) {
                return Ok(Some(Member::new(number)));
            }
        }
    }
}

#[async_trait]
impl Publishing for Lambda {
    async fn publish(
        &self,
        alias: &str,
        code: &CodeDigest,
        description: &str,
    ) -> Result<Made, Error> {
        let (function, _) = parts(alias)?;
        let what = format!("function {function}");
        self.pace.turn().await;
        let call = self.client.publish_version().function_name(function);
        let answer = call.code_sha256(code.as_str()).description(description).send().await;
        let answer = answer.map_err(|error| {
            let is_other = error.as_service_error().and_then(ProvideErrorMetadata::message);
            let is_other = is_other.is_some_and(|message| message.contains(OTHER_CODE));
            match classed(Operation::PublishVersion, &what)(error) {
                Error::Rejected { operation, message } if is_other => {
                    Error::Conflict { operation, message }
                }
                other => other,
            }
        })?;
        let unnumbered =
            || Error::Absent { what: format!("the number of what was published of {function}") };
        let number = answer.version.filter(|number| !number.is_empty()).ok_or_else(unnumbered)?;
        let making = if answer.description.as_deref() == Some(description) {
            Making::New
        } else {
            Making::Unchanged
        };
        Ok(Made { member: Member::new(number), making })
    }
}
