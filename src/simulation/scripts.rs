//! What a scenario may say of everything but the two sides: clocks, answers, calls that go wrong, and what other people
//! do.

use std::time::Duration;

use serde::Deserialize;

use super::phrases::{Moment, SetBy, duration};
use crate::{
    cloud::Operation,
    plan::{
        FleetName, Member, RouteName, Side,
        units::{Percent, Weight},
    },
    rollout::Outcome,
    testkit::{Fault, operation_named},
};

/// The machine's clock is set, forward or back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClockScript {
    /// After the run's begin.
    #[serde(deserialize_with = "duration")]
    pub at: Duration,
    /// Such as `-1h` or `90s`.
    pub by: SetBy,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ProbeScript {
    pub status: u16,
}

impl Default for ProbeScript {
    fn default() -> Self {
        Self { status: 200 }
    }
}

/// How replacements go in a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ReplacementScript {
    /// From the first instance to the last.
    #[serde(deserialize_with = "duration")]
    pub takes: Duration,
    /// The share at which a replacement by another version breaks.
    pub breaks_at: Option<Percent>,
}

impl Default for ReplacementScript {
    fn default() -> Self {
        Self { takes: Duration::from_mins(5), breaks_at: None }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CommandScript {
    pub exit: i32,
    #[serde(deserialize_with = "duration")]
    pub takes: Duration,
}

/// How every function of a plan answers: with an outcome, or after its error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FunctionScript {
    pub outcome: Outcome,
    pub because: Option<String>,
    /// In place of the outcome: it fails with these words.
    pub error: Option<String>,
    #[serde(deserialize_with = "duration")]
    pub takes: Duration,
    /// Left out: from the beginning. Before, it passes.
    pub from: Option<Moment>,
}

impl Default for FunctionScript {
    fn default() -> Self {
        Self {
            outcome: Outcome::Pass,
            because: None,
            error: None,
            takes: Duration::ZERO,
            from: None,
        }
    }
}

/// Calls that go wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FaultScript {
    /// Left out: any operation.
    #[serde(default, deserialize_with = "operation_named")]
    pub operation: Option<Operation>,
    pub kind: Fault,
    /// The first call that fails, counted from 1 within `from` and `to`.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many calls fail from there on; left out: all of them.
    pub count: Option<u64>,
    pub from: Option<Moment>,
    pub to: Option<Moment>,
}

fn one() -> u64 {
    1
}

/// The mark of another run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MarkScript {
    pub run: String,
    pub owner: String,
    pub journal: String,
    /// How long before the beginning its owner was last seen; it never is again.
    #[serde(deserialize_with = "duration")]
    pub seen: Duration,
}

/// A person who gives the run a command.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OperatorScript {
    pub at: Moment,
    #[serde(rename = "do")]
    pub command: OperatorCommand,
    #[serde(default = "somebody")]
    pub by: String,
    pub reason: Option<String>,
}

fn somebody() -> String {
    "somebody@example.com".into()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorCommand {
    Approve,
    Deny,
    Pause,
    Resume,
    Abort,
}

/// What somebody else changes by hand while the run is under way.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DriftScript {
    pub at: Moment,
    /// Left out: every route.
    pub route: Option<RouteName>,
    pub weights: Option<SideWeights>,
    /// Left out: every fleet.
    pub fleet: Option<FleetName>,
    pub capacity: Option<CapacityChange>,
    /// A version that somebody begins to put in the place of every fleet's software.
    pub software: Option<String>,
    /// What somebody deletes.
    pub delete: Option<Deleted>,
    /// The version of their launch template that the candidate's groups launch from now on.
    pub template: Option<u32>,
}

/// Things that somebody deletes while a run needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deleted {
    /// The rules, listeners or records of every route.
    Routes,
    /// The candidate's group of every fleet, with its instances.
    CandidateFleets,
}

/// A rule of somebody else's on the same load balancer or, behind DNS, a record of another name: users come by it as they
/// do by the route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OtherRuleScript {
    pub at: Moment,
    /// Left out: it stays.
    pub until: Option<Moment>,
    /// Left out: one for every route.
    pub route: Option<RouteName>,
    pub side: Side,
    #[serde(default = "some_weight")]
    pub weight: Weight,
    /// A target group of its own that the side's fleet registers its instances with too; left out: the side's.
    pub through: Option<Member>,
}

fn some_weight() -> Weight {
    Weight::new(100).unwrap_or(Weight::MAX)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SideWeights {
    pub stable: Weight,
    pub candidate: Weight,
}

/// Only what is given changes, as in `UpdateAutoScalingGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CapacityChange {
    pub side: Side,
    pub min: Option<u32>,
    pub max: Option<u32>,
    pub desired: Option<u32>,
}
