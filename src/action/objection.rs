//! What preflight collects: reasons not to start, sentences worth knowing, and, if there is nothing against it, all that
//! a run knows about the world when it begins.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    cloud::{Error, Lead},
    plan::{Member, Place, Plan, RouteName, Side},
    rollout::{Bindings, Excused, Found, RouteBound},
};

/// A side to which more leads than the plan moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LedTo {
    /// The route whose side it is; a fleet may stand behind none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteName>,
    pub side: Side,
    /// The target group, record or Auto Scaling group on that side.
    pub member: Member,
    pub leads: Vec<Lead>,
}

/// Everything a run knows about the world when it starts.
#[derive(Clone, Debug)]
pub struct Settled {
    /// What a run carries out: the plan with the steps that it puts ahead.
    pub plan: Plan,
    pub bindings: Bindings,
    pub found: Vec<Found>,
    /// Alarms that are in `ALARM` and do not count, or not yet, because the plan says so.
    pub excused: Vec<Excused>,
    /// Sides to which more leads than the plan moves.
    pub leads: Vec<LedTo>,
    /// Sentences worth knowing that stop nothing.
    pub warnings: Vec<String>,
}

/// What speaks against a run, and what was found of the world all the same.
#[derive(Clone, Debug)]
pub struct Unsettled {
    pub objections: Vec<Objection>,
    /// The places that the plan means, as far as they are there; which side of them serves may be open.
    pub bindings: Bindings,
}

/// One reason not to start.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Objection {
    pub problem: String,
    pub hint: String,
}

impl Objection {
    pub(super) fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: hint.into() }
    }

    /// What every call meets is not told of each of them.
    pub(super) fn error(what: &str, error: &Error) -> Self {
        let problem =
            if error.is_of_every_call() { error.to_string() } else { format!("{what}: {error}") };
        Self::new(problem, error.hint())
    }
}

impl From<&Error> for Objection {
    fn from(error: &Error) -> Self {
        Self::new(error.to_string(), error.hint())
    }
}

#[derive(Default)]
pub(super) struct Notes {
    pub(super) objections: Vec<Objection>,
    pub(super) warnings: Vec<String>,
    /// The ARNs of the target groups that were found, by where.
    pub(super) target_groups: BTreeMap<(Place, Member), String>,
    /// Where each place that the plan names is, as far as that turned out.
    pub(super) places: BTreeMap<Place, Place>,
    /// Routes that are there, and of whose sides it cannot be told which serves.
    pub(super) unsettled: BTreeMap<RouteName, RouteBound>,
}

impl Notes {
    pub(super) fn place(&self, said: &Place) -> Place {
        self.places.get(said).unwrap_or(said).clone()
    }
}
