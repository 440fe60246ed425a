//! A plan that has been checked. Everything here is resolved and in range: names refer to things that exist, a shift
//! names a route, percentages and durations carry their units. `check.rs` is the only way to make one from a file,
//! and nothing downstream asks again whether a plan makes sense.
//!
//! Its length is that of the language: these are types with next to no logic, which refer to one another and are read as one.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    calendar::Window,
    delegated::{CommandGate, LambdaGate, Proxy},
    measure::{CompareGate, ErrorBudgetGate, MetricGate},
    names::{ComponentName, FleetName, GateName, Member, PlanName, RouteName, Side, StepId},
    published::{OF_TARGET_GROUPS, OF_VERSIONS, Published},
    queue::Queue,
    replacement::{How, Replace},
    units::{Percent, Scale},
};

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
    /// How long a roll-back is kept up before a person is called.
    pub roll_back_for: Duration,
}

impl Plan {
    /// Every step with its component, in the order they are written.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = (&Component, &Step)> {
        self.components.iter().flat_map(|c| c.steps.iter().map(move |s| (c, s)))
    }

    pub fn step(&self, id: &StepId) -> Option<(&Component, &Step)> {
        let own = self.components.iter().filter(|component| id.is_of(&component.name));
        own.flat_map(|c| c.steps.iter().map(move |s| (c, s))).find(|(_, step)| step.id == *id)
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

/// How a plan names the two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sides {
    /// The plan says which is which.
    Fixed { stable: Member, candidate: Member },
    /// Whichever has all the weight when the run starts is stable (blue and green).
    Pair([Member; 2]),
    /// There is one group, whose software is replaced where it stands.
    Single(Member),
    /// Whatever serves when the run starts is stable.
    Serving { candidate: Member },
}

impl Sides {
    pub fn members(&self) -> [&Member; 2] {
        match self {
            Self::Fixed { stable, candidate } => [stable, candidate],
            Self::Pair([first, second]) => [first, second],
            Self::Single(only) | Self::Serving { candidate: only } => [only, only],
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub kind: RouteKind,
    /// Target group names (or ARNs), or the set identifiers of records.
    pub sides: Sides,
    /// A third target group, of fresh instances with the stable side's software, which a candidate can be compared with:
    /// it gets as much traffic as the candidate.
    pub baseline: Option<Member>,
    /// How long after a weight was read back old connections may still end up on the other side: load balancer nodes
    /// apply a change some time after the API has answered. A fleet is not shrunk earlier.
    pub settle: Duration,
}

/// What splits the traffic. The places of one route are moved together; there is always at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Rules or default actions of Application Load Balancers.
    Alb(Vec<ListenerRule>),
    /// Listeners of Network Load Balancers, which have no rules.
    Nlb(Vec<ListenerRule>),
    /// Weighted records in a hosted zone.
    Route53(RecordSet),
    /// The alias of a function, between two of its published versions.
    Lambda(Alias),
}

impl RouteKind {
    pub const fn scale(&self) -> Scale {
        match self {
            Self::Alb(_) | Self::Nlb(_) => Scale::LoadBalancer,
            Self::Route53(_) => Scale::Dns,
            Self::Lambda(_) => Scale::Hundredths,
        }
    }

    /// The metrics by which its sides are told apart; `None` where nobody counts each side's requests.
    pub fn published(&self) -> Option<&'static Published> {
        match self {
            Self::Alb(_) => Some(&OF_TARGET_GROUPS),
            Self::Lambda(_) => Some(&OF_VERSIONS),
            Self::Nlb(_) | Self::Route53(_) => None,
        }
    }
}

/// An alias of a Lambda function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias {
    /// The function's name, without qualifier.
    pub function: String,
    pub name: String,
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.function, self.name)
    }
}

/// Records of one name and type, told apart by their set identifiers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordSet {
    /// The id of a hosted zone, which has no dot, or its domain.
    pub zone: String,
    /// In lower case, without the dot at the end.
    pub name: String,
    pub kind: RecordType,
}

/// The types of records that lead to where software runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordType {
    A,
    Aaaa,
    Cname,
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
        })
    }
}

/// The two kinds of load balancers that weights can be given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Application,
    Network,
}

impl Family {
    /// How the ARNs of its parts begin their resource: `listener/app/…`.
    pub const fn in_arns(self) -> &'static str {
        match self {
            Self::Application => "app",
            Self::Network => "net",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Application => "Application Load Balancer",
            Self::Network => "Network Load Balancer",
        })
    }
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
    pub leftovers: Leftovers,
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    pub kind: GateKind,
    /// How often it is read.
    pub every: Duration,
    pub tolerance: Tolerance,
}

/// What a gate may say before it stops a run. By default the first failure does, and unknown only keeps traffic where
/// it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolerance {
    /// Failed readings in a row that are tolerated.
    pub consecutive: u32,
    /// Failed readings in all that are tolerated, until a person resumes the run after a hold; at least `consecutive`.
    pub total: u32,
    pub unknown: Option<Patience>,
}

/// How long a gate may stay unknown, and what happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub lasts: Duration,
    pub then: OnFailure,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateKind {
    Alarms(AlarmsGate),
    Healthy {
        route: RouteName,
        side: Side,
        at_least: Percent,
    },
    Http(HttpGate),
    Metric(MetricGate),
    Compare(CompareGate),
    ErrorBudget(ErrorBudgetGate),
    Command(CommandGate),
    Lambda(LambdaGate),
    /// Not read but told by the clock: when the steps that name it may start.
    Window(Window),
}

impl GateKind {
    /// The comparison it makes, if it compares.
    pub fn compare(&self) -> Option<&CompareGate> {
        if let Self::Compare(gate) = self { Some(gate) } else { None }
    }

    /// The alarms it watches, if it watches alarms.
    pub fn alarms(&self) -> Option<&AlarmsGate> {
        if let Self::Alarms(gate) = self { Some(gate) } else { None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmsGate {
    pub names: Vec<String>,
    pub missing: MissingAlarm,
    pub insufficient_data: InsufficientData,
    pub already: AlreadyInAlarm,
    /// Where news of its alarms arrives, beside what is asked for.
    pub listen: Option<Queue>,
}

/// What becomes of an alarm that is in `ALARM` before a run starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlreadyInAlarm {
    /// The run does not start.
    #[default]
    Refuse,
    /// It does not count until it has been `OK` once.
    IgnoreUntilOk,
    /// It does not count for the whole run; the journal says so.
    Ignore,
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
    pub proxy: Proxy,
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
