//! The names that a plan gives its parts, and those of its two sides; everything else of the model is built on them.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// The name of a plan; part of every run's id.
    PlanName
);
name_type!(
    /// The key of a route in the plan.
    RouteName
);
name_type!(
    /// The key of a fleet in the plan.
    FleetName
);
name_type!(
    /// The key of a gate in the plan.
    GateName
);
name_type!(
    /// The name of a component; a plan without components has one, called `main`.
    ComponentName
);
name_type!(
    /// Names a step within its plan: `component/ordinal-verb`, such as `main/4-shift`. Ordinals start at 1.
    StepId
);
name_type!(
    /// What stands on one side of a route or fleet, by the name AWS knows it by: a target group, a group.
    Member
);

impl StepId {
    pub fn of(component: &ComponentName, ordinal: usize, verb: &str) -> Self {
        Self::new(format!("{component}/{ordinal}-{verb}"))
    }

    pub(super) fn is_of(&self, component: &ComponentName) -> bool {
        let rest = self.as_str().strip_prefix(component.as_str());
        rest.is_some_and(|rest| rest.starts_with('/'))
    }
}

/// One of the two sides between which traffic is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Serves today.
    Stable,
    /// Wants to.
    Candidate,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stable => "stable",
            Self::Candidate => "candidate",
        })
    }
}
