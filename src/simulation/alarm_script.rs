//! What a scenario says about an alarm: what it watches, how it judges, and when it lies.

use std::time::Duration;

use serde::Deserialize;

use super::phrases::{Evaluation, Moment, duration, optional_duration};
use crate::{
    cloud::AlarmValue,
    plan::{Side, units::Percent},
};

/// What an alarm watches, and when it lies. Without any threshold: an error share above 1 %.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AlarmScript {
    /// Whose figures, on the routes shifted with the alarm's gate.
    pub side: Side,
    /// Share of the requests in a period that failed.
    pub errors_above: Option<Percent>,
    /// Number of requests in a period that failed.
    pub error_count_above: Option<u32>,
    /// Mean over a period.
    #[serde(deserialize_with = "optional_duration")]
    pub latency_above: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    pub period: Duration,
    pub evaluation: Evaluation,
    pub missing_data: MissingPoints,
    /// Makes it a composite alarm: in ALARM while any of these is.
    pub any_of: Vec<String>,
    /// Makes it a composite alarm: in ALARM while all of these are.
    pub all_of: Vec<String>,
    /// States it shows whatever its figures say.
    pub states: Vec<StateScript>,
}

impl Default for AlarmScript {
    fn default() -> Self {
        Self {
            side: Side::Candidate,
            errors_above: None,
            error_count_above: None,
            latency_above: None,
            period: Duration::from_mins(1),
            evaluation: Evaluation { breaching: 1, periods: 1 },
            missing_data: MissingPoints::NotBreaching,
            any_of: Vec::new(),
            all_of: Vec::new(),
            states: Vec::new(),
        }
    }
}

impl AlarmScript {
    pub(super) fn is_composite(&self) -> bool {
        !(self.any_of.is_empty() && self.all_of.is_empty())
    }
}

/// What a period without figures means (`TreatMissingData`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingPoints {
    Breaching,
    NotBreaching,
    /// The alarm keeps the state it has.
    Ignore,
    /// Nothing but missing periods make `INSUFFICIENT_DATA`.
    Missing,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StateScript {
    pub at: Moment,
    pub state: ScriptedState,
    #[serde(rename = "for", deserialize_with = "duration")]
    pub lasts: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScriptedState {
    Ok,
    Alarm,
    InsufficientData,
}

impl ScriptedState {
    pub(super) fn value(self) -> AlarmValue {
        match self {
            Self::Ok => AlarmValue::Ok,
            Self::Alarm => AlarmValue::Alarm,
            Self::InsufficientData => AlarmValue::InsufficientData,
        }
    }
}
