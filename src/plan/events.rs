//! What gates ask of where events wait: how old the oldest is, how many there are and whether they become more, and how
//! many were given up. None of it belongs to one side of a route: both sides take from the same queue or stream.

use std::{fmt, time::Duration};

use super::{delegated::FunctionName, measure::Periods, queue::Queue, units::format_duration};

/// A queue of SQS; at least one of its limits is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueGate {
    pub queue: Queue,
    /// Of the oldest message that nobody has deleted.
    pub age: Option<Lag>,
    pub depth: Option<Depth>,
    /// How many more dead letters there may be than when the run began.
    pub dead_letters: Option<u32>,
}

/// A stream, by how far whoever reads it is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamGate {
    pub reader: Reader,
    pub lag: Lag,
}

/// Whose view of a stream counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Of a function that is given its records.
    Function(FunctionName),
    /// Of all who call `GetRecords` on a stream of Kinesis, by its name.
    OfStream(String),
}

impl Reader {
    /// The function's or the stream's own name.
    pub fn name(&self) -> &str {
        match self {
            Self::Function(function) => &function.name,
            Self::OfStream(name) => name,
        }
    }
}

/// How long something may have waited, minute by minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The limit itself is allowed; above zero.
    pub below: Duration,
    /// Periods of a minute.
    pub periods: Periods,
}

/// How many messages may wait; at least one of the two is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// At any time; so many are allowed.
    pub below: Option<u32>,
    pub rise: Option<Rise>,
}

/// `200 in 5m`: how many messages more there may be, by the trend of so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rise {
    pub messages: u32,
    /// Whole minutes, from three to a day.
    pub within: Duration,
}

impl fmt::Display for Rise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.messages, format_duration(self.within))
    }
}
