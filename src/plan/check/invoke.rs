//! Gates that send events of their own: to whom, and what can be expected of an answer.

use std::{collections::BTreeMap, time::Duration};

use super::scope::{Scope, positive};
use crate::plan::{
    defaults::LAMBDA_TIMEOUT,
    form::Slot,
    gate::{Gate, GateKind},
    invoke::{Expected, InvokeGate, SyntheticEvent},
    invoke_form::{EventChoice, EventForm, ExpectForm, InvokeForm},
    names::{GateName, RouteName},
    problem::Problem,
    route_kind::Route,
    scalar::{Payload, Whole},
    span::{Span, Spanned},
};

const LONGEST_FUNCTION: Duration = Duration::from_mins(15);
/// Each is waited for before the next is sent.
const MOST_EVENTS: usize = 100;

pub(super) fn invoke(
    form: &InvokeForm,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<InvokeGate> {
    let timeout = positive(&form.timeout, LAMBDA_TIMEOUT, problems);
    if let Some(given) = form.timeout.given().filter(|given| given.value > LONGEST_FUNCTION) {
        problems.push(
            Problem::error(
                "plan::out-of-range",
                "no function runs longer than a quarter of an hour",
            )
            .at(given.span, "too long")
            .help("write `timeout: 15m` or less"),
        );
    }
    let route = scope.route(&form.route, problems);
    let events = form.events.given()?;
    if events.value.is_empty() {
        problems.push(
            Problem::error("plan::blank", "an invoke gate without events would always pass")
                .at(events.span, "no events")
                .help("write at least one: `events: [{ payload: { path: /health } }]`"),
        );
    }
    if events.value.len() > MOST_EVENTS {
        let message = format!("at most {MOST_EVENTS} events are sent each time a gate is read");
        problems.push(
            Problem::error("plan::out-of-range", message)
                .at(events.span, format!("{} events", events.value.len()))
                .help("keep those that tell most"),
        );
        return None;
    }
    let read = events.value.iter().map(|form| event(&form.value, timeout, scope, problems));
    let events: Option<Vec<SyntheticEvent>> = read.collect::<Vec<_>>().into_iter().collect();
    Some(InvokeGate { route: route?, events: events?, timeout })
}

fn event(
    form: &EventForm,
    timeout: Duration,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<SyntheticEvent> {
    let expect = form
        .expect
        .given()
        .map_or_else(Expected::default, |form| expected(&form.value, timeout, problems));
    let payload = match form.chosen()? {
        EventChoice::Payload(Spanned { value: Payload(payload), .. }) => payload.clone(),
        EventChoice::File(file) => scope.event(&file.value)?,
    };
    Some(SyntheticEvent { name: form.name.value(), payload, expect })
}

fn expected(form: &ExpectForm, timeout: Duration, problems: &mut Vec<Problem>) -> Expected {
    let within = positive(&form.within, Duration::ZERO, problems);
    if let Some(given) = form.within.given().filter(|given| given.value > timeout) {
        problems.push(
            Problem::error("plan::out-of-range", "nobody waits as long as that for an answer")
                .at(given.span, "longer than the gate's `timeout`")
                .help("give the gate a longer `timeout`, which is `30s` unless told"),
        );
    }
    let equal = form.equal.given();
    for pointer in equal.into_iter().flat_map(|equal| equal.value.0.keys()) {
        if !pointer.is_empty() && !pointer.starts_with('/') {
            let at = equal.map_or_else(Span::default, |equal| equal.span);
            problems.push(
                Problem::error("plan::pointer", format!("`{pointer}` is no JSON pointer"))
                    .at(at, "each begins with `/`")
                    .help(format!(
                        "write `/{}`",
                        pointer.trim_start_matches("$.").replace('.', "/")
                    )),
            );
        }
    }
    Expected {
        status: status(&form.status),
        within: form.within.given().map(|_| within),
        equal: equal.map(|equal| equal.value.0.clone().into_iter().collect()).unwrap_or_default(),
    }
}

fn status(given: &Slot<Whole<100, 599>>) -> Option<u16> {
    u16::try_from(given.value()?.0).ok()
}

/// Refuses to invoke what is no function.
pub(super) fn only_functions(
    gates: &BTreeMap<GateName, (Gate, Span)>,
    routes: &BTreeMap<RouteName, (Route, Span)>,
    problems: &mut Vec<Problem>,
) {
    for (name, (gate, at)) in gates {
        let GateKind::Invoke(InvokeGate { route, .. }) = &gate.kind else { continue };
        let Some((declared, span)) = routes.get(route) else { continue };
        if declared.is_invoked() {
            continue;
        }
        problems.push(
            Problem::error(
                "plan::no-function",
                format!("gate `{name}` cannot invoke the candidate of `{route}`"),
            )
            .at(*at, "`invoke` needs a `lambda` route")
            .at(*span, "no function's alias")
            .help("use an `http` gate on this route, or a `lambda` gate that asks a function of its own"),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use crate::plan::{
        Expected, GateKind, expand_to_yaml,
        sample::{codes, plan},
    };

    fn with(gate: &str) -> String {
        format!(
            "tidegate: 1\nname: x\nroutes:\n  fn: {{ lambda: {{ function: f, alias: live, candidate: 2 }} }}\n  \
             web: {{ alb: {{ load-balancer: lb, port: 443, pair: [blue, green] }} }}\n\
             gates: {{ g: {{ invoke: {gate} }} }}\nsteps:\n  - probe: g\n  \
             - shift: {{ route: fn, candidate: 100%, bake: 10m, gates: [g] }}\n  \
             - shift: {{ route: web, candidate: 100%, bake: 10m, gates: [g] }}\n"
        )
    }

    fn told(gate: &str) -> Vec<&'static str> {
        codes(&with(gate)).into_iter().filter(|code| !code.starts_with("lint::")).collect()
    }

    #[test]
    fn events_are_kept_with_what_is_right_for_an_answer_and_are_part_of_the_digest() {
        let gate = "{ route: fn, events: [{ name: an order, payload: { id: 7 }, \
                    expect: { status: 201, within: 800ms, equal: { /body/ok: true, /n: '1' } } }, { payload: {} }] }";
        let read = plan(&with(gate));
        assert_eq!(plan(&expand_to_yaml(&read)), read);
        let GateKind::Invoke(invoke) = &read.gates["g"].kind else { panic!("{:?}", read.gates) };
        let [order, empty] = &invoke.events[..] else { panic!("{invoke:?}") };
        assert_eq!(order.name.as_deref(), Some("an order"));
        assert_eq!(json!(order.payload), json!({ "id": 7 }));
        assert_eq!(
            (order.expect.status, order.expect.within),
            (Some(201), Some(Duration::from_millis(800)))
        );
        assert_eq!(json!(order.expect.equal), json!({ "/body/ok": true, "/n": "1" }));
        assert_eq!(empty.expect, Expected::default());
        assert_ne!(read.digest, plan(&with(&gate.replace("id: 7", "id: 8"))).digest);
    }

    #[test]
    fn what_could_not_be_right_or_is_no_function_is_refused() {
        let one = "events: [{ payload: {} }]";
        assert_eq!(told(&format!("{{ route: web, {one} }}")), ["plan::no-function"]);
        assert_eq!(told(&format!("{{ route: nfn, {one} }}")), ["plan::unknown-route"]);
        assert_eq!(told("{ route: fn, events: [] }"), ["plan::blank"]);
        assert_eq!(told("{ route: fn, events: [{ name: x }] }"), ["plan::missing-field"]);
        assert_eq!(told(&format!("{{ route: fn, timeout: 16m, {one} }}")), ["plan::out-of-range"]);
        let expecting = |expect: &str| {
            told(&format!("{{ route: fn, events: [{{ payload: {{}}, expect: {expect} }}] }}"))
        };
        assert_eq!(expecting("{ within: 31s }"), ["plan::out-of-range"]);
        assert_eq!(expecting("{ equal: { $.body.ok: true } }"), ["plan::pointer"]);
        assert_eq!(expecting("{ status: 20 }"), ["plan::out-of-range"]);
        let many = "{ payload: {} }, ".repeat(101);
        assert_eq!(told(&format!("{{ route: fn, events: [{many}] }}")), ["plan::out-of-range"]);
    }
}
