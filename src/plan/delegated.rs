//! Gates that leave the question to somebody else: a program on the machine that drives the run, a function in the
//! account, a proxy on the way to a URL. What these look at, nobody here knows.

use std::{fmt, time::Duration};

use serde_json::{Map, Value};

/// A command that is run where the run is driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandGate {
    /// The program and its arguments; at least the program.
    pub run: Vec<String>,
    /// After which it is killed, with all it has started.
    pub timeout: Duration,
}

/// A Lambda function that is invoked and says how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LambdaGate {
    pub function: FunctionName,
    /// Sent along; the key `tidegate` is ours.
    pub payload: Map<String, Value>,
    /// From a second to a quarter of an hour, which is as long as a function may run.
    pub timeout: Duration,
}

/// Which function, and which of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    /// Name or ARN.
    pub name: String,
    /// Alias or version.
    pub qualifier: Option<String>,
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.qualifier {
            Some(qualifier) => write!(f, "{}:{qualifier}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Whether an HTTP probe may go through a proxy, whose answer is not the target's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// The one that `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name, if they do.
    #[default]
    OfEnvironment,
    None,
}
