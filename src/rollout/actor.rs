//! Who acts on a run: whoever started it, took it over or asked something of it, and who says yes or no to a step. Told
//! apart by what the caller says of itself and, where AWS told, by ARN.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::StepId;

/// A person or machine that acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(pub String);

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A yes or a no on its way to a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vote {
    /// Without it, the one step that waits.
    #[serde(default)]
    pub step: Option<StepId>,
    #[serde(default)]
    pub reason: Option<String>,
    /// The ARN that the Security Token Service gave the voter's credentials.
    #[serde(default)]
    pub identity: Option<String>,
    /// The digest of the plan the voter has seen, or its first eight characters and more.
    #[serde(default)]
    pub digest: Option<String>,
}

/// A person, by ARN where that is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Voter {
    pub by: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

impl Voter {
    /// What tells two voters apart.
    pub fn key(&self) -> &str {
        self.identity.as_deref().unwrap_or(&self.by.0)
    }
}

impl fmt::Display for Voter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            None => write!(f, "{}", self.by),
            Some(arn) if *arn == self.by.0 => f.write_str(arn),
            Some(arn) => write!(f, "{} ({arn})", self.by),
        }
    }
}
