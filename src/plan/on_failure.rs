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

/// What goes back where a failure is that of some of several components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureScope {
    /// What has failed, and nothing else.
    Component,
    /// What has failed and whatever needs it.
    #[default]
    Dependents,
    All,
}

/// What becomes of the components that do not go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Others {
    /// They stand still where they are, and a person decides.
    #[default]
    Hold,
    GoOn,
}
