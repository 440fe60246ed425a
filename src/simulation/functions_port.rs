//! The port onto Lambda functions. None is there: the scenario says what every function of a plan would answer.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{
    invocation_script::InvocationScript, landscape::Landscape, scripts::FunctionScript,
    world::World,
};
use crate::{
    cloud::{Error, Functions, Invoked, Operation},
    plan::{FunctionName, units::format_duration},
    rollout::Timestamp,
};

#[async_trait]
impl Functions for World {
    async fn may_invoke(&self, _function: &FunctionName) -> Result<(), Error> {
        self.calls().count(Operation::Invoke.name());
        Ok(())
    }

    async fn invoke(
        &self,
        _function: &FunctionName,
        payload: &str,
        timeout: Duration,
    ) -> Result<Invoked, Error> {
        self.request(Operation::Invoke, |landscape, now| {
            if let Some(rehearsed) = landscape.rehearsed.iter().find(|it| it.payload == payload) {
                let answer = rehearsed.answer.clone();
                return answered(landscape, answer, timeout, now);
            }
            let script = landscape.scenario.function.clone();
            let begun =
                script.from.is_none_or(|from| landscape.moment(from).is_some_and(|at| at <= now));
            let script = if begun { script } else { FunctionScript::default() };
            if script.takes > timeout {
                return Err(too_late(timeout));
            }
            let answer = match &script.error {
                Some(words) => json!({ "errorMessage": words }),
                None => json!({ "outcome": script.outcome, "because": script.because }),
            };
            let request = Some(format!("simulated-{}", now.as_millis()));
            let error = script.error.map(|_| "Unhandled".to_owned());
            Ok(Invoked { request, error, payload: answer.to_string(), took: script.takes })
        })
    }
}

fn too_late(timeout: Duration) -> Error {
    let message = format!("timed out after {}", format_duration(timeout));
    Error::Transient { operation: Operation::Invoke, message }
}

/// The answer of a candidate to an event of a gate.
fn answered(
    landscape: &Landscape,
    right: Value,
    timeout: Duration,
    now: Timestamp,
) -> Result<Invoked, Error> {
    let script = landscape.scenario.invocations.clone();
    let begun = script.from.is_none_or(|from| landscape.moment(from).is_some_and(|at| at <= now));
    let script = if begun { script } else { InvocationScript::default() };
    if script.takes > timeout {
        return Err(too_late(timeout));
    }
    let answer = match &script.error {
        Some(words) => json!({ "errorMessage": words }),
        None => script.answer.unwrap_or(right),
    };
    Ok(Invoked {
        request: Some(format!("simulated-{}", now.as_millis())),
        error: script.error.map(|_| "Unhandled".to_owned()),
        payload: answer.to_string(),
        took: script.takes,
    })
}
