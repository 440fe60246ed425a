//! The facts of a run, in the past tense. A run is nothing but its events in order: state, terminal output, JSON and
//! reports are folds over them. They are serialised into the journal, so a change here needs a new format version
//! (`journal::envelope`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{Check, Picture, Reading, Target, Timestamp};
use crate::plan::{FleetName, GateName, Header, Member, PlanName, RouteName, Side, StepId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event {
    /// Preflight passed. Sides are settled here, once, with what every target looked like.
    RunStarted {
        plan: PlanName,
        digest: String,
        /// The values its parameters were given; they are not for secrets.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        params: BTreeMap<String, String>,
        by: Actor,
        bindings: Bindings,
        found: Vec<Found>,
    },
    /// A runner took the journal over (a first runner starts with `RunStarted`). A call that had no answer yet is
    /// in doubt from here on.
    RunnerStarted {
        by: Actor,
    },
    StepStarted {
        step: StepId,
        deadline: Option<Timestamp>,
    },
    /// All that had to hold before the step may change something holds.
    StepCleared {
        step: StepId,
    },
    /// A target was looked at before deciding about it, and is within what this run left (a group's desired capacity
    /// moves by itself).
    Observed {
        target: Target,
        live: Picture,
    },
    /// A check was answered. Answers that change nothing are not kept.
    Read {
        check: Check,
        reading: Reading,
    },
    /// Written before the call is made.
    ChangeIntended {
        purpose: Purpose,
        target: Target,
        before: Picture,
        after: Picture,
    },
    CallReturned {
        target: Target,
    },
    CallFailed {
        target: Target,
        problem: CallProblem,
        retry_at: Option<Timestamp>,
    },
    /// The read-back showed it.
    ChangeConfirmed {
        target: Target,
        live: Picture,
    },
    BakeStarted {
        step: StepId,
        until: Timestamp,
    },
    StepDone {
        step: StepId,
    },
    StepFailed {
        step: StepId,
        cause: Cause,
    },
    DriftFound {
        target: Target,
        expected: Picture,
        found: Picture,
    },
    Approved {
        step: StepId,
        by: Actor,
        reason: Option<String>,
    },
    Paused {
        by: Actor,
    },
    Resumed {
        by: Actor,
    },
    /// A command that could not be carried out, with the reason: whoever sent it finds the answer here.
    CommandRefused {
        by: Actor,
        command: String,
        refusal: String,
    },
    Interrupted {
        signal: Signal,
    },
    /// Frozen until a person decides.
    Held {
        cause: Cause,
    },
    RollbackStarted {
        cause: Cause,
    },
    RestoreStarted {
        target: Target,
        to: Picture,
    },
    Restored {
        target: Target,
    },
    /// The run could not put this right by itself.
    AttentionNeeded {
        target: Target,
        problem: String,
        hint: String,
    },
    RunEnded {
        ending: Ending,
    },
}

/// Why a change is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    Step(StepId),
    /// Whatever is under way is to stand still until the run goes on.
    Hold,
    Restore,
}

/// A person or machine that acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(pub String);

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Which real thing stands on which side, for the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bindings {
    pub routes: BTreeMap<RouteName, Bound>,
    pub fleets: BTreeMap<FleetName, Bound>,
    /// The header by which each test route is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tests: BTreeMap<RouteName, Header>,
}

impl Bindings {
    /// What a run owns while it lasts, by names that are the same for every plan and route name.
    pub fn resources(&self) -> BTreeSet<String> {
        let routes = self.routes.values().map(|bound| bound.resource.clone());
        let fleets = self.fleets.values().flat_map(|bound| {
            [&bound.stable, &bound.candidate].map(|member| format!("{} {member}", bound.resource))
        });
        routes.chain(fleets).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bound {
    /// What the run owns while it lasts: the ARN of a rule or listener; for a fleet, the kind of thing its members are.
    pub resource: String,
    pub stable: Member,
    pub candidate: Member,
}

impl Bound {
    pub fn member(&self, side: Side) -> &Member {
        match side {
            Side::Stable => &self.stable,
            Side::Candidate => &self.candidate,
        }
    }
}

/// What a target looked like when the run started.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Found {
    pub target: Target,
    pub picture: Picture,
}

/// Why a step failed, a run was held, or a roll-back began.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    GateFailed {
        gate: GateName,
        because: String,
    },
    /// Whatever it was still waiting for, in words.
    TimedOut {
        step: StepId,
        waiting_for: String,
    },
    CallFailed {
        target: Target,
        problem: CallProblem,
    },
    ApprovalExpired {
        step: StepId,
    },
    Drift {
        target: Target,
    },
    Asked {
        by: Actor,
        reason: Option<String>,
    },
    Interrupted {
        signal: Signal,
    },
}

/// How an AWS call went wrong, as far as it matters to what happens next.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CallProblem {
    pub kind: ProblemKind,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Worth trying again: throttled, timed out, a server's fault. Whether it took effect is not known.
    Passing,
    /// Will not get better by trying again: denied, rejected, absent.
    Final,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    SigInt,
    SigTerm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Promoted,
    RolledBack,
    /// The roll-back could not be completed; `AttentionNeeded` events say where.
    NeedsAttention,
}
