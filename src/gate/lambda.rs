//! From a Lambda function to a reading: what it answers in JSON, and nothing else. A function that failed, was not
//! reached or answers in other words has measured nothing.

use serde_json::{Map, Value, json};

use super::{
    said::{Said, printable},
    unknown,
};
use crate::{
    cloud::{Error, Functions, Invoked},
    plan::{GateName, LambdaGate, Plan},
    rollout::{Bindings, Outcome, Reading, Timestamp},
};

/// Invokes the function and waits for its answer.
pub async fn invoke(
    functions: &dyn Functions,
    (plan, name, gate): (&Plan, &GateName, &LambdaGate),
    bindings: &Bindings,
    at: Timestamp,
) -> Reading {
    let payload = payload(plan, name, gate, bindings).to_string();
    judge_function(gate, functions.invoke(&gate.function, &payload, gate.timeout).await, at)
}

/// What the plan gives, and beside it what a function cannot know by itself: with a pair, which side is new.
fn payload(plan: &Plan, name: &GateName, gate: &LambdaGate, bindings: &Bindings) -> Value {
    let routes: Map<String, Value> = bindings
        .routes
        .iter()
        .map(|(route, bound)| {
            let sides = json!({ "stable": bound.stable, "candidate": bound.candidate });
            (route.to_string(), sides)
        })
        .collect();
    let mut payload = gate.payload.clone();
    let ours = json!({ "plan": plan.name, "gate": name, "routes": routes });
    payload.insert("tidegate".to_owned(), ours);
    payload.into()
}

/// Only an outcome the function says itself counts.
pub fn judge_function(gate: &LambdaGate, answer: Result<Invoked, Error>, at: Timestamp) -> Reading {
    let Invoked { request, error, payload, took: _ } = match answer {
        Ok(invoked) => invoked,
        Err(error) => return unknown(&error, at),
    };
    let name = &gate.function;
    let reading = match (error, Said::read(&payload)) {
        (Some(kind), _) => {
            let because = format!("{name} failed ({})", printable(&kind));
            Reading::new(Outcome::Unknown, at, because).with("error", printable(&payload))
        }
        (None, None) => {
            let because = format!("{name} answered without an outcome");
            Reading::new(Outcome::Unknown, at, because).with("answer", printable(&payload))
        }
        (None, Some(said)) => {
            let words = said.because().map_or_else(String::new, |words| format!(": {words}"));
            Reading::new(said.outcome, at, format!("{name} says {}{words}", said.outcome))
        }
    };
    reading.brought_by(&request.as_deref().into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cloud::Operation;
    use crate::{
        plan::{FunctionName, RouteName},
        testkit::{rule_bound, sample_plan},
    };

    fn gate() -> LambdaGate {
        let function = FunctionName { name: "verify".into(), qualifier: Some("live".into()) };
        let payload = Map::from_iter([("depth".to_owned(), json!(2))]);
        LambdaGate { function, payload, timeout: Duration::from_secs(30) }
    }

    fn read(answer: Result<Invoked, Error>) -> Reading {
        judge_function(&gate(), answer, Timestamp::default())
    }

    fn answered(error: Option<&str>, payload: &str) -> Reading {
        read(Ok(Invoked {
            request: Some("0a1b".into()),
            error: error.map(str::to_owned),
            payload: payload.into(),
            took: Duration::from_millis(20),
        }))
    }

    #[test]
    fn the_answer_is_the_reading_with_its_request_as_evidence() {
        for (outcome, expected) in [
            ("pass", Outcome::Pass),
            ("fail", Outcome::Fail),
            ("wait", Outcome::Wait),
            ("unknown", Outcome::Unknown),
        ] {
            let said = format!("{{\"outcome\": \"{outcome}\", \"because\": \"so\\nit is\"}}");
            let reading = answered(None, &said);
            assert_eq!(reading.outcome, expected);
            assert_eq!(reading.because, format!("verify:live says {outcome}: so it is"));
            assert_eq!(reading.evidence[Reading::REQUESTS], "0a1b");
        }
    }

    #[test]
    fn what_says_no_outcome_has_measured_nothing() {
        for payload in ["", "null", "\"pass\"", "{}", "{\"outcome\": \"splendid\"}", "pass"] {
            assert_eq!(answered(None, payload).outcome, Outcome::Unknown, "{payload}");
        }
        let failed = answered(Some("Unhandled"), "{\"outcome\": \"pass\"}");
        assert_eq!(failed.outcome, Outcome::Unknown, "it failed, whatever it says");
        assert_eq!(failed.because, "verify:live failed (Unhandled)");
        let long = answered(Some("Unhandled"), &"x".repeat(10_000));
        assert_eq!(long.evidence["error"].len(), 400);
    }

    #[test]
    fn a_function_that_was_not_reached_has_measured_nothing() {
        let operation = Operation::Invoke;
        for error in [
            Error::Throttled { operation },
            Error::Denied {
                action: "lambda:InvokeFunction".into(),
                resource: "verify".into(),
                said: "no".into(),
            },
            Error::Absent { what: "function verify".into() },
            Error::Transient { operation, message: "timed out".into() },
        ] {
            assert_eq!(read(Err(error.clone())).outcome, Outcome::Unknown, "{error}");
        }
    }

    #[test]
    fn it_is_told_which_side_is_new_beside_what_the_plan_gives() {
        let mut bindings = Bindings::default();
        let bound = rule_bound("rule", "green", "blue");
        bindings.routes.insert(RouteName::new("web"), bound);
        let plan = sample_plan();
        let sent = payload(&plan, &GateName::new("verify"), &gate(), &bindings);
        let ours = json!({
            "plan": plan.name,
            "gate": "verify",
            "routes": { "web": { "stable": "green", "candidate": "blue" } },
        });
        assert_eq!(sent, json!({ "depth": 2, "tidegate": ours }));
    }
}
