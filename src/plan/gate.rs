//! Gates of a checked plan: what is asked before traffic may move on, and what may be forgiven. Kinds with much to say have
//! files of their own.

use std::{collections::BTreeMap, time::Duration};

use super::{
    calendar::Window,
    delegated::{CommandGate, LambdaGate, Proxy},
    events::{QueueGate, StreamGate},
    invoke::InvokeGate,
    measure::{CompareGate, ErrorBudgetGate, MetricGate},
    names::{RouteName, Side},
    on_failure::OnFailure,
    place::Place,
    queue::Queue,
    units::Percent,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    pub kind: GateKind,
    /// How often it is read.
    pub every: Duration,
    pub tolerance: Tolerance,
    /// Where its alarms, metrics or function are.
    pub place: Place,
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
    Queue(QueueGate),
    Stream(StreamGate),
    Invoke(InvokeGate),
    /// Not read but told by the clock: when the steps that name it may start.
    Window(Window),
}

impl GateKind {
    /// The route whose sides it measures, if it does.
    pub fn measures(&self) -> Option<&RouteName> {
        match self {
            Self::Metric(gate) => Some(&gate.route),
            Self::Compare(gate) => Some(&gate.route),
            Self::ErrorBudget(gate) => Some(&gate.route),
            Self::Invoke(gate) => Some(&gate.route),
            Self::Alarms(_)
            | Self::Healthy { .. }
            | Self::Http(_)
            | Self::Command(_)
            | Self::Lambda(_)
            | Self::Queue(_)
            | Self::Stream(_)
            | Self::Window(_) => None,
        }
    }

    /// The route it is about, if it is about one.
    pub fn route(&self) -> Option<&RouteName> {
        if let Self::Healthy { route, .. } = self { Some(route) } else { self.measures() }
    }

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
