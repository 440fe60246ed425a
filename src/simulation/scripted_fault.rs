//! Which calls a scenario has go wrong. The world keeps the count, so that a run resumed in it meets the rest of the
//! script and not its beginning.

use super::{phrases::Moment, scripts::FaultScript};
use crate::{cloud::Operation, testkit::Fault};

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

    /// Of one name there may be operations of several services.
    fn counts(&self, operation: Operation, has_come: impl Fn(Moment) -> bool) -> bool {
        self.script.operation.is_none_or(|meant| meant.name() == operation.name())
            && self.script.from.is_none_or(&has_come)
            && !self.script.to.is_some_and(has_come)
    }

    fn strikes(&self) -> bool {
        let first = self.script.nth;
        let end = self.script.count.map_or(u64::MAX, |count| first.saturating_add(count));
        (first..end).contains(&self.seen)
    }
}

/// Counts a call, and has it go wrong as the first script says that strikes.
pub(super) fn strike(
    scripts: &mut [ScriptedFault],
    operation: Operation,
    has_come: impl Fn(Moment) -> bool,
) -> Option<Fault> {
    let mut fault = None;
    for scripted in scripts.iter_mut().filter(|script| script.counts(operation, &has_come)) {
        scripted.seen += 1;
        if scripted.strikes() {
            fault = fault.or(Some(scripted.script.kind));
        }
    }
    fault
}
