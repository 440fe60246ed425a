//! From a queue to a reading. How many messages there are the queue tells itself; how old the oldest is, and what was,
//! CloudWatch tells minute by minute.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>

use super::{
    lag::{MINUTE, Minutes, Said, covering, judge_lag, latest, minutes, not_measured, together},
    measured::{attributed, last_whole},
};
use crate::{
    cloud::{Error, Query, QueueStanding, Reads, Series},
    plan::{Depth, Queue, QueueGate, Rise, Statistic, units::format_duration},
    rollout::{DeadLetters, Outcome, Reading, Timestamp},
};

const AGE: &str = "ApproximateAgeOfOldestMessage";
const VISIBLE: &str = "ApproximateNumberOfMessagesVisible";
const NOT_VISIBLE: &str = "ApproximateNumberOfMessagesNotVisible";

/// What is known of a queue at one time; what is not, in words.
#[derive(Clone, Debug)]
pub struct QueueSeen {
    /// Messages that wait now.
    pub visible: Result<u32, String>,
    /// In seconds.
    pub ages: Minutes,
    /// Messages that waited, on average of a minute.
    pub depths: Minutes,
    /// How many dead letters there were when the run began, where that is known.
    pub dead_before: Option<u32>,
    /// How many there are now.
    pub dead: Result<u32, String>,
    /// How many there were since the run began.
    pub dead_since: Minutes,
}

/// What is asked of CloudWatch, in this order.
pub(super) struct Queries {
    pub(super) all: Vec<Query>,
    dead: bool,
}

fn query(queue: &Queue, metric: &str, statistic: Statistic) -> Query {
    Query {
        namespace: "AWS/SQS".to_owned(),
        metric: metric.to_owned(),
        dimensions: vec![("QueueName".to_owned(), queue.name().to_owned())],
        statistic,
    }
}

/// How many messages waited at most.
pub(super) fn most_waiting(queue: &Queue) -> Query {
    query(queue, VISIBLE, Statistic::Maximum)
}

impl Queries {
    pub(super) fn of(gate: &QueueGate, dead: Option<&Queue>) -> Self {
        let age = gate.age.map(|_| query(&gate.queue, AGE, Statistic::Maximum));
        let rises = gate.depth.is_some_and(|depth| depth.rise.is_some());
        let depth = rises.then(|| query(&gate.queue, VISIBLE, Statistic::Average));
        // Whoever looks at dead letters by hand hides them for a while.
        let dead = dead.filter(|_| gate.dead_letters.is_some());
        let letters = dead.into_iter().flat_map(|queue| {
            [VISIBLE, NOT_VISIBLE].map(|metric| query(queue, metric, Statistic::Maximum))
        });
        let all = age.into_iter().chain(depth).chain(letters).collect();
        Self { all, dead: dead.is_some() }
    }
}

/// How far back a gate looks for each of its limits.
pub(super) fn earliest(gate: &QueueGate, began: Timestamp, to: Timestamp) -> Timestamp {
    let age = gate.age.map(|age| to.before(covering(age.periods.of)));
    let rise = gate.depth.and_then(|depth| depth.rise);
    let rise = rise.map(|rise| to.before(rise.within.saturating_add(covering(1))));
    let dead = gate.dead_letters.map(|_| since(began));
    [age, rise, dead].into_iter().flatten().min().unwrap_or(to)
}

/// The first minute that began after the run did.
fn since(began: Timestamp) -> Timestamp {
    last_whole(began, MINUTE).plus(MINUTE)
}

