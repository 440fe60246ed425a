//! What becomes of a run when something goes wrong, or somebody interrupts it.

use serde::{Deserialize, Serialize};

/// What happens when a step or gate fails, or an approval expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    RollBack,
    /// Freeze where it is and leave the rest to a person.
    Hold,
}

/// What happens on SIGINT or SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnInterrupt {
    Hold,
    RollBack,
}
