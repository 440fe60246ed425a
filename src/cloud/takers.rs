//! What is known of whatever a service of AWS calls by itself: a target of a bus, or a function behind an API. Both are taken
//! for granted by whoever names them, and answer nobody where they are not there or let nobody in.

use async_trait::async_trait;

use super::{Error, FunctionVersion};
use crate::plan::Member;

/// What is known of whatever takes events or requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taker {
    Function {
        version: FunctionVersion,
        /// The resource policy of the function, or of its version or alias: JSON. `None` when there is none.
        policy: Option<String>,
    },
    /// With its resource policy.
    Queue { policy: Option<String> },
    /// Nobody here can ask about it: of another service, region or account.
    Unasked,
}

#[async_trait]
pub trait Takers: Send + Sync {
    /// What is known of who has this ARN, as seen from the region and account of another: of what is elsewhere nobody can be
    /// asked. `Absent` when it does not exist.
    async fn taker(&self, from: &str, arn: &Member) -> Result<Taker, Error>;
}
