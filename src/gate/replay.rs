//! What a gate would have said in the past, reading by reading, and whether that would have stopped a run: the way to try
//! a threshold before a rollout depends on it. The readings come from the same functions as those of a run.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Excuses, Sighting,
    error_budget::{judge_error_budget, longest},
    judge_alarms, judge_metric,
    lag::MINUTE,
    measured::{Source, last_whole},
    metric::{self, in_seconds, rows},
    queue_past::past_queue,
    stream::past_stream,
};
use crate::{
    cloud::{Alarm, AlarmValue, Error, Query, Reads, Transition},
    plan::{AlarmsGate, ErrorBudgetGate, Gate, GateKind, MetricGate, Statistic, Tolerance},
    rollout::{Bindings, Outcome, Reading, Tally, Timestamp},
};

/// What became of a row of readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    pub readings: usize,
    pub failed: usize,
    pub unknown: usize,
    /// The reading that would have stopped a run.
    pub stops: Option<Reading>,
}

/// Counts readings as a run would, up to the one that stops it; oldest first.
pub fn replay(readings: impl IntoIterator<Item = Reading>, tolerance: &Tolerance) -> Replay {
    let mut replay = Replay::default();
    let mut tally = Tally::default();
    for reading in readings {
        replay.readings += 1;
        replay.failed += usize::from(reading.outcome == Outcome::Fail);
        replay.unknown += usize::from(reading.outcome == Outcome::Unknown);
        tally.count(&reading);
        if replay.stops.is_none() && tally.is_beyond(tolerance) {
            replay.stops = Some(reading);
        }
    }
    replay
}

/// What a gate would have said from `since` to `now`; `None` for gates whose past nobody keeps.
pub async fn past_readings(
    reads: &Reads,
    bindings: &Bindings,
    gate: &Gate,
    since: Timestamp,
    now: Timestamp,
) -> Result<Option<Vec<Reading>>, Error> {
    let bound = |route| {
        let what = || format!("route {route}");
        bindings.routes.get(route).ok_or_else(|| Error::Absent { what: what() })
    };
    Ok(match &gate.kind {
        GateKind::Alarms(alarms) => {
            let seen = reads.alarms.alarms(&alarms.names).await?;
            let mut histories = BTreeMap::new();
            for alarm in &seen {
                let history = reads.alarms.history(&alarm.name, since).await?;
                histories.insert(alarm.name.clone(), history);
            }
            Some(past_alarms(alarms, &seen, &histories, gate.every, since, now))
        }
        GateKind::Metric(metric) => {
            let source = Source::of(reads, bound(&metric.route)?, metric.side).await?;
            Some(past_metric(reads, metric, &metric::queries(&source, metric), since, now).await?)
        }
        GateKind::ErrorBudget(budget) => {
            let source = Source::of(reads, bound(&budget.route)?, budget.side).await?;
            let queries = [&budget.of, &budget.to].map(|name| source.query(name, Statistic::Sum));
            Some(past_error_budget(reads, budget, &queries, since, now).await?)
        }
        GateKind::Queue(queue) => {
            let since = last_whole(since, MINUTE);
            let moments: Vec<_> = moments(since, now, MINUTE).collect();
            Some(past_queue(reads, queue, since, &moments).await?)
        }
        GateKind::Stream(stream) => {
            let since = last_whole(since, MINUTE);
            let moments: Vec<_> = moments(since, now, MINUTE).collect();
            Some(past_stream(reads, stream, since, &moments).await?)
        }
        GateKind::Healthy { .. }
        | GateKind::Http(_)
        | GateKind::Compare(_)
        | GateKind::Command(_)
        | GateKind::Lambda(_)
        | GateKind::Invoke(_)
        | GateKind::Window(_) => None,
    })
}

fn moments(since: Timestamp, now: Timestamp, every: Duration) -> impl Iterator<Item = Timestamp> {
    let every = every.max(Duration::from_secs(1));
    std::iter::successors(Some(since.plus(every)), move |at| Some(at.plus(every)))
        .take_while(move |at| *at <= now)
}

fn past_alarms(
    gate: &AlarmsGate,
    alarms: &[Alarm],
    histories: &BTreeMap<String, Vec<Transition>>,
    every: Duration,
    since: Timestamp,
    now: Timestamp,
) -> Vec<Reading> {
    let read = |at: Timestamp| {
        let mut sighting = Sighting::default();
        for alarm in alarms {
            let history = histories.get(&alarm.name).map_or(&[][..], Vec::as_slice);
            sighting.alarms.push(as_of(alarm, history, at));
            let until = history.iter().filter(|t| t.at <= at).cloned().collect();
            sighting.histories.insert(alarm.name.clone(), Ok(until));
        }
        // Each reading answers for the time since the one before.
        let covering = at.before(every).plus(Duration::from_millis(1));
        judge_alarms(gate, &sighting, covering, &Excuses::new(), at)
    };
    moments(since, now, every).map(read).collect()
}

