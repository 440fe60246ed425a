//! What a person may write as a strategy: well-known orders of steps. What is written back are the steps
//! that they stand for.

use std::time::Duration;

use super::{
    form::{List, Short},
    record::record,
    replacement_form::RollingForm,
    scalar::{Whole, words},
    step_form::HeaderForm,
    units::Percent,
};

record! {
    /// A well-known order of steps.
    StrategyForm, "a strategy", choice "kind of strategy" "plan::unknown-strategy" as StrategyChoice {
        /// Traffic moves in several steps, each held by its gates.
        "canary" canary: Choice as Canary CanaryForm,
        /// All traffic moves at once, after the candidate was tried.
        "blue-green" blue_green: Choice as BlueGreen BlueGreenForm,
        /// One group's instances are replaced batch by batch.
        "rolling" rolling: Choice as Rolling RollingForm,
    }
}

record! {
    /// Scales the candidate to the size of the stable side and waits for its health, shifts the route by each of
    /// `steps` and then to 100%, every time holding the gates for `bake`, and scales the stable side to 0.
    CanaryForm, "a canary" {
        /// The route that is shifted.
        "route" route: Required String,
        /// The fleet behind it; without one nothing is scaled.
        "fleet" fleet: Optional String,
        /// The candidate's shares on the way to 100%, such as `[5%, 25%, 50%]`.
        "steps" steps: Required List<Percent>,
        /// How long the gates have to hold after every shift.
        "bake" bake: Required Duration,
        /// The gates that have to hold.
        "gates" gates: Optional List<String>,
        /// How many requests the candidate has to be sent after a shift before its bake may end, however long that takes.
        "min-requests" min_requests: Optional Whole<1, 1_000_000_000>,
        /// The share of the candidate's targets that has to be healthy before traffic moves; `100%` unless told.
        "healthy" healthy: Optional Percent,
        /// How long they may take to become so; `10m` unless told.
        "healthy-within" healthy_within: Optional Duration,
        /// A person has to approve before the shift to this share.
        "approve-before" approve_before: Optional Percent,
        /// What becomes of the stable fleet at the end: `scale-to-zero` (the default), `keep`, or `{ keep: 30m }` to
        /// scale it to 0 only then; until then a gate that fails takes traffic back to it at once.
        "old-fleet" old_fleet: Optional Short<Fate, KeepForm>,
    }
}

record! {
    /// Scales the candidate to the size of the stable side and waits for its health, probes the `test` gate, shifts
    /// all traffic at once, holds the gates for `bake`, and scales the stable side to 0.
    BlueGreenForm, "a blue-green strategy" {
        /// The route that is shifted.
        "route" route: Required String,
        /// The fleet behind it; without one nothing is scaled.
        "fleet" fleet: Optional String,
        /// A gate that has to pass before any traffic moves.
        "test" test: Optional String,
        /// While `test` is probed, requests with this header go to the candidate.
        "test-header" test_header: Optional HeaderForm,
        /// How long the gates have to hold after the shift.
        "bake" bake: Required Duration,
        /// The gates that have to hold.
        "gates" gates: Optional List<String>,
        /// How many requests the candidate has to be sent after a shift before its bake may end, however long that takes.
        "min-requests" min_requests: Optional Whole<1, 1_000_000_000>,
        /// The share of the candidate's targets that has to be healthy before traffic moves; `100%` unless told.
        "healthy" healthy: Optional Percent,
        /// How long they may take to become so; `10m` unless told.
        "healthy-within" healthy_within: Optional Duration,
        /// What becomes of the stable fleet at the end: `scale-to-zero` (the default), `keep`, or `{ keep: 30m }` to
        /// scale it to 0 only then; until then a gate that fails takes traffic back to it at once.
        "old-fleet" old_fleet: Optional Short<Fate, KeepForm>,
    }
}

/// What a strategy does with the fleet that served before, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    ScaleToZero,
    Keep,
}

record! {
    /// Keeps the fleet that served before for a while, ready to serve again.
    KeepForm, "something to do with a fleet" {
        /// How long it stays after the last shift has proved itself, such as `30m`.
        "keep" keep: Required Duration,
    }
}

words! {
    Fate, "something to do with a fleet" { "scale-to-zero" => Self::ScaleToZero, "keep" => Self::Keep }
}
