//! From HTTP answers to a reading. A poll asks as often as the gate wants answers in a row and stops at the first wrong
//! one. No answer at all is a failure too: what cannot be reached does not serve.

use crate::{
    cloud::{Answer, Http},
    plan::HttpGate,
    rollout::{Outcome, Reading, Timestamp},
};

pub async fn probe(http: &dyn Http, gate: &HttpGate, at: Timestamp) -> Reading {
    for answered in 0..gate.consecutive.max(1) {
        let wrong = match http.get(&gate.url, &gate.headers, gate.timeout).await {
            Answer::Status(status) if status == gate.status => continue,
            Answer::Status(status) => format!("answered {status} instead of {}", gate.status),
            Answer::None(words) => format!("did not answer: {words}"),
        };
        return Reading::new(Outcome::Fail, at, format!("{} {wrong}", gate.url))
            .with("right answers before", answered);
    }
    let times = gate.consecutive.max(1);
    let reading = format!("{} answered {} {times} times in a row", gate.url, gate.status);
    Reading::new(Outcome::Pass, at, reading).with("answers", times)
}
