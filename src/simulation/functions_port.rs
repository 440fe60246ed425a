//! The port onto Lambda functions. None is there: the scenario says what every function of a plan would answer.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::{scripts::FunctionScript, world::World};
use crate::{
    cloud::{Error, Functions, Invoked, Operation},
    plan::{FunctionName, units::format_duration},
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
        _payload: &str,
        timeout: Duration,
    ) -> Result<Invoked, Error> {
        self.request(Operation::Invoke, |landscape, now| {
            let script = landscape.scenario.function.clone();
            let begun =
                script.from.is_none_or(|from| landscape.moment(from).is_some_and(|at| at <= now));
            let script = if begun { script } else { FunctionScript::default() };
            if script.takes > timeout {
                let message = format!("timed out after {}", format_duration(timeout));
                return Err(Error::Transient { operation: Operation::Invoke, message });
            }
            let answer = match &script.error {
                Some(words) => json!({ "errorMessage": words }),
                None => json!({ "outcome": script.outcome, "because": script.because }),
            };
            let request = Some(format!("simulated-{}", now.as_millis()));
            let error = script.error.map(|_| "Unhandled".to_owned());
            Ok(Invoked { request, error, payload: answer.to_string() })
        })
    }
}
