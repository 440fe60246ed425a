//! A simulated version, or deployment, that is not published yet. Its targets are there from the beginning, as everything that a plan moves
//! is; until it is published nobody is told of them.

use crate::{plan::Member, rollout::Making};

/// What is uploaded to every simulated function: the digest of nothing.
pub(super) const UPLOADED: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

/// A version that is to be published, or has been.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) number: Member,
    published_as: Option<String>,
}

impl Release {
    pub(super) fn unpublished(number: Member) -> Self {
        Self { number, published_as: None }
    }

    /// Whether nobody has published this version.
    pub(super) fn hides(&self, version: &Member) -> bool {
        self.number == *version && self.published_as.is_none()
    }

    pub(super) fn is_published_as(&self, description: &str) -> bool {
        self.published_as.as_deref() == Some(description)
    }

    /// Publishes it, unless it is; its description stays what it was then.
    pub(super) fn publish(&mut self, description: &str) -> Making {
        if self.published_as.is_some() {
            return Making::Unchanged;
        }
        self.published_as = Some(description.to_owned());
        Making::New
    }
}
