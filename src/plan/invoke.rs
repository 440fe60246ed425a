//! Events that a gate makes up and sends to the candidate of a function's alias, and what is right for an answer: a way to try
//! a version before anybody's traffic reaches it, and where there is too little traffic to judge by.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};

use super::names::RouteName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokeGate {
    /// The alias of a function; its candidate is invoked, whatever traffic that gets.
    pub route: RouteName,
    /// Sent one after the other; at least one.
    pub events: Vec<SyntheticEvent>,
    /// For one event: from a second to a quarter of an hour, which is as long as a function may run.
    pub timeout: Duration,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticEvent {
    /// By which it is told from the others, beside its number.
    pub name: Option<String>,
    pub payload: Map<String, Value>,
    pub expect: Expected,
}

/// What makes an answer right, beside that the function did not fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The `statusCode` of an answer to a gateway.
    pub status: Option<u16>,
    /// From asking to the answer.
    pub within: Option<Duration>,
    /// By JSON pointer (RFC 6901).
    pub equal: BTreeMap<String, Value>,
}
