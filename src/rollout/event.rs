//! The facts of a run, in the past tense. A run is nothing but its events in order: state, terminal output, JSON and
//! reports are folds over them. They are serialised into the journal, so a change here needs a new format version
//! (`journal::envelope`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Actor, Attempts, Bindings, Check, Jump, Making, Picture, Reading, Scope, Target, Timestamp,
    Voter,
};
use crate::plan::{GateName, Member, PlanName, RouteName, StepId};

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
        /// Alarms that were in `ALARM` already and do not count, or not yet, because the plan says so.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        excused: Vec<Excused>,
        /// What earlier runs found of the same artifact, by `compare` gate.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        attempts: BTreeMap<GateName, Attempts>,
        /// As whom and where, as far as AWS told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        acting_as: Option<ActingAs>,
    },
    /// A runner took the journal over (a first runner starts with `RunStarted`). A call that had no answer yet is
    /// in doubt from here on.
    RunnerStarted {
        by: Actor,
    },
    /// The clock that the run goes by was set, or its machine slept, or another runner's clock is behind. Times of the
    /// events before this one are by the clock as it was; their order is that of their numbers.
    ClockJumped {
        by: Jump,
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
    /// A step has made the candidate of a route, and this is what AWS calls it.
    Learned {
        route: RouteName,
        member: Member,
        making: Making,
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
        #[serde(flatten)]
        voter: Voter,
        reason: Option<String>,
        /// Of the plan that was approved.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        digest: String,
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
        /// The part of the run that goes back; everything does where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Scope>,
    },
    /// A part of the run has gone back, as far as it could, and the rest goes on.
    WentBack,
    RestoreStarted {
        target: Target,
        to: Picture,
    },
    Restored {
        target: Target,
    },
    /// While rolling back: there is nothing any more that could be restored.
    Vanished {
        target: Target,
        words: String,
    },
    /// The run could not put this right by itself.
    AttentionNeeded {
        target: Target,
        problem: String,
        hint: String,
        /// What somebody else has made of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<Picture>,
    },
    /// A person wants the run to write over what somebody else has made of a target: this picture of it counts as the
    /// run's own from here on, any other does not.
    OverwriteAllowed {
        by: Actor,
        target: Target,
        found: Picture,
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

/// Whose credentials a run has, and where it uses them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ActingAs {
    pub account: String,
    /// The ARN of the caller.
    pub identity: String,
    pub region: String,
}

/// What a target looked like when the run started.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Found {
    pub target: Target,
    pub picture: Picture,
}

/// An alarm that was in `ALARM` when the run started, and what the plan says about that.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Excused {
    pub gate: GateName,
    pub alarm: String,
    pub until: ExcusedUntil,
    /// CloudWatch's own words for its state.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExcusedUntil {
    Ok,
    TheEnd,
}

/// Why a step failed, a run was held, or a roll-back began.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    GateFailed {
        gate: GateName,
        because: String,
    },
    /// It could not be measured for longer than the plan bears.
    GateUnknown {
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
    Denied {
        step: StepId,
        #[serde(flatten)]
        voter: Voter,
        reason: Option<String>,
    },
    Drift {
        target: Target,
    },
    /// A call returned, and what was read back is neither what was nor what was asked for.
    NotAsAsked {
        target: Target,
    },
    /// What the run needs is not there any more.
    Vanished {
        /// In AWS's words where there are any.
        words: String,
    },
    /// What a step waits for will not come about.
    GivenUp {
        words: String,
    },
    /// Users are sent to a candidate behind which nobody is healthy.
    Unserved {
        route: RouteName,
        because: String,
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
    /// The terminal was closed.
    SigHup,
    SigQuit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Promoted,
    RolledBack,
    /// A part of the run has gone back, completely; what else it touched is promoted.
    PartlyRolledBack,
    /// The roll-back could not be completed; `AttentionNeeded` events say where.
    NeedsAttention,
}
