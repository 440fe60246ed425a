//! A candidate that a run makes by itself: it publishes a version of what is uploaded, or makes a deployment of an API. What
//! AWS will call that is not known before, so a change is from the code to a version of it that stands ready, or from no
//! deployment to one, by whatever name; the name is learned.
//! It is found again, whoever asks, by what the run has written on it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::{CodeDigest, Member};

/// How far a candidate is that a run makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Release {
    /// This code is uploaded, and the run has published nothing.
    Uploaded { code: CodeDigest },
    /// What is wanted: a version of it that stands ready, whatever it is called.
    Published,
    Version {
        number: Member,
        #[serde(flatten)]
        readiness: Readiness,
    },
    /// Of an API the run has made no deployment.
    Undeployed,
    /// It has made this one, with the variables that it runs by; without a name, what is wanted: one, whatever it is called.
    /// Whatever a deployment is, it is ready.
    Deployed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        side: Option<Member>,
    },
}

/// What a call has made, by the name that AWS gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub member: Member,
    pub making: Making,
}

/// Whether a candidate is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Making {
    New,
    /// Nothing had changed since it was published, so that AWS published nothing.
    Unchanged,
}

/// Whether a version can be sent requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "readiness", rename_all = "kebab-case")]
pub enum Readiness {
    Ready,
    /// AWS makes it ready; in its words.
    Pending {
        reason: String,
    },
    /// It never will be; in AWS's words.
    Failed {
        reason: String,
    },
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uploaded { code } => write!(f, "uploaded code {code}"),
            Self::Published => f.write_str("a version"),
            Self::Undeployed => f.write_str("no deployment of its own"),
            Self::Deployed { side: None } => f.write_str("a deployment"),
            Self::Deployed { side: Some(side) } => write!(f, "deployment {side}"),
            Self::Version { number, readiness } => {
                write!(f, "version {number}")?;
                match readiness {
                    Readiness::Ready => Ok(()),
                    Readiness::Pending { reason } => write!(f, ", not ready yet ({reason})"),
                    Readiness::Failed { reason } => write!(f, ", failed ({reason})"),
                }
            }
        }
    }
}

impl Release {
    /// The version or deployment there is.
    pub fn made(&self) -> Option<&Member> {
        match self {
            Self::Uploaded { .. } | Self::Published | Self::Undeployed => None,
            Self::Version { number, .. } => Some(number),
            Self::Deployed { side } => side.as_ref(),
        }
    }

    /// The same as far as a run owns it: a version that is read is its own, and becomes ready by itself.
    pub(super) fn stands_in(&self, live: &Self) -> bool {
        match (self, live) {
            (Self::Uploaded { code }, Self::Uploaded { code: live }) => code == live,
            (Self::Version { number, .. }, Self::Version { number: live, .. }) => number == live,
            (Self::Deployed { side: Some(ours) }, Self::Deployed { side: Some(live) }) => {
                ours == live
            }
            (Self::Uploaded { .. } | Self::Published, Self::Version { .. })
            | (Self::Undeployed | Self::Deployed { side: None }, Self::Deployed { .. })
            | (Self::Published, Self::Published)
            | (Self::Undeployed, Self::Undeployed) => true,
            (
                Self::Published | Self::Version { .. } | Self::Undeployed | Self::Deployed { .. },
                Self::Uploaded { .. },
            )
            | (
                Self::Uploaded { .. }
                | Self::Version { .. }
                | Self::Undeployed
                | Self::Deployed { .. },
                Self::Published,
            )
            | (Self::Undeployed | Self::Deployed { .. }, Self::Version { .. })
            | (
                Self::Uploaded { .. }
                | Self::Published
                | Self::Version { .. }
                | Self::Deployed { side: Some(_) },
                Self::Deployed { .. },
            )
            | (
                Self::Uploaded { .. }
                | Self::Published
                | Self::Version { .. }
                | Self::Deployed { .. },
                Self::Undeployed,
            ) => false,
        }
    }

    /// What is wanted of it, given what there is.
    pub(super) fn wanted(&self) -> Self {
        match self {
            Self::Version { readiness: Readiness::Ready, .. } | Self::Deployed { .. } => {
                self.clone()
            }
            Self::Undeployed => Self::Deployed { side: None },
            Self::Version {
                readiness: Readiness::Pending { .. } | Readiness::Failed { .. },
                ..
            }
            | Self::Uploaded { .. }
            | Self::Published => Self::Published,
        }
    }
}
