//! A plan that has been checked. Everything here is resolved and in range: names refer to things that exist, a shift
//! names a route, percentages and durations carry their units. `check.rs` is the only way to make one from a file,
//! and nothing downstream asks again whether a plan makes sense.

use std::{borrow::Borrow, collections::BTreeMap, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    measure::{CompareGate, MetricGate},
    replacement::{How, Replace},
    units::Percent,
};

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
}

/// A checked plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub name: PlanName,
    /// SHA-256 over the plan as it will run (parameters filled in, strategies expanded), in hexadecimal.
    pub digest: String,
    pub aws: AwsTarget,
    pub routes: BTreeMap<RouteName, Route>,
    pub fleets: BTreeMap<FleetName, Fleet>,
    pub gates: BTreeMap<GateName, Gate>,
    /// In an order in which every component follows all it needs.
    pub components: Vec<Component>,
    pub on_failure: OnFailure,
    pub on_interrupt: OnInterrupt,
}

impl Plan {
    /// Every step with its component, in the order they are written.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = (&Component, &Step)> {
        self.components.iter().flat_map(|c| c.steps.iter().map(move |s| (c, s)))
    }

    pub fn step(&self, id: &StepId) -> Option<(&Component, &Step)> {
        self.steps().find(|(_, step)| step.id == *id)
    }

    /// The fleet whose stable side a rest of fixed length keeps from being scaled away, which is what comes next.
    pub fn kept_by(&self, id: &StepId) -> Option<&FleetName> {
        let (component, _) = self.step(id)?;
        let mut steps = component.steps.iter().skip_while(|step| step.id != *id);
        match (&steps.next()?.verb, &steps.next()?.verb) {
            (Verb::Pause { duration: Some(_) }, Verb::Scale { fleet, side: Side::Stable, to })
                if to.is_nothing() =>
            {
                Some(fleet)
            }
            _ => None,
        }
    }

    /// The fleets whose sides stand behind this route's.
    pub fn fleets_behind<'a>(
        &'a self,
        route: &'a RouteName,
    ) -> impl Iterator<Item = &'a FleetName> {
        self.fleets
            .iter()
            .filter(move |(_, f)| f.behind.as_ref() == Some(route))
            .map(|(name, _)| name)
    }
}

/// Where the plan is meant to run; a run whose credentials belong elsewhere is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsTarget {
    pub region: Option<String>,
    /// Twelve digits.
    pub account: Option<String>,
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

/// How a plan names the two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sides {
    /// The plan says which is which.
    Fixed { stable: Member, candidate: Member },
    /// Whichever has all the weight when the run starts is stable (blue and green).
    Pair([Member; 2]),
    /// There is one group, whose software is replaced where it stands.
    Single(Member),
}

impl Sides {
    pub fn members(&self) -> [&Member; 2] {
        match self {
            Self::Fixed { stable, candidate } => [stable, candidate],
            Self::Pair([first, second]) => [first, second],
            Self::Single(only) => [only, only],
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub kind: RouteKind,
    /// Target group names (or ARNs).
    pub sides: Sides,
    /// How long after a weight was read back old connections may still end up on the other side: load balancer nodes
    /// apply a change some time after the API has answered. A fleet is not shrunk earlier.
    pub settle: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteKind {
    Alb(ListenerRule),
}

/// Where on a load balancer the forward action stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListenerRule {
    /// `rule: arn:…:listener-rule/…`
    Rule(String),
    /// `listener: arn:…:listener/…`: its default action.
    DefaultOf(String),
    /// `load-balancer: name, port: 443, priority: 10`; without a priority the default action is meant.
    Named { load_balancer: String, port: u16, priority: Option<u32> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    pub kind: FleetKind,
    /// Group names; a single group stands on both sides.
    pub sides: Sides,
    /// The route whose sides this fleet's follow, in the same order.
    pub behind: Option<RouteName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FleetKind {
    AutoScaling,
    /// Its member is `application/group`.
    CodeDeploy,
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

impl Step {
    /// The replacement this step takes further, if it is one.
    pub fn replaces(&self) -> Option<&Replace> {
        self.verb.replaces()
    }
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
    },
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
    },
    /// Without a duration the pause ends when somebody resumes the run.
    Pause {
        duration: Option<Duration>,
    },
}

impl Verb {
    /// The replacement it takes further, if it is one.
    pub fn replaces(&self) -> Option<&Replace> {
        match self {
            Self::Replace(replace) => Some(replace),
            Self::Scale { .. }
            | Self::Wait { .. }
            | Self::Probe { .. }
            | Self::Shift { .. }
            | Self::TestRoute { .. }
            | Self::Approve { .. }
            | Self::Pause { .. } => None,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Scale { .. } => "scale",
            Self::Wait { .. } => "wait",
            Self::Probe { .. } => "probe",
            Self::Shift { .. } => "shift",
            Self::TestRoute { header: Some(_), .. } => "test-route",
            Self::TestRoute { header: None, .. } => "remove-test-route",
            Self::Replace(Replace { how: How::Refresh(_), .. }) => "refresh",
            Self::Replace(Replace { how: How::Deploy(_), .. }) => "deploy",
            Self::Approve { .. } => "approve",
            Self::Pause { .. } => "pause",
        }
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    pub kind: GateKind,
    /// How often it is read.
    pub every: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateKind {
    Alarms(AlarmsGate),
    Healthy { route: RouteName, side: Side, at_least: Percent },
    Http(HttpGate),
    Metric(MetricGate),
    Compare(CompareGate),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmsGate {
    pub names: Vec<String>,
    pub missing: MissingAlarm,
    pub insufficient_data: InsufficientData,
}

/// What a gate says when an alarm it names is not there any more. (At preflight a missing alarm always refuses.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingAlarm {
    Fail,
    Unknown,
}

/// What a gate says while an alarm is in `INSUFFICIENT_DATA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsufficientData {
    Wait,
    Pass,
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGate {
    pub url: String,
    /// Sent with every request, by lower-case name.
    pub headers: BTreeMap<String, String>,
    pub status: u16,
    /// How many answers in a row it takes to pass.
    pub consecutive: u32,
    /// For one request.
    pub timeout: Duration,
}

/// What happens when a step or gate fails, or an approval expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    RollBack,
    /// Freeze where it is and leave the rest to a person.
    Hold,
}

/// What happens on SIGINT or SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnInterrupt {
    Hold,
    RollBack,
}