/// Asks the queue how it stands and CloudWatch how it stood, and judges what either says: a failure is one although the
/// other does not answer.
pub async fn poll_queue(
    reads: &Reads,
    gate: &QueueGate,
    bound: Option<&DeadLetters>,
    began: Timestamp,
    at: Timestamp,
) -> Reading {
    let standing = reads.queues.standing(&gate.queue).await;
    let found = standing.as_ref().ok().and_then(|standing| standing.dead_letters.as_ref());
    let dead_queue = bound.map(|bound| &bound.queue).or(found);
    let dead = match dead_queue.filter(|_| gate.dead_letters.is_some()) {
        Some(queue) => reads.queues.standing(queue).await.map_err(|error| error.to_string()),
        None => Err(match &standing {
            Ok(_) => format!("queue {} has no redrive policy", gate.queue),
            Err(error) => error.to_string(),
        }),
    };
    let queries = Queries::of(gate, dead_queue);
    let to = last_whole(at, MINUTE);
    let from = earliest(gate, began, to);
    let answers = if from < to && !queries.all.is_empty() {
        reads.metrics.series(&queries.all, from, to, MINUTE).await
    } else {
        Ok(queries.all.iter().map(|_| nothing_yet()).collect())
    };
    let mut seen = past(gate, &queries, &answers, began, to);
    seen.visible = standing.map(|standing| standing.visible).map_err(|error| error.to_string());
    seen.dead_before = bound.map(|bound| bound.before);
    seen.dead = dead.map(QueueStanding::all);
    let reading = judge_queue(gate, &seen, at);
    match &answers {
        Ok(answers) if !queries.all.is_empty() => attributed(reading, &queries.all, answers),
        Ok(_) | Err(_) => reading,
    }
}

/// No whole minute has passed.
const fn nothing_yet() -> Series {
    Series {
        points: Vec::new(),
        completeness: crate::cloud::Completeness::Complete,
        requests: Vec::new(),
    }
}

/// What CloudWatch says of the time up to `to`, told apart.
pub(super) fn past(
    gate: &QueueGate,
    queries: &Queries,
    answers: &Result<Vec<Series>, Error>,
    began: Timestamp,
    to: Timestamp,
) -> QueueSeen {
    let mut asked = queries.all.iter().enumerate();
    let mut next = |from: Timestamp| -> Minutes {
        let (place, query) = asked.next().ok_or("nothing was asked")?;
        let answers = answers.as_ref().map_err(ToString::to_string)?;
        let mut minutes = minutes(query, answers.get(place), from)?;
        minutes.retain(|(at, _)| *at < to);
        Ok(minutes)
    };
    let unasked = || Err("nothing was asked".to_owned());
    let ages = match gate.age {
        Some(age) => next(to.before(covering(age.periods.of))),
        None => unasked(),
    };
    let depths = match gate.depth.and_then(|depth| depth.rise) {
        Some(rise) => next(to.before(rise.within.saturating_add(covering(1)))),
        None => unasked(),
    };
    let dead_since = if queries.dead {
        let (visible, hidden) = (next(since(began)), next(since(began)));
        visible.and_then(|visible| Ok(added(&visible, &hidden?)))
    } else {
        unasked()
    };
    let (visible, dead) = (Err(String::new()), Err(String::new()));
    QueueSeen { visible, ages, depths, dead_before: None, dead, dead_since }
}

/// The sums of minutes of which both are known.
fn added(some: &[(Timestamp, f64)], others: &[(Timestamp, f64)]) -> Vec<(Timestamp, f64)> {
    let of = |at: Timestamp| others.iter().find(|(of, _)| *of == at).map(|(_, value)| *value);
    some.iter().filter_map(|(at, value)| Some((*at, value + of(*at)?))).collect()
}

/// The worst of what its limits say.
pub fn judge_queue(gate: &QueueGate, seen: &QueueSeen, at: Timestamp) -> Reading {
    let name = gate.queue.name();
    let mut said = Vec::new();
    // One that is not there has no past that counts.
    if let Err(words) = &seen.visible {
        said.push(not_measured(words));
    }
    if let Some(limit) = gate.age {
        said.push(judge_lag(&format!("the oldest message of {name}"), limit, &seen.ages));
    }
    if let Some(depth) = gate.depth {
        said.extend(judge_depth(name, depth, seen));
    }
    if let Some(limit) = gate.dead_letters {
        said.push(judge_dead_letters(name, limit, seen));
    }
    let mut reading = together(&said, at);
    if let Ok(visible) = seen.visible {
        reading = reading.with("waiting", visible);
    }
    if let Some(ages) = gate.age.and_then(|limit| latest(&seen.ages, limit)) {
        reading = reading.with("age", ages);
    }
    if let (Some(_), Ok(dead)) = (gate.dead_letters, &seen.dead) {
        reading = reading.with("dead letters", dead);
    }
    reading
}

fn judge_depth(name: &str, depth: Depth, seen: &QueueSeen) -> Vec<Said> {
    let mut said = Vec::new();
    if let (Some(below), Ok(visible)) = (depth.below, &seen.visible) {
        said.push(if *visible > below {
            (Outcome::Fail, format!("{visible} messages wait in {name}, more than {below}"))
        } else {
            (Outcome::Pass, format!("at most {below} messages wait in {name}"))
        });
    }
    said.extend(depth.rise.map(|rise| judge_rise(name, rise, &seen.depths)));
    said
}

