//! Which part of a run goes back: as an event has it, and as it adds up over a run in which several things fail.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::plan::{ComponentName, Others};

/// The part of a run that goes back from an event on; without one, everything does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Scope {
    /// The components that have failed; those come first whose own gates fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<ComponentName>,
    /// All that go back.
    pub components: BTreeSet<ComponentName>,
    /// What becomes of those that do not.
    pub others: Others,
}

/// What of a run goes back, or has gone back. It never goes forward again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reach {
    #[default]
    Nothing,
    Components(BTreeSet<ComponentName>),
    Everything,
}

impl Reach {
    /// Whether a component is part of it.
    pub fn covers(&self, component: &ComponentName) -> bool {
        self.covers_named(component.as_str())
    }

    pub(super) fn covers_named(&self, component: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Components(names) => names.contains(component),
            Self::Everything => true,
        }
    }

    /// With what a roll-back takes back besides.
    #[must_use]
    pub(super) fn and(&self, scope: Option<&Scope>) -> Self {
        match (self, scope) {
            (Self::Everything, _) | (_, None) => Self::Everything,
            (Self::Nothing, Some(scope)) => Self::Components(scope.components.clone()),
            (Self::Components(names), Some(scope)) => {
                Self::Components(names.union(&scope.components).cloned().collect())
            }
        }
    }
}
