//! The names that a plan gives its parts, and those of its two sides; everything else of the model is built on them.

use std::{
    borrow::Borrow,
    fmt,
    hash::{Hash, Hasher},
    iter,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name {
            // Names are compared all the time, and differ within their first letters.
            head: u64,
            text: Arc<str>,
        }

        impl $name {
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                let text = name.into();
                Self { head: head(&text), text }
            }

            pub fn as_str(&self) -> &str {
                &self.text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.text, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.text
            }
        }

        // As its text, by which it may be looked up.
        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.text.hash(state);
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.text.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Arc::<str>::deserialize(deserializer).map(Self::new)
            }
        }
    };
}

/// The first eight bytes as a number, which stands in the order of the texts themselves: where two differ, so do the
/// texts, in the same direction.
fn head(text: &str) -> u64 {
    let bytes = text.bytes().chain(iter::repeat(0)).take(8);
    bytes.fold(0, |head, byte| head << 8 | u64::from(byte))
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
    /// What several plans call the same, so that one of their runs has it at a time: an environment, such as `prod-eu`.
    LockName
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

    /// The name of the component whose step it is.
    pub fn component(&self) -> Option<&str> {
        self.as_str().rsplit_once('/').map(|(component, _)| component)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_stand_in_the_order_of_their_texts(a in "[ -~\u{0}\u{e4}]{0,12}", b in "[ -~\u{0}\u{e4}]{0,12}") {
            let names = [&a, &b].map(|text| StepId::new(text.as_str()));
            prop_assert_eq!(names[0].cmp(&names[1]), a.cmp(&b));
            prop_assert_eq!(names[0] == names[1], a == b);
        }
    }
}
