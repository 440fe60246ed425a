//! What a person may write of a route that is a queue or a stream: by which event source mappings it is read, and by which
//! two functions.

use std::time::Duration;

use super::{
    form::Slot,
    record::record,
    route::{EventSource, Redrive},
    route_kind::Route,
    scalar::{Whole, words},
    sides_form::SideKeys,
};

record! {
    /// What a queue or a stream has, between two functions. One `mapping` is handed over from one to the other, which keeps
    /// the order of a stream; two mappings of one queue share their `concurrency`.
    EventSourceForm, "an event-source route", choice "`mapping` or `concurrency`" "plan::unknown-field" as EventSourceChoice {
        /// The UUID of the mapping that is handed over, of a queue or a stream. It is disabled until the last batch is done
        /// and then leads to the other function, so shares are 0% and 100% alone.
        "mapping" mapping: Choice as Mapping String,
        /// How many batches both sides may have at once, where each has a mapping of its own of one queue: a share of them
        /// is the candidate's. A side has 2 at least, or none.
        "concurrency" concurrency: Choice as Concurrency Whole<4, 999>,
        /// The function that reads today, as `name`, `name:version` or `name:alias`; with `concurrency`, the UUID of its
        /// mapping.
        "stable" stable: Required String,
        /// The function that is to read; with `concurrency`, the UUID of its mapping, which is disabled until then.
        "candidate" candidate: Required String,
        /// How long a batch may take, with `mapping`: so long nobody reads before the other function does, unless a queue
        /// says earlier that nobody has anything of it. As long as the function may run unless told.
        "drain" drain: Optional Duration,
        /// How long batches may still be with a side after it was taken away; `30s` unless told.
        "settle" settle: Optional Duration,
        /// What becomes of messages of a queue that came among its dead letters, when a run goes back: `hold` leaves them there, as
        /// it is unless told; `bring-back` moves them back to the queue once the candidate reads no more, if there were none when the run began.
        "redrive" redrive: Optional Redrive,
    }
}

impl EventSourceForm {
    pub(super) fn of(source: &EventSource, route: &Route) -> Self {
        let SideKeys { stable, candidate, pair: _, group: _ } = SideKeys::of(&route.sides);
        let (mapping, concurrency, drain) = match source {
            EventSource::HandOver { mapping, drain, .. } => {
                (Slot::of(mapping.clone()), Slot::Absent, Slot::of_some(*drain))
            }
            EventSource::SideBySide { concurrency, .. } => {
                (Slot::Absent, Slot::of(Whole(u32::from(concurrency.get()))), Slot::Absent)
            }
        };
        let (settle, redrive) = (Slot::of(route.settle), source.redrive());
        // Plans from before there was a choice are written as ever.
        let redrive = Slot::of_some((redrive != Redrive::default()).then_some(redrive));
        Self { mapping, concurrency, stable, candidate, drain, settle, redrive }
    }
}

words! {
    Redrive, "what becomes of dead letters" { "hold" => Redrive::Hold, "bring-back" => Redrive::BringBack }
}
