//! The ports through which software is replaced where it stands. Instance refresh and `CodeDeploy` are two services with
//! one shape: a group with a version, an operation that leads to another, and a few ways to steer it.

use async_trait::async_trait;

use super::Error;
use crate::{
    plan::{How, Member, units::Percent},
    rollout::{Move, Software},
};

/// The services that replace software where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacer {
    /// Instance refreshes of Auto Scaling groups.
    Refreshes,
    /// Deployments of `CodeDeploy`.
    Deployments,
}

/// A group's software, with what preflight wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    pub software: Software,
    /// Why it could not be replaced or put back, one sentence each.
    pub obstacles: Vec<Obstacle>,
    /// Sentences worth knowing that stop nothing.
    pub notes: Vec<String>,
}

/// One reason not to begin, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    pub problem: String,
    pub hint: String,
}

impl Obstacle {
    /// A group that does not say by number which version of its launch template it runs.
    pub fn unnamed_version(group: &Member, version: &str) -> Self {
        Self {
            problem: format!(
                "group {group} uses version {version} of its launch template, which may change"
            ),
            hint: "set it to the number of that version; only a number can be rolled back to"
                .to_owned(),
        }
    }

    pub fn never_deployed(group: &Member) -> Self {
        Self {
            problem: format!(
                "{group} has never been deployed with success, so nothing could be put back"
            ),
            hint: "deploy a first revision by hand".to_owned(),
        }
    }
}

/// The obstacle that suspended processes are to replacing a group's instances, if they are one.
pub fn suspended(group: &Member, processes: &[String]) -> Vec<Obstacle> {
    let in_the_way = |process: &&String| {
        ["Launch", "Terminate", "AddToLoadBalancer"].contains(&process.as_str())
    };
    let names: Vec<&str> = processes.iter().filter(in_the_way).map(String::as_str).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let problem = format!(
        "group {group} has suspended {}, so no instance would be replaced",
        names.join(", ")
    );
    vec![Obstacle { problem, hint: "resume these processes first".to_owned() }]
}

/// What a replacement is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    pub how: How,
    /// The shares at which AWS itself waits for a while, so that there is time to hold it.
    pub stops: Vec<Percent>,
}

#[async_trait]
pub trait Installations: Send + Sync {
    async fn installation(&self, of: &Member) -> Result<Installation, Error>;

    /// Asks for what AWS is to find by name when it replaces in this way: `Absent` or `Rejected` when it is not there.
    async fn check_way(&self, how: &How) -> Result<(), Error>;
}

#[async_trait]
pub trait Replacing: Send + Sync {
    /// Makes one move. `Conflict` when another operation is in the way.
    async fn make(&self, of: &Member, what: &Move, pace: &Pace) -> Result<(), Error>;
}
