//! Aliases of Lambda functions, as far as they are more than weights: where one is found, and how the versions stand
//! that it can lead to.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{Error, Operation};
use crate::{
    plan::{Alias, CodeDigest, FunctionName, Member},
    rollout::{RouteBound, RouteService, Split},
};

/// An alias as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasStanding {
    /// Its ARN. Names the place from now on.
    pub resource: String,
    /// In hundredths, by version; one that gets nothing is absent.
    pub split: Split,
}

/// Whether requests to a version are served.
/// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    Active,
    /// Being made ready, or not told.
    Pending,
    /// Not called for long: the first call makes it ready, and fails.
    Inactive,
    Failed,
}

/// A published version of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionVersion {
    pub state: VersionState,
    /// AWS's words for a state other than active.
    pub reason: String,
    /// The ARN of its execution role.
    pub role: Option<String>,
    /// The ARN of its dead-letter queue or topic.
    pub dead_letters: Option<String>,
    /// What tells its code from another, where it has a package.
    pub code: Option<CodeDigest>,
    /// Whether versions of it begin from a snapshot (`SnapStart`), and so can have no executions kept ready.
    pub snapshots: bool,
}

/// What code is being written in: what is uploaded, and no version.
pub const UNPUBLISHED: &str = "$LATEST";

#[async_trait]
pub trait Aliases: Send + Sync {
    /// Finds the alias a plan names. `Absent` when there is none.
    async fn find(&self, at: &Alias) -> Result<AliasStanding, Error>;

    /// A version of the function whose alias has this ARN, or [`UNPUBLISHED`], which is pending while an upload takes
    /// effect. `Absent` when it was not published, or deleted.
    async fn version(&self, alias: &str, version: &Member) -> Result<FunctionVersion, Error>;

    /// All aliases of the function whose alias has this ARN, by name, each with the versions that it leads to.
    async fn all(&self, alias: &str) -> Result<BTreeMap<String, BTreeSet<Member>>, Error>;
}

/// A deployment of `CodeDeploy` that moves the weights of an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasDeployment {
    pub id: String,
    pub application: String,
    pub group: String,
}

/// Who else moves the weights of aliases.
#[async_trait]
pub trait AliasDeployments: Send + Sync {
    /// The deployments under way that move this one, whoever began them. One that has not begun to shift is not among them:
    /// nobody tells what it will move.
    async fn moving(&self, alias: &Alias) -> Result<Vec<AliasDeployment>, Error>;
}

/// The version that the alias of a route brings, or what the target of a rule is to send its events to, as a function that
/// can be invoked.
pub fn candidate_function(bound: &RouteBound) -> Result<FunctionName, Error> {
    if let (RouteService::EventBridge, Some(arn)) = (bound.service, &bound.candidate) {
        return function_of_arn(arn);
    }
    let (name, _) = names_of_alias(&bound.resource).ok_or_else(|| Error::Rejected {
        operation: Operation::Invoke,
        message: format!("{} is no alias of a function", bound.resource),
    })?;
    let version = bound.candidate.as_ref().ok_or_else(|| Error::Absent {
        what: format!("a candidate of {}, which no step has published yet", bound.resource),
    })?;
    Ok(FunctionName { name: name.to_owned(), qualifier: Some(version.to_string()) })
}

/// `arn:aws:lambda:region:account:function:name`, with or without a version or alias behind it.
fn function_of_arn(arn: &Member) -> Result<FunctionName, Error> {
    let mut parts = arn.as_str().split(':').skip(5);
    match (parts.next(), parts.next()) {
        (Some("function"), Some(name)) => {
            Ok(FunctionName { name: name.to_owned(), qualifier: parts.next().map(str::to_owned) })
        }
        _ => Err(Error::Rejected {
            operation: Operation::Invoke,
            message: format!("{arn} is no function"),
        }),
    }
}

/// The function's name and the alias's, of an alias's ARN: `arn:aws:lambda:region:account:function:name:alias`.
pub fn names_of_alias(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.split(':').skip(5);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("function"), Some(function), Some(alias), None) => Some((function, alias)),
        _ => None,
    }
}
