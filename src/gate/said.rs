//! What somebody else's check says of itself in JSON, a command on its output and a function in its answer:
//! `{"outcome": "wait", "because": "…"}`.

use serde::Deserialize;

use crate::rollout::Outcome;

#[derive(Deserialize)]
pub(super) struct Said {
    pub(super) outcome: Outcome,
    #[serde(default)]
    because: Option<String>,
}

impl Said {
    /// `None` where it is not JSON, or has no outcome of ours.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn because(&self) -> Option<String> {
        self.because.as_deref().map(printable)
    }
}

/// The journal and the terminal get one line of it, without control characters.
pub(super) fn printable(text: &str) -> String {
    crate::printable::line(text).chars().take(400).collect()
}