/// By the straight line that fits the minutes best: one that is higher than the others by chance tilts it little.
fn judge_rise(name: &str, rise: Rise, depths: &Minutes) -> Said {
    let depths = match depths {
        Ok(depths) => depths,
        Err(words) => return not_measured(words),
    };
    let Some((last, _)) = depths.last() else {
        return (
            Outcome::Unknown,
            format!("the depth of {name} has no figure in the last minutes"),
        );
    };
    let within = format_duration(rise.within);
    let begin = last.before(rise.within);
    let judged: Vec<(f64, f64)> = depths
        .iter()
        .filter(|(at, _)| *at >= begin)
        .map(|(at, depth)| (at.since(begin).as_secs_f64() / 60.0, *depth))
        .collect();
    // The first minute may be missing.
    let covered = judged.first().map_or(0.0, |(first, _)| *first) <= 1.0;
    let Some(slope) = slope(&judged).filter(|_| covered) else {
        return (Outcome::Wait, format!("{name} has not been watched for {within} yet"));
    };
    let grown = (slope * rise.within.as_secs_f64() / 60.0).round();
    if grown > f64::from(rise.messages) {
        let limit = rise.messages;
        (
            Outcome::Fail,
            format!("{name} has grown by {grown} messages in {within}, more than {limit}"),
        )
    } else {
        (Outcome::Pass, format!("{name} has not grown by more than {rise}"))
    }
}

/// The least squares' slope of at least three points.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let number = f64::from(u32::try_from(points.len()).ok().filter(|number| *number >= 3)?);
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (x, y) = (x / number, y / number);
    let (over, under) = points.iter().fold((0.0, 0.0), |(over, under), point| {
        (over + (point.0 - x) * (point.1 - y), under + (point.0 - x).powi(2))
    });
    (under > 0.0).then(|| over / under)
}

