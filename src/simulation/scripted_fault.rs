//! Which calls a scenario has go wrong. The world keeps the count, so that a run resumed in it meets the rest of the
//! script and not its beginning.

use super::{landscape::Landscape, phrases::Moment, scenario::FaultScript};
use crate::{cloud::Operation, rollout::Timestamp, testkit::Fault};

/// A script, and how many of the calls it is about were made.
#[derive(Clone, Debug)]
pub(super) struct ScriptedFault {
    script: FaultScript,
    seen: u64,
}

impl ScriptedFault {
    pub(super) fn new(script: FaultScript) -> Self {
        Self { script, seen: 0 }
    }

    fn counts(&self, operation: Operation, has_come: impl Fn(Moment) -> bool) -> bool {
        self.script.operation.is_none_or(|meant| meant == operation)
            && self.script.from.is_none_or(&has_come)
            && !self.script.to.is_some_and(has_come)
    }

    fn strikes(&self) -> bool {
        let first = self.script.nth;
        let end = self.script.count.map_or(u64::MAX, |count| first.saturating_add(count));
        (first..end).contains(&self.seen)
    }
}

impl Landscape {
    /// Counts a call, and has it go wrong as the first script says that strikes.
    pub(super) fn fault(&mut self, now: Timestamp, operation: Operation) -> Option<Fault> {
        let mut scripts = std::mem::take(&mut self.faults);
        let has_come = |at| self.moment(at).is_some_and(|at| at <= now);
        let mut fault = None;
        for scripted in scripts.iter_mut().filter(|script| script.counts(operation, has_come)) {
            scripted.seen += 1;
            if scripted.strikes() {
                fault = fault.or(Some(scripted.script.kind));
            }
        }
        self.faults = scripts;
        fault
    }
}