/// An alarm as it was. What it was before its first known change is not known, unless it has not changed since.
fn as_of(alarm: &Alarm, history: &[Transition], at: Timestamp) -> Alarm {
    let last = history.iter().rev().find(|transition| transition.at <= at);
    let (value, since, reason) = match (last, history.first()) {
        (Some(last), _) => (last.to, Some(last.at), last.reason.clone()),
        (None, None) => (alarm.value, alarm.since, alarm.reason.clone()),
        (None, Some(_)) => (AlarmValue::InsufficientData, None, "not known any more".to_owned()),
    };
    // How it is evaluated now says nothing about then.
    Alarm { value, since, reason, evaluation: None, ..alarm.clone() }
}

async fn past_metric(
    reads: &Reads,
    gate: &MetricGate,
    queries: &[Query; 2],
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<Reading>, Error> {
    let (from, to) = (last_whole(since, gate.period), last_whole(now, gate.period));
    if from >= to {
        return Ok(Vec::new());
    }
    let answers = reads.metrics.series(queries, from, to, gate.period).await?;
    let rows = match rows(queries, &answers) {
        Ok(rows) => in_seconds(rows, gate, queries),
        Err(words) => return Ok(vec![Reading::new(Outcome::Unknown, now, words)]),
    };
    let read = |at: Timestamp| {
        let known: Vec<_> = rows.iter().filter(|row| row.start < at).copied().collect();
        judge_metric(&known, gate, at)
    };
    Ok(moments(from, to, gate.period).map(read).collect())
}

async fn past_error_budget(
    reads: &Reads,
    gate: &ErrorBudgetGate,
    queries: &[Query; 2],
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<Reading>, Error> {
    let (since, to) = (last_whole(since, MINUTE), last_whole(now, MINUTE));
    let from = since.before(longest(gate));
    if since >= to {
        return Ok(Vec::new());
    }
    let answers = reads.metrics.series(queries, from, to, MINUTE).await?;
    let rows = match rows(queries, &answers) {
        Ok(rows) => rows,
        Err(words) => return Ok(vec![Reading::new(Outcome::Unknown, now, words)]),
    };
    let read = |at| judge_error_budget(&rows, gate, at, at);
    Ok(moments(since, to, MINUTE).map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{AlreadyInAlarm, InsufficientData, MissingAlarm};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn row_of(outcomes: &[Outcome]) -> Vec<Reading> {
        (0..).zip(outcomes).map(|(i, outcome)| Reading::new(*outcome, at(i), "test")).collect()
    }

    #[test]
    fn the_first_failure_beyond_what_is_tolerated_stops() {
        use Outcome::{Fail, Pass, Unknown};
        let row = row_of(&[Pass, Fail, Unknown, Fail, Pass, Fail]);
        let strict = replay(row.clone(), &Tolerance::default());
        assert_eq!((strict.readings, strict.failed, strict.unknown), (6, 3, 1));
        assert_eq!(strict.stops.map(|reading| reading.at), Some(at(1)));
        let one = Tolerance { consecutive: 1, total: 5, unknown: None };
        assert_eq!(replay(row.clone(), &one).stops.map(|reading| reading.at), Some(at(3)));
        let many = Tolerance { consecutive: 5, total: 5, unknown: None };
        assert_eq!(replay(row, &many).stops, None);
    }

    #[test]
    fn an_alarm_that_flickered_in_the_past_is_found() {
        let gate = AlarmsGate {
            names: vec!["a".into()],
            missing: MissingAlarm::Fail,
            insufficient_data: InsufficientData::Wait,
            already: AlreadyInAlarm::Refuse,
            listen: None,
        };
        let alarm = Alarm {
            name: "a".into(),
            value: AlarmValue::Ok,
            since: Some(at(104)),
            reason: String::new(),
            evaluation: None,
            actions_enabled: true,
            target_groups: Vec::new(),
            load_balancers: Vec::new(),
            reacts_in: None,
            request: None,
            told: None,
        };
        let change = |seconds, to| Transition { at: at(seconds), to, reason: "5 %".into() };
        let history = vec![change(100, AlarmValue::Alarm), change(104, AlarmValue::Ok)];
        let histories = BTreeMap::from([("a".to_owned(), history)]);
        let every = Duration::from_secs(15);
        let readings = past_alarms(&gate, &[alarm], &histories, every, at(0), at(200));
        let replay = replay(readings, &Tolerance::default());
        assert_eq!(replay.stops.map(|reading| reading.at), Some(at(105)));
        assert_eq!(replay.failed, 1, "once");
    }
}
