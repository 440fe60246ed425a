//! The facts of a run, in the past tense. A run is nothing but its events in order: state, terminal output, JSON and
//! reports are folds over them. They are serialised into the journal, so a change here needs a new format version
//! (`journal::envelope`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Attempts, Check, Jump, Picture, Reading, Split, Target, Timestamp, Version, Voter};
use crate::plan::{
    FleetName, GateName, Header, Member, PlanName, RouteName, Side, StepId,
    units::{Paired, Percent, Scale, Weight},
};

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
    },
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
    /// The rule of each test route as it would be added, in the AWS CLI's JSON, for a person who has to do it by hand. No
    /// decision is made from it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub test_rules: BTreeMap<RouteName, String>,
    /// What each group of a fleet with two sides launched when the run began. Several where its policy names several
    /// launch templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<Member, Vec<Version>>,
    /// The fleets on whose candidate side other versions ran then, which the run replaces first.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub leftovers: BTreeSet<FleetName>,
    /// Routes that a side's group is to be attached to before anything else, because it stands in none of their places.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attaches: BTreeSet<RouteName>,
    /// How each place of a route was written when the run began.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub written: BTreeMap<String, Written>,
}

/// All that stands at a place beside the weights, as the AWS CLI takes it: a person who is to put a route right by hand is
/// given a whole command. No decision is made from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Written {
    /// JSON: the list of actions of a rule or listener, or the list of records of a name.
    pub json: String,
    /// JSON: the listener, priority and conditions of a rule, for whoever has to make it again. None where that is not known
    /// as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The ARNs of target groups that may be given a weight there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arns: BTreeMap<Member, String>,
}

impl Bindings {
    /// How long clients of a route may go on by the weights from before a change.
    pub fn lag(&self, route: &RouteName) -> Duration {
        self.routes.get(route).map_or(Duration::ZERO, |bound| bound.medium.lag())
    }

    /// What a run owns while it lasts, by names that are the same for every plan and route name.
    pub fn resources(&self) -> BTreeSet<String> {
        let routes = self.routes.values().flat_map(Bound::places).cloned();
        let fleets = self.fleets.values().flat_map(|bound| {
            [&bound.stable, &bound.candidate].map(|member| format!("{} {member}", bound.resource))
        });
        routes.chain(fleets).collect()
    }
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bound {
    /// What the run owns while it lasts: the ARN of a rule or listener, or the zone, name and type of records; for a
    /// fleet, the kind of thing its members are.
    pub resource: String,
    pub stable: Member,
    pub candidate: Member,
    /// What accompanies the candidate, with as much traffic, to be compared with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Member>,
    /// The ARNs of the route's other rules and listeners, which are moved together with the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    #[serde(default)]
    pub medium: Medium,
}

/// What carries a route's weights to its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// Applies them itself, to every request or connection.
    #[default]
    LoadBalancer,
    /// Answers questions with them, and the answers are kept.
    Dns {
        /// For how long, in seconds.
        ttl: u64,
    },
}

impl Medium {
    /// How long clients may go on by the weights from before a change that is in effect.
    pub fn lag(self) -> Duration {
        match self {
            Self::LoadBalancer => Duration::ZERO,
            Self::Dns { ttl } => Duration::from_secs(ttl),
        }
    }

    pub const fn scale(self) -> Scale {
        match self {
            Self::LoadBalancer => Scale::LoadBalancer,
            Self::Dns { .. } => Scale::Dns,
        }
    }
}

impl Bound {
    /// Everywhere its weights stand.
    pub fn places(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.resource).chain(&self.others)
    }

    pub fn member(&self, side: Side) -> &Member {
        match side {
            Side::Stable => &self.stable,
            Side::Candidate => &self.candidate,
        }
    }

    /// All that are given a share of the traffic by a run.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        [&self.stable, &self.candidate].into_iter().chain(&self.baseline)
    }

    /// What the baseline weighs beside so much of the traffic on the candidate.
    pub fn baseline_at(&self, share: Percent) -> Weight {
        self.baseline.as_ref().map_or(Weight::ZERO, |_| Paired::split(share).baseline)
    }

    /// A split with so much of the traffic on the candidate; what others have stays.
    pub fn shifted(&self, split: &Split, share: Percent) -> Split {
        let members = (&self.stable, &self.candidate, self.baseline.as_ref());
        split.shifted(members, share, self.medium.scale())
    }
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
    /// The roll-back could not be completed; `AttentionNeeded` events say where.
    NeedsAttention,
}
