//! From a stream to a reading: how old the last record was that its reader was given.
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
//! <https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html>

use super::{
    lag::{MINUTE, Minutes, covering, judge_lag, latest, minutes, together},
    measured::{attributed, last_whole},
};
use crate::{
    cloud::{Error, Query, Reads},
    plan::{Reader, Statistic, StreamGate},
    rollout::{Reading, Timestamp},
};

/// Reads the latest whole minutes, those before the run included: a stream belongs to no side of a route.
pub async fn poll_stream(
    reads: &Reads,
    gate: &StreamGate,
    at: Timestamp,
) -> Result<Reading, Error> {
    let query = query(&gate.reader);
    let to = last_whole(at, MINUTE);
    let from = to.before(covering(gate.lag.periods.of));
    let queries = std::slice::from_ref(&query);
    let answers = reads.metrics.series(queries, from, to, MINUTE).await?;
    let ages = minutes(&query, answers.first(), from).map(in_seconds);
    Ok(attributed(judge_stream(gate, &ages, at), queries, &answers))
}

/// What the gate would have said at each of these moments.
pub(super) async fn past_stream(
    reads: &Reads,
    gate: &StreamGate,
    since: Timestamp,
    moments: &[Timestamp],
) -> Result<Vec<Reading>, Error> {
    let (Some(to), back) = (moments.last(), covering(gate.lag.periods.of)) else {
        return Ok(Vec::new());
    };
    let query = query(&gate.reader);
    let from = since.before(back);
    let answers = reads.metrics.series(std::slice::from_ref(&query), from, *to, MINUTE).await?;
    let ages = minutes(&query, answers.first(), from).map(in_seconds);
    let read = |at: &Timestamp| {
        let known = ages.clone().map(|mut ages| {
            ages.retain(|(of, _)| *of >= at.before(back) && of < at);
            ages
        });
        judge_stream(gate, &known, *at)
    };
    Ok(moments.iter().map(read).collect())
}

fn judge_stream(gate: &StreamGate, ages: &Minutes, at: Timestamp) -> Reading {
    let what = match &gate.reader {
        Reader::Function(function) => format!("the latest record read by {function}"),
        Reader::OfStream(name) => format!("the latest record read from {name}"),
    };
    let mut reading = together(&[judge_lag(&what, gate.lag, ages)], at);
    if let Some(ages) = latest(ages, gate.lag) {
        reading = reading.with("age", ages);
    }
    reading
}

/// Both services tell milliseconds.
fn in_seconds(ages: Vec<(Timestamp, f64)>) -> Vec<(Timestamp, f64)> {
    ages.into_iter().map(|(at, age)| (at, age / 1_000.0)).collect()
}

fn query(reader: &Reader) -> Query {
    let (namespace, metric, dimensions) = match reader {
        Reader::Function(function) => {
            let whole = [("FunctionName", function.name.clone())];
            let part = function.qualifier.is_some().then(|| ("Resource", function.to_string()));
            let dimensions: Vec<_> = whole.into_iter().chain(part).collect();
            ("AWS/Lambda", "IteratorAge", dimensions)
        }
        Reader::OfStream(name) => (
            "AWS/Kinesis",
            "GetRecords.IteratorAgeMilliseconds",
            vec![("StreamName", name.clone())],
        ),
    };
    let dimensions = dimensions.into_iter().map(|(name, value)| (name.to_owned(), value));
    Query {
        namespace: namespace.to_owned(),
        metric: metric.to_owned(),
        dimensions: dimensions.collect(),
        // Of several shards the one that is furthest behind.
        statistic: Statistic::Maximum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::FunctionName;

    #[test]
    fn a_reader_is_asked_for_as_it_is_published() {
        let of = |reader: Reader| query(&reader).source();
        let name = || "consumer".to_owned();
        let whole = FunctionName { name: name(), qualifier: None };
        let part = FunctionName { name: name(), qualifier: Some("live".into()) };
        assert_eq!(of(Reader::Function(whole)), "AWS/Lambda FunctionName=consumer");
        let live = "AWS/Lambda FunctionName=consumer Resource=consumer:live";
        assert_eq!(of(Reader::Function(part)), live);
        assert_eq!(of(Reader::OfStream("clicks".into())), "AWS/Kinesis StreamName=clicks");
    }
}
