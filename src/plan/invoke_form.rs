//! What a person may write in a gate that sends events of its own, and how one is written back.

use std::time::Duration;

use super::{
    form::{List, Slot, unplaced},
    invoke::{Expected, InvokeGate, SyntheticEvent},
    record::record,
    scalar::{Payload, Whole},
};

record! {
    /// Events that are sent to the candidate version of a function, whether or not it gets any traffic, each time the gate is
    /// read. They are handled as any others: they have to be harmless. As they come by version and not by alias, they are no samples
    /// of gates that measure.
    InvokeForm, "an invoke gate" {
        /// A route that is a function's alias.
        "route" route: Required String,
        /// What is sent, one after the other: `[{ payload: { path: /health }, expect: { status: 200 } }]`.
        "events" events: Required List<EventForm>,
        /// After which nobody waits for an answer any more and the gate is unknown; at most `15m`, `30s` unless told. One
        /// that is longer than the function's own lets Lambda tell of a function that hangs, which fails.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// One event, and what is right for an answer.
    EventForm, "an event", choice "`payload` or `file`" "plan::unknown-field" as EventChoice {
        /// What it is called when it is told of; its number unless told.
        "name" name: Optional String,
        /// The event, a mapping of any shape; no place for a secret.
        "payload" payload: Choice as Payload Payload,
        /// In its place, a file that holds the event as JSON, by its path from the plan's folder. It is read with the plan and kept with
        /// each run.
        "file" file: Choice as File String,
        /// Unless told, any answer is right with which the function does not fail.
        "expect" expect: Optional ExpectForm,
    }
}

record! {
    /// What is right for an answer. A function that fails is wrong in any case.
    ExpectForm, "an expectation" {
        /// The `statusCode` of the answer, as functions behind a gateway or load balancer give it.
        "status" status: Optional Whole<100, 599>,
        /// How long it may take at most, a cold start and the way there and back included.
        "within" within: Optional Duration,
        /// What has to stand where in the answer, by JSON pointer: `{ /body/ok: true, /body/items/0/id: "7" }`. A text that is
        /// JSON itself, as the `body` of an answer to a gateway, is looked into.
        "equal" equal: Optional Payload,
    }
}

impl InvokeForm {
    pub(super) fn of(InvokeGate { route, events, timeout }: &InvokeGate) -> Self {
        Self {
            route: Slot::of(route.to_string()),
            events: Slot::of(unplaced(events.iter().map(EventForm::of))),
            timeout: Slot::of(*timeout),
        }
    }
}

impl EventForm {
    fn of(SyntheticEvent { name, payload, expect }: &SyntheticEvent) -> Self {
        let told = *expect != Expected::default();
        Self {
            name: Slot::of_some(name.clone()),
            payload: Slot::of(Payload(payload.clone())),
            file: Slot::Absent,
            expect: Slot::of_some(told.then(|| ExpectForm::of(expect))),
        }
    }
}

impl ExpectForm {
    fn of(Expected { status, within, equal }: &Expected) -> Self {
        let equal: serde_json::Map<_, _> = equal.clone().into_iter().collect();
        Self {
            status: Slot::of_some(status.map(|status| Whole(u32::from(status)))),
            within: Slot::of_some(*within),
            equal: Slot::of_some((!equal.is_empty()).then_some(Payload(equal))),
        }
    }
}
