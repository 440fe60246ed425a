//! What CloudWatch says of the simulated streams that gates watch.

use std::time::Duration;

use super::{landscape::Landscape, queues_port::minutes, stream_script::StreamScript};
use crate::{cloud::Query, rollout::Timestamp};

const MINUTE: Duration = Duration::from_mins(1);

/// In milliseconds, while anybody reads.
fn age(landscape: &Landscape, script: &StreamScript, now: Timestamp) -> Option<f64> {
    let (mut age, mut read) = (script.age, script.read);
    let has_come = |at| landscape.moment(at).is_some_and(|at| at <= now);
    for change in script.later.iter().filter(|change| has_come(change.at)) {
        age = change.age.unwrap_or(age);
        read = change.read.unwrap_or(read);
    }
    read.then_some(age.as_secs_f64() * 1_000.0)
}

/// The figures of whole minutes that are over and have arrived, of what is asked for as it is published.
pub(super) fn of_stream(
    landscape: &Landscape,
    query: &Query,
    window: (Timestamp, Timestamp),
    visible: Timestamp,
) -> Option<Vec<(Timestamp, f64)>> {
    let dimensions: Vec<(&str, &str)> =
        query.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let asked = (query.namespace.as_str(), query.metric.as_str());
    let name = match (asked, &dimensions[..]) {
        (("AWS/Lambda", "IteratorAge"), [("FunctionName", name)])
        | (("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds"), [("StreamName", name)]) => *name,
        (("AWS/Lambda", "IteratorAge"), [("FunctionName", name), ("Resource", resource)])
            if resource.split_once(':').is_some_and(|(of, _)| of == *name) =>
        {
            *name
        }
        _ => return None,
    };
    let script = landscape.scenario.streams.named(name);
    let figure = |at: Timestamp| Some((at, age(landscape, &script, at.plus(MINUTE))?));
    Some(minutes(landscape, window, visible).filter_map(figure).collect())
}
