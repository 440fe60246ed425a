//! Stages of REST APIs, as far as they are more than weights: where one is found, what its canary is, and whether a
//! deployment is there.

use async_trait::async_trait;

use super::Error;
use crate::{
    plan::{Deployed, Member, Stage},
    rollout::Split,
};

/// A stage as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageStanding {
    /// Where it is, as [`StagePlace`](crate::rollout::StagePlace) writes it. Names the place from now on.
    pub resource: String,
    /// What the stage itself serves.
    pub serves: Deployed,
    /// What its canary does, where it has one.
    pub canary: Option<Deployed>,
    /// In hundredths, by [`Deployed::member`]. A canary that gets nothing is in it too: it is somebody's.
    pub split: Split,
}

/// A method of an API that is answered by a function which stage variables name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    /// As in `GET`.
    pub method: String,
    /// As in `/orders/{id}`.
    pub path: String,
    /// The function as AWS has it: its ARN or name, with `${stageVariables.alias}` where a variable's value belongs.
    pub function: String,
    /// The ARN of the role by which it is called, where it has one.
    pub role: Option<String>,
}

#[async_trait]
pub trait Stages: Send + Sync {
    /// Finds the stage a plan names. `Absent` when there is none, or no such API.
    async fn find(&self, at: &Stage) -> Result<StageStanding, Error>;

    /// Looks for the deployment of a side of the stage at this place. `Absent` when there is none.
    async fn deployment(&self, place: &str, side: &Member) -> Result<(), Error>;

    /// The methods of the API of this place whose function depends on stage variables, as the API is now: what an older
    /// deployment was made of nobody tells.
    async fn integrations(&self, place: &str) -> Result<Vec<Integration>, Error>;

    /// The deployment of the API of this place that was made with this description, by its id.
    async fn made(&self, place: &str, description: &str) -> Result<Option<Member>, Error>;
}

#[async_trait]
pub trait NewDeployments: Send + Sync {
    /// Makes a deployment of the API of this place as it is now, for no stage; its id. One that has this description already
    /// is that one.
    async fn deploy(&self, place: &str, description: &str) -> Result<Member, Error>;
}
