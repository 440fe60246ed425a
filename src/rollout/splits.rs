//! How traffic was split since the run began: a fold over its events, so that whoever judges a candidate knows what it
//! was given and when, and what was found of it before, after a crash as before it.

use std::collections::BTreeMap;

use super::{Attempts, Event, Picture, Split, Target, Timestamp};
use crate::plan::{GateName, RouteName};

/// Every split that was read back, by route, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Splits {
    /// When the run began.
    pub began: Timestamp,
    routes: BTreeMap<RouteName, Vec<(Timestamp, Split)>>,
    attempts: BTreeMap<GateName, Attempts>,
}

impl Splits {
    /// The fact `event` happened at `at`.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::RunStarted { found, attempts, .. } => {
                self.began = at;
                self.attempts.clone_from(attempts);
                for found in found {
                    self.note(&found.target, &found.picture, at);
                }
            }
            Event::ChangeConfirmed { target, live } => self.note(target, live, at),
            // Moments by a clock that was ahead were never AWS's; after a sleep they still are.
            Event::ClockJumped { by } if by.is_back() => {
                self.began = self.began.moved(*by);
                for (since, _) in self.routes.values_mut().flatten() {
                    *since = since.moved(*by);
                }
            }
            Event::ClockJumped { .. }
            | Event::RunnerStarted { .. }
            | Event::StepStarted { .. }
            | Event::StepCleared { .. }
            | Event::Observed { .. }
            | Event::Read { .. }
            | Event::ChangeIntended { .. }
            | Event::CallReturned { .. }
            | Event::Learned { .. }
            | Event::CallFailed { .. }
            | Event::BakeStarted { .. }
            | Event::StepDone { .. }
            | Event::StepFailed { .. }
            | Event::DriftFound { .. }
            | Event::Approved { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::CommandRefused { .. }
            | Event::Interrupted { .. }
            | Event::Held { .. }
            | Event::RollbackStarted { .. }
            | Event::WentBack
            | Event::RestoreStarted { .. }
            | Event::Restored { .. }
            | Event::Vanished { .. }
            | Event::AttentionNeeded { .. }
            | Event::OverwriteAllowed { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    fn note(&mut self, target: &Target, picture: &Picture, at: Timestamp) {
        if let (Target::Route(route), Picture::Split(split)) = (target, picture) {
            self.routes.entry(route.clone()).or_default().push((at, split.clone()));
        }
    }

    /// What earlier runs found of the same artifact in a gate.
    pub fn attempts(&self, gate: &GateName) -> Option<&Attempts> {
        self.attempts.get(gate)
    }

    /// The splits of a route and since when each stood, oldest first.
    pub fn of(&self, route: &RouteName) -> &[(Timestamp, Split)] {
        self.routes.get(route).map_or(&[], Vec::as_slice)
    }
}
