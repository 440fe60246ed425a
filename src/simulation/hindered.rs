//! What is in a run's way, as the ports tell it.

use super::{hindrance::Hindrance, landscape::Landscape};
use crate::{
    cloud::{FunctionVersion, VersionState},
    plan::Side,
};

impl Landscape {
    pub(super) fn is_hindered(&self, by: Hindrance) -> bool {
        self.scenario.in_the_way.contains(&by)
    }

    /// What AWS tells of a function, or a version of one, that stands for targets of a side.
    pub(super) fn function(&self, side: Side, serves: bool) -> FunctionVersion {
        let is_candidate = |by| side == Side::Candidate && self.is_hindered(by);
        let (state, reason) = if is_candidate(Hindrance::FunctionFailed) {
            (VersionState::Failed, "InvalidRuntime")
        } else if is_candidate(Hindrance::FunctionUpdating) || !serves {
            (VersionState::Pending, "Creating")
        } else {
            (VersionState::Active, "")
        };
        let other =
            |by, kind: &str| is_candidate(by).then(|| format!("arn:simulated:other-{kind}"));
        FunctionVersion {
            state,
            reason: reason.to_owned(),
            role: other(Hindrance::OtherRole, "role"),
            dead_letters: other(Hindrance::OtherDeadLetters, "queue"),
            code: None,
            snapshots: false,
        }
    }
}
