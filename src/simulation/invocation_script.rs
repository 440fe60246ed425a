//! What the candidate of a function's alias answers in a scenario to events that a gate sends it: what the gate expects, unless
//! the scenario says otherwise.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::phrases::{Moment, duration};
use crate::plan::{Expected, GateKind, Plan};

/// How it answers. The default is right.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct InvocationScript {
    /// It fails with these words.
    pub error: Option<String>,
    /// In place of what is expected.
    pub answer: Option<Value>,
    #[serde(deserialize_with = "duration")]
    pub takes: Duration,
    /// Left out: from the beginning. Before, its answers are right.
    pub from: Option<Moment>,
}

impl Default for InvocationScript {
    fn default() -> Self {
        Self { error: None, answer: None, takes: Duration::from_millis(20), from: None }
    }
}

/// An event of a gate, as it is sent, and an answer that is right.
#[derive(Clone, Debug)]
pub(super) struct Rehearsed {
    pub(super) payload: String,
    pub(super) answer: Value,
}

/// All that the gates of a plan send.
pub(super) fn rehearsed(plan: &Plan) -> Vec<Rehearsed> {
    let gates = plan.gates.values().filter_map(|gate| match &gate.kind {
        GateKind::Invoke(gate) => Some(gate),
        GateKind::Alarms(_)
        | GateKind::Healthy { .. }
        | GateKind::Http(_)
        | GateKind::Metric(_)
        | GateKind::Compare(_)
        | GateKind::ErrorBudget(_)
        | GateKind::Command(_)
        | GateKind::Lambda(_)
        | GateKind::Queue(_)
        | GateKind::Stream(_)
        | GateKind::Window(_) => None,
    });
    let events = gates.flat_map(|gate| &gate.events);
    let rehearse = |event: &crate::plan::SyntheticEvent| Rehearsed {
        payload: Value::from(event.payload.clone()).to_string(),
        answer: right(&event.expect),
    };
    events.map(rehearse).collect()
}

/// An answer with everything where it has to be. Numbers on the way stand for fields, as they are looked for there too.
fn right(expect: &Expected) -> Value {
    let mut answer = Value::Object(Map::new());
    for (pointer, value) in &expect.equal {
        put(&mut answer, pointer.split('/').skip(1), value);
    }
    if let (Some(status), Value::Object(fields)) = (expect.status, &mut answer) {
        fields.entry("statusCode").or_insert_with(|| status.into());
    }
    answer
}

fn put<'a>(within: &mut Value, mut path: impl Iterator<Item = &'a str>, value: &Value) {
    let Some(token) = path.next() else {
        *within = value.clone();
        return;
    };
    if !within.is_object() {
        *within = Value::Object(Map::new());
    }
    if let Value::Object(fields) = within {
        let token = token.replace("~1", "/").replace("~0", "~");
        put(fields.entry(token).or_insert(Value::Null), path, value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_made_of_what_is_expected() {
        let equal = BTreeMap::from([
            ("/body/items/0/id".to_owned(), json!(7)),
            ("/body/ok".to_owned(), json!(true)),
        ]);
        let expect = Expected { status: Some(200), within: None, equal };
        let answer =
            json!({ "statusCode": 200, "body": { "items": { "0": { "id": 7 } }, "ok": true } });
        assert_eq!(right(&expect), answer);
    }
}
