//! A run at one moment, with everything worth showing: status pages print it and `--output json` serialises it, so that
//! people and programs read the same.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer};

use super::{AwsCommand, ComponentStanding, NextCommand, Offers, Standing};
use crate::{
    journal::{Held, Looks, RunId},
    plan::{
        ComponentName, FleetName, GateName, LockName, Member, PlanName, RouteName, Side, StepId,
        units::{Percent, Weight},
    },
    rollout::{Actor, Capacity, Reading, Software, Target, TestRoute, Timestamp, Version},
};

/// A run at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunView {
    /// Absent when the journal is empty.
    pub run: Option<RunId>,
    pub plan: PlanName,
    /// The beginning of the digest, enough to tell plans apart.
    pub digest: String,
    pub standing: Standing,
    /// Who drives it, or did last. Absent when it was not asked, or nobody has since it ended.
    pub driver: Option<DriverView>,
    /// Since when nobody drives it, so that nobody watches its gates, though it has not ended.
    pub unwatched_since: Option<Timestamp>,
    pub by: Option<Actor>,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// From the start to the end, or to now.
    #[serde(rename = "duration-ms", serialize_with = "millis")]
    pub duration: Duration,
    pub components: Vec<ComponentView>,
    pub routes: Vec<RouteView>,
    pub fleets: Vec<FleetView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub software: Vec<SoftwareView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test_routes: Vec<TestRouteView>,
    /// Which version serves, of each fleet whose groups said so when the run began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<ServesView>,
    /// What it shares with other plans by name and has while it lasts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<LockName>,
    pub gates: Vec<GateView>,
    pub approvals: Vec<ApprovalView>,
    pub drifts: Vec<DriftView>,
    /// What the run could not put right by itself and nobody has since.
    pub attention: Vec<AttentionView>,
    pub refused: Vec<RefusedView>,
    /// Why it failed, was held, or went back.
    pub cause: Option<String>,
    /// What it waits for or has come to.
    pub why: Vec<String>,
    pub next: Vec<NextCommand>,
}

impl RunView {
    /// The same, with these of its commands.
    #[must_use]
    pub fn offering(self, offers: &Offers) -> Self {
        let next = offers.of(self.next);
        Self { next, ..self }
    }
}

/// What is known of a run beside its journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// The lock of the run itself.
    pub driver: Option<Held>,
    pub looks: Option<Looks>,
}

/// A process that drives a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DriverView {
    pub holder: String,
    pub alive: bool,
    /// When it last said that it lives.
    pub last_beat: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ComponentView {
    pub name: ComponentName,
    /// Those that it needs, where there are several components.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<ComponentName>,
    /// Where it stands, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<ComponentStanding>,
    pub steps: Vec<StepView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StepView {
    pub id: StepId,
    /// Its place among the steps of its component: `3/4`.
    pub place: String,
    /// What it does, in words.
    pub what: String,
    pub state: StepStanding,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub bake: Option<BakeView>,
    pub gates: Vec<GateName>,
    /// Why it failed.
    pub cause: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStanding {
    Pending,
    Active,
    Done,
    Failed,
    /// Under way when the run went back, with nothing to put back.
    Stopped,
    Reverted,
    NeedsAttention,
}

/// How far a bake is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BakeView {
    pub until: Timestamp,
    #[serde(rename = "total-ms", serialize_with = "millis")]
    pub total: Duration,
    #[serde(rename = "elapsed-ms", serialize_with = "millis")]
    pub elapsed: Duration,
}

/// Where a route's traffic goes, as it was last seen, somebody else's change included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RouteView {
    pub route: RouteName,
    /// Which of its rules this is, while they do not agree; they are told one by one then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    pub stable: SideView,
    /// None before a step has made it.
    pub candidate: Option<SideView>,
    /// What accompanies the candidate to be compared with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<SideView>,
    /// Target groups that are not the route's.
    pub others: BTreeMap<Member, Weight>,
    /// When it was last looked at.
    pub seen: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SideView {
    pub member: Member,
    pub weight: Weight,
    pub share: Percent,
}

/// What a fleet runs that is replaced where it stands, and how far its refresh or deployment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SoftwareView {
    pub fleet: FleetName,
    pub software: Software,
    /// When it was last looked at.
    pub seen: Timestamp,
}

/// Whether requests with a header are led to the candidate of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TestRouteView {
    pub route: RouteName,
    pub test_route: TestRoute,
    /// When it was last looked at.
    pub seen: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FleetView {
    pub fleet: FleetName,
    pub side: Side,
    pub member: Member,
    pub capacity: Capacity,
    /// When it was last looked at.
    pub seen: Timestamp,
}

/// One of a fleet's groups that users are served by, as far as the run has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServesView {
    pub fleet: FleetName,
    pub member: Member,
    /// What its group launched when the run began; several where its policy names several launch templates.
    pub versions: Vec<Version>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GateView {
    pub gate: GateName,
    /// The last answer, if it was asked at all; where `last-read` is absent, the last one that the journal keeps.
    pub reading: Option<Reading>,
    /// When it was last asked, whatever it answered.
    pub last_read: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ApprovalView {
    pub step: StepId,
    pub by: Actor,
    /// The ARN of the approver's credentials, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    pub at: Timestamp,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DriftView {
    pub target: Target,
    pub expected: String,
    pub found: String,
    pub at: Timestamp,
    /// What to type to make it as the run wants it.
    pub wanted: Vec<AwsCommand>,
    /// What to type to make it as it was before the run.
    pub before: Vec<AwsCommand>,
    /// What to do where there is no such command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<String>,
    /// What to type to see how it stands, where something is to be done by hand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub look: Vec<AwsCommand>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AttentionView {
    pub target: Target,
    pub problem: String,
    pub hint: String,
    pub at: Timestamp,
    /// What to type to make it as it was before the run.
    pub before: Vec<AwsCommand>,
    /// What to do where there is no such command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<String>,
    /// What to type to see how it stands, where something is to be done by hand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub look: Vec<AwsCommand>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RefusedView {
    pub by: Actor,
    pub at: Timestamp,
    pub command: String,
    pub refusal: String,
}

impl RunView {
    /// The moment the view shows: its end, or when it was taken.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.started.map(|started| started.plus(self.duration))
    }
}

pub(super) fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
