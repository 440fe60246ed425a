//! What a checked plan (`whole.rs`) consists of: fleets, components, steps and what each verb was told.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    code_digest::CodeDigest,
    names::{ComponentName, FleetName, GateName, RouteName, Side, StepId},
    on_failure::OnFailure,
    place::Place,
    replacement::{How, Replace},
    replay::Replay,
    route::Sides,
    units::Percent,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    pub kind: FleetKind,
    /// Group names; a single group stands on both sides. Of provisioned concurrency, the versions of its route.
    pub sides: Sides,
    /// The route whose sides this fleet's follow, in the same order.
    pub behind: Option<RouteName>,
    pub leftovers: Leftovers,
    pub place: Place,
}

/// What becomes of instances on the candidate side that run another version than their group launches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leftovers {
    /// The run does not start.
    #[default]
    Refuse,
    /// The side is scaled to nothing before it is scaled to what the plan says.
    Replace,
}

/// The service that has a fleet, as IAM names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FleetKind {
    AutoScaling,
    /// Its member is `application/group`.
    CodeDeploy,
    /// Provisioned concurrency: its members are versions of a function, which serve without it too, if slower at first.
    Lambda,
}

impl FleetKind {
    /// What it calls the things that a fleet is made of.
    pub const fn thing(self) -> &'static str {
        match self {
            Self::AutoScaling => "Auto Scaling group",
            Self::CodeDeploy => "deployment group",
            Self::Lambda => "provisioned concurrency of",
        }
    }

    /// Whether a side serves nobody without it.
    pub const fn is_needed_to_serve(self) -> bool {
        match self {
            Self::AutoScaling | Self::CodeDeploy => true,
            Self::Lambda => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    pub name: ComponentName,
    pub needs: Vec<ComponentName>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub id: StepId,
    pub verb: Verb,
    /// How long the step may take in all before it counts as failed, time spent paused left out. For a shift this
    /// includes the bake; `None` for what waits for a person.
    pub timeout: Option<Duration>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    Scale {
        fleet: FleetName,
        side: Side,
        to: Size,
    },
    Wait {
        until: Until,
    },
    Probe {
        gate: GateName,
    },
    Shift {
        route: RouteName,
        candidate: Percent,
        bake: Duration,
        gates: Vec<GateName>,
        /// Requests to the candidate before the bake may end.
        min_requests: Option<u32>,
    },
    /// Makes the candidate of a route from what is uploaded.
    Publish {
        route: RouteName,
        /// What has to be uploaded, if that is told.
        code: Option<CodeDigest>,
    },
    /// Deletes old versions of the function of a route that nothing uses, down to so many.
    Prune {
        route: RouteName,
        /// At least 2.
        keep: u32,
    },
    /// Has archived events sent to the candidate of a route once more.
    Replay(Replay),
    /// Sends requests with this header to the candidate, ahead of the route's own rule; without one, no longer.
    TestRoute {
        route: RouteName,
        header: Option<Header>,
    },
    /// Replaces the software of a fleet where it stands.
    Replace(Replace),
    Approve {
        message: String,
        expires: Option<Duration>,
        on_expiry: OnFailure,
        approvers: Approvers,
    },
    /// Without a duration the pause ends when somebody resumes the run.
    Pause {
        duration: Option<Duration>,
    },
}

impl Verb {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Scale { .. } => "scale",
            Self::Wait { .. } => "wait",
            Self::Probe { .. } => "probe",
            Self::Shift { .. } => "shift",
            Self::TestRoute { header: Some(_), .. } => "test-route",
            Self::TestRoute { header: None, .. } => "remove-test-route",
            Self::Publish { .. } => "publish",
            Self::Prune { .. } => "prune",
            Self::Replay(_) => "replay",
            Self::Replace(Replace { how: How::Refresh(_), .. }) => "refresh",
            Self::Replace(Replace { how: How::Deploy(_), .. }) => "deploy",
            Self::Approve { .. } => "approve",
            Self::Pause { .. } => "pause",
        }
    }
}

/// Whose approval counts, and how many it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approvers {
    /// Patterns for the ARNs of those who may; anybody may when there are none.
    pub from: Vec<String>,
    /// Different people; at least 1.
    pub quorum: u32,
}

impl Default for Approvers {
    fn default() -> Self {
        Self { from: Vec::new(), quorum: 1 }
    }
}

/// A request header by which test traffic is told from what users send.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Header {
    /// In lower case; case does not matter to anybody.
    pub name: String,
    pub value: String,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

/// How large a fleet's side becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Takes the other side's minimum and desired capacity, and its maximum where that is larger.
    SameAs(Side),
    /// So much of the other side's desired capacity, rounded up: at least one instance where the other side has any.
    Share { share: Percent, of: Side },
    /// The bounds give way as far as they must.
    Instances(u32),
    /// Bounds and desired capacity as they are given; minimum and maximum enclose the desired capacity.
    Bounds { min: u32, max: u32, desired: u32 },
}

impl Size {
    /// The side whose size has to be read first.
    pub fn reference(self) -> Option<Side> {
        match self {
            Self::SameAs(side) | Self::Share { of: side, .. } => Some(side),
            Self::Instances(_) | Self::Bounds { .. } => None,
        }
    }

    /// Whether nothing is left of the side afterwards, as far as the plan tells.
    pub fn is_nothing(self) -> bool {
        match self {
            Self::Instances(desired) | Self::Bounds { desired, .. } => desired == 0,
            Self::SameAs(_) | Self::Share { .. } => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// At least this share of the side's registered targets is healthy (and at least one).
    Healthy { route: RouteName, side: Side, at_least: Percent },
}
