//! What there is, by name: asked for only when something that a plan names is not there, to tell what may have been
//! meant.

use async_trait::async_trait;

use super::Error;

/// What can be looked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    LoadBalancer,
    TargetGroup,
    ScalingGroup,
    Alarm,
    HostedZone,
}

#[async_trait]
pub trait Names: Send + Sync {
    /// The names of all there are in this region and account, or of the first thousand or so.
    async fn names(&self, of: Kind) -> Result<Vec<String>, Error>;
}
