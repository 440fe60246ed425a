//! From the answers of a candidate version to events of ours to a reading. A wrong answer fails; where there is none, nothing
//! was measured.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::Value;

use super::said::printable;
use crate::{
    cloud::{Error, Functions, Invoked, candidate_function},
    plan::{Expected, FunctionName, InvokeGate, SyntheticEvent, units::format_duration},
    rollout::{Outcome, Reading, RouteBound, Timestamp},
};

/// How many wrong answers are told of in one sentence.
const TOLD: usize = 3;

/// Sends the events, each once the one before is answered, up to the first that is not.
pub async fn poll_invoke(
    functions: &dyn Functions,
    gate: &InvokeGate,
    bound: &RouteBound,
    at: Timestamp,
) -> Result<Reading, Error> {
    let function = candidate_function(bound)?;
    let mut answers = Vec::new();
    for event in &gate.events {
        let payload = Value::from(event.payload.clone()).to_string();
        let answer = functions.invoke(&function, &payload, gate.timeout).await;
        let is_none = answer.is_err();
        answers.push(answer);
        if is_none {
            break;
        }
    }
    Ok(judge_answers(&function, gate, &answers, at))
}

/// Passes when every event was answered, and every answer is right. One that is wrong fails, whatever was not answered.
pub fn judge_answers(
    function: &FunctionName,
    gate: &InvokeGate,
    answers: &[Result<Invoked, Error>],
    at: Timestamp,
) -> Reading {
    let (mut wrong, mut missing, mut requests) = (Vec::new(), None, BTreeSet::new());
    for (number, (event, answer)) in (1_usize..).zip(gate.events.iter().zip(answers)) {
        let told = match &event.name {
            Some(name) => format!("event {number} ({})", printable(name)),
            None => format!("event {number}"),
        };
        match answer {
            Err(error) => missing = missing.or(Some(format!("{told}: {error}"))),
            Ok(answer) => {
                requests.extend(answer.request.as_deref());
                match fault(event, answer) {
                    Fault::None => {}
                    Fault::Wrong(words) => wrong.push(format!("{told}: {words}")),
                    Fault::Unread(words) => missing = missing.or(Some(format!("{told}: {words}"))),
                }
            }
        }
    }
    let (sent, right) = (gate.events.len(), answers.len().saturating_sub(wrong.len()));
    let (outcome, because) = if !wrong.is_empty() {
        let more = wrong.len().saturating_sub(TOLD);
        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
        wrong.truncate(TOLD);
        (Outcome::Fail, format!("{function} answers wrongly to {}{more}", wrong.join("; ")))
    } else if let Some(missing) = missing {
        (Outcome::Unknown, format!("{function} cannot be measured by {missing}"))
    } else if answers.len() < sent {
        (Outcome::Unknown, format!("{function} was sent {} of {sent} events", answers.len()))
    } else {
        (Outcome::Pass, format!("{function} answers as expected to {sent} of {sent} events"))
    };
    let reading = Reading::new(outcome, at, because).brought_by(&requests);
    if outcome == Outcome::Fail {
        reading.with("right", format!("{right} of {sent}"))
    } else {
        reading
    }
}

enum Fault {
    None,
    Wrong(String),
    /// There is more of it than is looked at.
    Unread(String),
}

fn fault(SyntheticEvent { expect, .. }: &SyntheticEvent, answer: &Invoked) -> Fault {
    let Expected { status, within, equal } = expect;
    if let Some(kind) = &answer.error {
        let said = printable(&answer.payload);
        return Fault::Wrong(format!("the function failed ({}): {said}", printable(kind)));
    }
    if let Some(limit) = within.filter(|limit| answer.took > *limit) {
        let took = std::time::Duration::from_millis(
            u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
        );
        let (took, limit) = (format_duration(took), format_duration(limit));
        return Fault::Wrong(format!("it took {took}, more than {limit}"));
    }
    if status.is_none() && equal.is_empty() {
        return Fault::None;
    }
    let json: Value = match serde_json::from_str(&answer.payload) {
        Ok(json) => json,
        Err(_) if answer.payload.len() >= Invoked::MOST => {
            let most = Invoked::MOST / 1_024;
            return Fault::Unread(format!("its answer is longer than {most} KiB"));
        }
        Err(_) => return Fault::Wrong(format!("no JSON: {}", printable(&answer.payload))),
    };
    if let Some(wanted) = status {
        match json.get("statusCode").map(|found| (found, found.as_u64())) {
            Some((_, Some(found))) if found == u64::from(*wanted) => {}
            Some((found, _)) => {
                let found = printable(&found.to_string());
                return Fault::Wrong(format!("status {found}, not {wanted}"));
            }
            None => return Fault::Wrong(format!("no `statusCode`, which is to be {wanted}")),
        }
    }
    for (pointer, wanted) in equal {
        let shown = if pointer.is_empty() { "the answer" } else { pointer };
        match found(&json, pointer) {
            Some(found) if is_same(&found, wanted) => {}
            Some(found) => {
                let (found, wanted) =
                    (printable(&found.to_string()), printable(&wanted.to_string()));
                return Fault::Wrong(format!("{shown} is {found}, not {wanted}"));
            }
            None => return Fault::Wrong(format!("there is no {shown}")),
        }
    }
    Fault::None
}