/// Those that were there before the run do not count, nor do they hide others when somebody takes them out: it is counted
/// from the fewest there have been.
fn judge_dead_letters(name: &str, limit: u32, seen: &QueueSeen) -> Said {
    let now = match &seen.dead {
        Ok(now) => *now,
        Err(words) => return not_measured(words),
    };
    let fewest = |points: &[(Timestamp, f64)]| {
        points.iter().map(|(_, letters)| *letters).fold(f64::INFINITY, f64::min)
    };
    let since = match (&seen.dead_since, seen.dead_before) {
        (Ok(points), Some(before)) => fewest(points).min(f64::from(before)),
        (Ok(points), None) if !points.is_empty() => fewest(points),
        // There may have been fewer; more of them than that are too many in any case.
        (Err(_), Some(before)) if now.saturating_sub(before) > limit => f64::from(before),
        (Err(words), _) => return not_measured(words),
        (Ok(_), None) => {
            let words = format!("nobody knows how many dead letters of {name} there were before");
            return (Outcome::Unknown, words);
        }
    };
    let new = (f64::from(now) - since).max(0.0).round();
    if new > f64::from(limit) {
        let words =
            format!("dead letters of {name} since the run began: {new}, at most {limit} allowed");
        (Outcome::Fail, words)
    } else {
        let told = if limit == 0 { "no".to_owned() } else { format!("at most {limit}") };
        (Outcome::Pass, format!("{told} dead letters of {name} since the run began"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Lag, Periods};

    fn gate() -> QueueGate {
        QueueGate {
            queue: Queue::new("orders"),
            age: Some(Lag {
                below: Duration::from_mins(1),
                periods: Periods { breaching: 1, of: 1 },
            }),
            depth: Some(Depth {
                below: Some(1_000),
                rise: Some(Rise { messages: 200, within: Duration::from_mins(5) }),
            }),
            dead_letters: Some(0),
        }
    }

    fn minute_by_minute(values: &[f64]) -> Vec<(Timestamp, f64)> {
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000);
        (0..).map(at).zip(values.iter().copied()).collect()
    }

    fn calm() -> QueueSeen {
        QueueSeen {
            visible: Ok(12),
            ages: Ok(minute_by_minute(&[3.0])),
            depths: Ok(minute_by_minute(&[12.0; 6])),
            dead_before: Some(40),
            dead: Ok(40),
            dead_since: Ok(Vec::new()),
        }
    }

    fn read(seen: &QueueSeen) -> (Outcome, String) {
        let reading = judge_queue(&gate(), seen, Timestamp::default());
        (reading.outcome, reading.because)
    }

    #[test]
    fn old_dead_letters_do_not_fail_a_run_and_a_new_one_does() {
        assert_eq!(read(&calm()).0, Outcome::Pass);
        let (outcome, because) = read(&QueueSeen { dead: Ok(41), ..calm() });
        let words = "dead letters of orders since the run began: 1, at most 0 allowed";
        assert_eq!((outcome, because.as_str()), (Outcome::Fail, words));
    }

    #[test]
    fn dead_letters_that_somebody_takes_out_hide_no_new_ones() {
        let emptied =
            QueueSeen { dead: Ok(2), dead_since: Ok(minute_by_minute(&[40.0, 0.0])), ..calm() };
        assert_eq!(read(&emptied).0, Outcome::Fail);
        let only =
            QueueSeen { dead: Ok(0), dead_since: Ok(minute_by_minute(&[40.0, 0.0])), ..calm() };
        assert_eq!(read(&only).0, Outcome::Pass);
        let untold = QueueSeen { dead_since: Err("throttled".into()), ..calm() };
        assert_eq!(read(&untold).0, Outcome::Unknown, "there may have been fewer meanwhile");
        let more = QueueSeen { dead: Ok(41), ..untold };
        assert_eq!(read(&more).0, Outcome::Fail);
        let nowhere = QueueSeen { dead_before: None, ..calm() };
        assert_eq!(read(&nowhere).0, Outcome::Unknown);
    }

    #[test]
    fn a_queue_that_grows_fails_by_its_trend_and_a_burst_does_not() {
        let depths = |values: &[f64]| QueueSeen { depths: Ok(minute_by_minute(values)), ..calm() };
        assert_eq!(read(&depths(&[0.0, 60.0, 120.0, 180.0, 240.0, 300.0])).0, Outcome::Fail);
        assert_eq!(read(&depths(&[0.0, 40.0, 80.0, 120.0, 160.0, 200.0])).0, Outcome::Pass);
        assert_eq!(read(&depths(&[0.0, 0.0, 600.0, 400.0, 200.0, 0.0])).0, Outcome::Pass);
        assert_eq!(read(&depths(&[0.0, 300.0, 600.0])).0, Outcome::Wait, "too short a while");
        assert_eq!(read(&depths(&[])).0, Outcome::Unknown);
    }

    #[test]
    fn what_is_not_answered_never_passes_and_hides_no_failure() {
        let absent = || Err("queue orders does not exist".to_owned());
        let silent = || Minutes::Err("throttled".to_owned());
        assert_eq!(read(&QueueSeen { visible: absent(), ..calm() }).0, Outcome::Unknown);
        assert_eq!(read(&QueueSeen { ages: Ok(Vec::new()), ..calm() }).0, Outcome::Unknown);
        assert_eq!(read(&QueueSeen { ages: silent(), ..calm() }).0, Outcome::Unknown);
        assert_eq!(read(&QueueSeen { dead: absent(), ..calm() }).0, Outcome::Unknown);
        let full = QueueSeen { visible: Ok(1_001), ages: silent(), ..calm() };
        let (outcome, because) = read(&full);
        let words = "1001 messages wait in orders, more than 1000";
        assert_eq!((outcome, because.as_str()), (Outcome::Fail, words));
        let late = QueueSeen { ages: Ok(minute_by_minute(&[61.0])), ..calm() };
        assert_eq!(read(&late).0, Outcome::Fail);
    }

    proptest! {
        #[test]
        fn more_dead_letters_never_turn_a_failure_into_a_pass(
            before in 0u32..100, now in 0u32..100, more in 0u32..100,
            since in proptest::collection::vec(0.0..100.0f64, 0..5),
        ) {
            let read = |now| {
                let dead_since = Ok(minute_by_minute(&since));
                let seen = QueueSeen { dead_before: Some(before), dead: Ok(now), dead_since, ..calm() };
                read(&seen).0
            };
            prop_assert!(read(now) != Outcome::Fail || read(now + more) == Outcome::Fail);
        }
    }
}
