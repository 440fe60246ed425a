//! What a person may write in a gate that looks at where events wait, and how one is written back.

use std::time::Duration;

use super::{
    delegated::FunctionName,
    events::{Depth, Lag, QueueGate, Reader, Rise, StreamGate},
    form::Slot,
    measure::Periods,
    record::record,
    scalar::{Literal, Whole},
};

record! {
    /// A queue of SQS, from which stable side and candidate take alike. It is unknown while there are no figures: those of a
    /// queue that nobody has used for hours come a quarter of an hour after somebody does.
    QueueForm, "a queue gate" {
        /// The queue's name, such as `orders`, or its URL.
        "name" name: Required String,
        /// How old its oldest message may be.
        "age" age: Optional LagForm,
        /// How many messages may wait, and how many more they may become.
        "depth" depth: Optional DepthForm,
        /// How many messages may be given up: `{ no-more-than: 0 }`. What lay in the queue of its redrive policy when the run
        /// began does not count.
        "dead-letters" dead_letters: Optional DeadLettersForm,
    }
}

record! {
    /// How far the readers of a stream are behind. It is unknown while nobody reads, as nobody tells then.
    StreamForm, "a stream gate", choice "`function` or `name`" "plan::unknown-field" as StreamChoice {
        /// The name of a function that is given the records of a stream: `IteratorAge` in `AWS/Lambda`.
        "function" function: Choice as Function String,
        /// With `function`: the alias or version that its event source mapping gives them to, such as `live`; the function
        /// as a whole unless told.
        "qualifier" qualifier: Optional Literal,
        /// The name of a stream of Kinesis, for all who read it, in place of `function`: `GetRecords.IteratorAgeMilliseconds` in
        /// `AWS/Kinesis`.
        "name" name: Choice as Name String,
        /// The most that may be, such as `30s`.
        "below" below: Required Duration,
        /// In how many of the latest minutes it has to be more to fail; `2 of 3` unless told.
        "periods" periods: Optional Periods,
    }
}

record! {
    /// How long something may have waited. CloudWatch tells it minute by minute.
    LagForm, "a limit of time" {
        /// The most it may be, such as `60s`.
        "below" below: Required Duration,
        /// In how many of the latest minutes it has to be more to fail; `2 of 3` unless told.
        "periods" periods: Optional Periods,
    }
}

record! {
    /// How many messages may wait, those that somebody has just received left out.
    DepthForm, "a limit of messages" {
        /// The most there may be, as the queue says itself.
        "below" below: Optional Whole<0, 1_000_000_000>,
        /// How many more they may become, such as `200 in 5m`: by the trend of that time, so that a burst that is being worked
        /// off does not count.
        "rise" rise: Optional Rise,
    }
}

record! {
    /// Messages that were received too often, and moved to the queue of the redrive policy.
    DeadLettersForm, "a limit of dead letters" {
        /// So many more than when the run began, or than the fewest since; 0 unless told.
        "no-more-than" no_more_than: Optional Whole<0, 1_000_000_000>,
    }
}

impl QueueForm {
    pub(super) fn of(QueueGate { queue, age, depth, dead_letters }: &QueueGate) -> Self {
        let dead_letters =
            dead_letters.map(|n| DeadLettersForm { no_more_than: Slot::of(Whole(n)) });
        Self {
            name: Slot::of(queue.to_string()),
            age: Slot::of_some(age.map(LagForm::of)),
            depth: Slot::of_some(depth.map(DepthForm::of)),
            dead_letters: Slot::of_some(dead_letters),
        }
    }
}

impl StreamForm {
    pub(super) fn of(StreamGate { reader, lag: Lag { below, periods } }: &StreamGate) -> Self {
        let (function, qualifier, name) = match reader {
            Reader::Function(FunctionName { name, qualifier }) => {
                let qualifier = Slot::of_some(qualifier.clone().map(Literal));
                (Slot::of(name.clone()), qualifier, Slot::Absent)
            }
            Reader::OfStream(name) => (Slot::Absent, Slot::Absent, Slot::of(name.clone())),
        };
        let (below, periods) = (Slot::of(*below), Slot::of(*periods));
        Self { function, qualifier, name, below, periods }
    }
}

impl LagForm {
    fn of(Lag { below, periods }: Lag) -> Self {
        Self { below: Slot::of(below), periods: Slot::of(periods) }
    }
}

impl DepthForm {
    fn of(Depth { below, rise }: Depth) -> Self {
        Self { below: Slot::of_some(below.map(Whole)), rise: Slot::of_some(rise) }
    }
}