/// What stands at a JSON pointer (RFC 6901). A text on the way that is JSON itself is looked into: the body of an answer to a
/// gateway is one.
fn found<'a>(json: &'a Value, pointer: &str) -> Option<Cow<'a, Value>> {
    let mut found = Cow::Borrowed(json);
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        if let Value::String(text) = &*found {
            found = Cow::Owned(serde_json::from_str(text).ok()?);
        }
        let next = |within: &Value| match within {
            Value::Array(items) => items.get(token.parse::<usize>().ok()?).cloned(),
            Value::Object(fields) => fields.get(&token).cloned(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        found = Cow::Owned(next(&found)?);
    }
    Some(found)
}

/// Numbers are the same however they are written.
fn is_same(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(found), Some(wanted)) => found.total_cmp(&wanted).is_eq(),
        _ => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use serde_json::{Map, json};

    use super::*;
    use crate::{cloud::Operation, plan::RouteName};

    fn gate(expect: &[Expected]) -> InvokeGate {
        let event = |expect: &Expected| SyntheticEvent {
            name: None,
            payload: Map::new(),
            expect: expect.clone(),
        };
        InvokeGate {
            route: RouteName::new("fn"),
            events: expect.iter().map(event).collect(),
            timeout: Duration::from_secs(30),
        }
    }

    fn whole() -> Expected {
        Expected {
            status: Some(200),
            within: Some(Duration::from_millis(500)),
            equal: BTreeMap::from([("/body/items/0/id".to_owned(), json!(7))]),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "stands among answers that are none")]
    fn answered(payload: &Value, took: u64) -> Result<Invoked, Error> {
        Ok(Invoked {
            request: Some("0a1b".into()),
            error: None,
            payload: payload.to_string(),
            took: Duration::from_millis(took),
        })
    }

    fn right() -> Value {
        json!({ "statusCode": 200, "body": { "items": [{ "id": 7.0 }] } })
    }

    fn read(answers: &[Result<Invoked, Error>]) -> (Outcome, String) {
        let function = FunctionName { name: "f".into(), qualifier: Some("2".into()) };
        let gate = gate(&vec![whole(); answers.len()]);
        let reading = judge_answers(&function, &gate, answers, Timestamp::default());
        (reading.outcome, reading.because)
    }

    #[test]
    fn answers_that_are_all_right_pass() {
        let (outcome, because) = read(&[answered(&right(), 500), answered(&right(), 1)]);
        assert_eq!(outcome, Outcome::Pass, "{because}");
        assert_eq!(because, "f:2 answers as expected to 2 of 2 events");
        let gateway = json!({ "statusCode": 200, "body": "{\"items\": [{\"id\": 7}]}" });
        assert_eq!(read(&[answered(&gateway, 1)]).0, Outcome::Pass, "a body is JSON in a text");
    }

    #[test]
    fn each_thing_that_is_wrong_fails_with_what_it_is() {
        let one = |answer| {
            let (outcome, because) = read(&[answered(&right(), 1), answer]);
            assert_eq!(outcome, Outcome::Fail, "{because}");
            because.strip_prefix("f:2 answers wrongly to event 2: ").unwrap().to_owned()
        };
        let mut other = right();
        other["statusCode"] = json!(500);
        assert_eq!(one(answered(&other, 1)), "status 500, not 200");
        assert_eq!(one(answered(&json!({}), 1)), "no `statusCode`, which is to be 200");
        let mut other = right();
        other["body"]["items"][0]["id"] = json!("7");
        assert_eq!(one(answered(&other, 1)), "/body/items/0/id is \"7\", not 7");
        other["body"] = json!("not even JSON");
        assert_eq!(one(answered(&other, 1)), "there is no /body/items/0/id");
        assert_eq!(one(answered(&right(), 501)), "it took 501ms, more than 500ms");
        let failed = Invoked { error: Some("Unhandled".into()), ..answered(&right(), 1).unwrap() };
        assert!(one(Ok(failed)).starts_with("the function failed (Unhandled): {"));
        let text = Invoked { payload: "<html>".into(), ..answered(&right(), 1).unwrap() };
        assert_eq!(one(Ok(text)), "no JSON: <html>");
    }

    #[test]
    fn what_is_not_answered_never_passes_and_hides_no_wrong_answer() {
        let none = || Err(Error::Throttled { operation: Operation::Invoke });
        assert_eq!(read(&[answered(&right(), 1), none()]).0, Outcome::Unknown);
        assert_eq!(read(&[answered(&json!({}), 1), none()]).0, Outcome::Fail);
        let cut = Invoked { payload: "x".repeat(Invoked::MOST), ..answered(&right(), 1).unwrap() };
        assert_eq!(read(&[Ok(cut)]).0, Outcome::Unknown, "nobody has read the rest");
        let gate = gate(&[whole(), whole()]);
        let function = FunctionName { name: "f".into(), qualifier: None };
        let reading =
            judge_answers(&function, &gate, &[answered(&right(), 1)], Timestamp::default());
        assert_eq!(reading.outcome, Outcome::Unknown, "one was not sent");
    }

    #[test]
    fn a_pointer_leads_where_it_should() {
        let json = json!({ "a/b": { "m~n": [1, { "x": null }] }, "": 5 });
        let at = |pointer: &str| found(&json, pointer).map(Cow::into_owned);
        assert_eq!(at("/a~1b/m~0n/0"), Some(json!(1)));
        assert_eq!(at("/a~1b/m~0n/1/x"), Some(Value::Null));
        assert_eq!(at("/"), Some(json!(5)));
        assert_eq!(at(""), Some(json.clone()));
        assert_eq!(at("/a~1b/m~0n/2"), None);
    }
}
