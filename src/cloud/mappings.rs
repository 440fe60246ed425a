//! Event source mappings, as far as they are more than weights: how those that a plan names stand, what they read, who else
//! reads it, and whether the functions are ready that they lead to.

use async_trait::async_trait;

use super::{Error, FunctionVersion};
use crate::{
    plan::{EventSource, Member},
    rollout::Split,
};

/// The mappings of a route as they are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingsStanding {
    /// Where they are, as [`MappingPlace`](crate::rollout::MappingPlace) writes it. Names the place from now on.
    pub resource: String,
    /// In the plan's order, the stable side's first.
    pub mappings: Vec<Mapping>,
    /// Others that read what the first of them does.
    pub others: Vec<Mapping>,
    pub split: Split,
    pub redrive: Redriving,
}

/// Whether messages can be brought back, going back, that the candidate has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redriving {
    /// Nobody has asked for it.
    Held,
    /// They go to the dead-letter queue of this ARN, which is empty.
    From(String),
    /// There are so many in it, which are somebody else's and would be moved with them.
    Occupied { dead_letters: String, messages: u32 },
    /// What is read has no dead-letter queue, or none that can be asked about.
    Nowhere,
}

/// One event source mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub uuid: String,
    /// The ARN of the queue or stream.
    pub source: String,
    /// As `name` or `name:qualifier`.
    pub function: String,
    pub state: MappingState,
    /// The most batches that it has handled at once, where it is held to any.
    pub concurrency: Option<u32>,
    /// The patterns of its filters, in order of their text.
    pub filters: Vec<String>,
    /// What AWS says went wrong with what it read last.
    pub problem: Option<String>,
}

impl Mapping {
    pub fn is_of_queue(&self) -> bool {
        self.source.split(':').nth(2) == Some("sqs")
    }
}

/// Whether a mapping reads. States that pass by themselves are in AWS's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappingState {
    Enabled,
    /// With AWS's reason.
    Disabled(String),
    Passing(String),
}

#[async_trait]
pub trait Mappings: Send + Sync {
    /// Finds the mappings that a plan names, and where dead letters go where it asks for them to be brought back. `Absent` when
    /// there is none of them.
    async fn find(&self, at: &EventSource) -> Result<MappingsStanding, Error>;

    /// The function that a side of such a route stands for. `Absent` when there is none.
    async fn function(&self, place: &str, side: &Member) -> Result<FunctionVersion, Error>;
}
