//! What is sent to Lambda for event source mappings, in which order, over a wire that stays in the process (`wire.rs`). What
//! answers keeps each mapping, and takes two looks to bring it to rest.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::wire::{Answered, Sent, Wire};
use crate::{
    cloud::{Error, MappingState, Mappings, Mark, Marks, Owned, SetMarks, SetWeights, Weights},
    plan::{EventSource, Member, Redrive, units::Weight},
    rollout::{MappingPlace, RouteService, Split, Timestamp},
};

pub(super) const QUEUE: &str = "arn:aws:sqs:eu-west-1:1:orders";
pub(super) const STREAM: &str = "arn:aws:kinesis:eu-west-1:1:stream/clicks";

pub(super) fn arn(uuid: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:1:event-source-mapping:{uuid}")
}

pub(super) fn split(sides: &[(&str, u16)]) -> Split {
    let weight = |weight| Weight::new(weight).unwrap();
    Split(sides.iter().map(|(side, share)| (Member::new(*side), weight(*share))).collect())
}

/// Lambda and the queue, as far as a hand-over asks.
pub(super) struct Aws {
    mappings: BTreeMap<String, Value>,
    /// How often each is to be looked at until it is at rest.
    passing: BTreeMap<String, u8>,
    /// Messages that somebody has of the queue, at each question one fewer.
    hidden: u32,
    /// How many dead letters there are, where the queue says where they go.
    dead: Option<u32>,
    /// Of moving them back.
    pub(super) tasks: Vec<Value>,
    /// What becomes of a task at the second look; nothing starts where it is refused.
    pub(super) task_ends: Result<&'static str, &'static str>,
    /// Whether enabling comes to nothing.
    stays_disabled: bool,
}

pub(super) fn mapping(uuid: &str, source: &str, function: &str, state: &str) -> Value {
    json!({
        "UUID": uuid,
        "EventSourceArn": source,
        "EventSourceMappingArn": arn(uuid),
        "FunctionArn": format!("arn:aws:lambda:eu-west-1:1:function:{function}"),
        "State": state,
        "StateTransitionReason": "USER_INITIATED",
    })
}

impl Aws {
    pub(super) fn of(mappings: impl IntoIterator<Item = Value>) -> Self {
        let named = |it: Value| (it["UUID"].as_str().unwrap().to_owned(), it);
        let mappings = mappings.into_iter().map(named).collect();
        Self {
            mappings,
            passing: BTreeMap::new(),
            hidden: 0,
            dead: None,
            tasks: Vec::new(),
            task_ends: Ok("COMPLETED"),
            stays_disabled: false,
        }
    }

    /// So many dead letters; without any number, nobody says where they go.
    pub(super) fn keeping(self, dead: Option<u32>) -> Self {
        Self { dead, ..self }
    }

    pub(super) fn wire(self) -> Wire {
        let aws = Arc::new(Mutex::new(self));
        Wire::new(move |sent| aws.lock().unwrap().answer(sent))
    }

    fn answer(&mut self, sent: &Sent) -> Answered {
        let fine = |body: &Value| Answered {
            status: 200,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        };
        let refused = |status, kind| Answered {
            status,
            headers: vec![("x-amzn-errortype", kind)],
            body: b"{}".to_vec(),
        };
        if sent.uri.contains("/configuration") {
            return fine(&json!({ "State": "Active", "Timeout": 60 }));
        }
        let asked: Value = serde_json::from_slice(&sent.body).unwrap_or_default();
        if sent.operation == "GetQueueUrl" {
            let url = format!(
                "https://sqs.eu-west-1.amazonaws.com/1/{}",
                asked["QueueName"].as_str().unwrap()
            );
            return fine(&json!({ "QueueUrl": url }));
        }
        if sent.operation == "GetQueueAttributes" {
            if asked["QueueUrl"].as_str().unwrap().ends_with("-dead") {
                let dead = self.dead.unwrap().to_string();
                return fine(&json!({ "Attributes": {
                    "ApproximateNumberOfMessages": dead, "ApproximateNumberOfMessagesNotVisible": "0",
                } }));
            }
            let hidden = self.hidden.to_string();
            self.hidden = self.hidden.saturating_sub(1);
            let policy = json!({ "deadLetterTargetArn": format!("{QUEUE}-dead") }).to_string();
            return fine(&json!({ "Attributes": {
                "ApproximateNumberOfMessages": "5", "ApproximateNumberOfMessagesNotVisible": hidden,
                "RedrivePolicy": self.dead.map(|_| policy).unwrap_or_default(),
            } }));
        }
        if sent.operation == "ListMessageMoveTasks" {
            let answer = fine(&json!({ "Results": self.tasks }));
            for task in self.tasks.iter_mut().filter(|task| task["Status"] == "RUNNING") {
                task["Status"] = self.task_ends.unwrap_or_default().into();
                task["FailureReason"] = "CouldNotDetermineMessageSource".into();
            }
            return answer;
        }
        if sent.operation == "StartMessageMoveTask" {
            if let Err(kind) = self.task_ends {
                return refused(403, kind);
            }
            let started = 1_000 + self.tasks.len();
            self.tasks.push(json!({ "Status": "RUNNING", "StartedTimestamp": started }));
            return fine(&json!({ "TaskHandle": "h" }));
        }
        if sent.uri.contains("EventSourceArn=") {
            let all: Vec<&Value> = self.mappings.values().collect();
            return fine(&json!({ "EventSourceMappings": all }));
        }
        let Some(mapping) = self.mappings.get_mut(&sent.operation) else {
            return refused(404, "ResourceNotFoundException");
        };
        let passing = self.passing.entry(sent.operation.clone()).or_default();
        if sent.body.is_empty() {
            *passing = passing.saturating_sub(1);
            if *passing == 0 {
                let is_enabled = mapping["State"] == "Enabling" && !self.stays_disabled;
                let rests = if is_enabled { "Enabled" } else { "Disabled" };
                if mapping["State"].as_str().is_some_and(|state| state.ends_with("ing")) {
                    mapping["State"] = rests.into();
                }
            }
            return fine(mapping);
        }
        if *passing > 0 {
            return refused(400, "ResourceInUseException");
        }
        let change: Value = serde_json::from_slice(&sent.body).unwrap();
        if let Some(function) = change["FunctionName"].as_str() {
            let function = format!("arn:aws:lambda:eu-west-1:1:function:{function}");
            mapping["FunctionArn"] = function.into();
        }
        if change["ScalingConfig"].is_object() {
            mapping["ScalingConfig"] = change["ScalingConfig"].clone();
        }
        let state = if change["Enabled"] == true { "Enabling" } else { "Disabling" };
        mapping["State"] = state.into();
        *passing = 2;
        fine(mapping)
    }
}

/// What was written: the mapping, and the change.
fn written(wire: &Wire) -> Vec<(String, Value)> {
    let is_change =
        |sent: &Sent| sent.uri.contains("event-source-mappings/") && !sent.body.is_empty();
    let all = wire.sent().into_iter().filter(is_change);
    all.map(|sent| (sent.operation, serde_json::from_slice(&sent.body).unwrap())).collect()
}

fn handed(drain: Option<Duration>) -> String {
    MappingPlace::HandOver { arn: &arn("m"), drain, redriven: None }.written()
}

fn shared() -> String {
    let (stable, candidate) = (arn("s"), arn("c"));
    MappingPlace::SideBySide { stable: &stable, candidate: &candidate, redriven: None }.written()
}

pub(super) fn sharing(stable: (&str, u16), candidate: (&str, u16)) -> Aws {
    let of = |uuid, function, (state, most): (&str, u16)| {
        let mut mapping = mapping(uuid, QUEUE, function, state);
        if most > 0 {
            mapping["ScalingConfig"] = json!({ "MaximumConcurrency": most });
        }
        mapping
    };
    Aws::of([of("s", "orders:1", stable), of("c", "orders:2", candidate)])
}

#[tokio::test(start_paused = true)]
async fn a_mapping_is_disabled_left_until_nobody_has_anything_and_enabled_for_the_other() {
    let aws = Aws { hidden: 3, ..Aws::of([mapping("m", QUEUE, "orders:1", "Enabled")]) };
    let wire = aws.wire();
    let (from, to) = (split(&[("orders:1", 100)]), split(&[("orders:2", 100)]));
    let place = handed(None);
    assert_eq!(wire.services.sources.split(&place).await, Ok(from.clone()));
    let began = Instant::now();
    wire.services.sources.set_weights(&place, &from, &to).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(30), "the queue is empty long before the minute");
    let all = written(&wire);
    let expected = [
        ("m".to_owned(), json!({ "Enabled": false })),
        ("m".to_owned(), json!({ "Enabled": true, "FunctionName": "orders:2" })),
    ];
    assert_eq!(all, expected);
    assert_eq!(wire.services.sources.split(&place).await, Ok(to.clone()));
    wire.services.sources.set_weights(&place, &from, &to).await.unwrap();
    assert_eq!(written(&wire), [], "it is there already");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_left_alone_for_as_long_as_a_batch_may_last() {
    let (from, to) = (split(&[("clicks:1", 100)]), split(&[("clicks:2", 100)]));
    for (drain, seconds) in [(None, 60), (Some(Duration::from_secs(10)), 10)] {
        let wire = Aws::of([mapping("m", STREAM, "clicks:1", "Enabled")]).wire();
        let began = Instant::now();
        wire.services.sources.set_weights(&handed(drain), &from, &to).await.unwrap();
        let took = began.elapsed().as_secs();
        assert!((seconds..seconds + 20).contains(&took), "{drain:?}: {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_that_was_cut_short_goes_on_from_where_it_is() {
    for state in ["Disabled", "Disabling"] {
        let wire = Aws::of([mapping("m", QUEUE, "orders:1", state)]).wire();
        let (from, to) = (split(&[("orders:1", 100)]), split(&[("orders:2", 100)]));
        assert_eq!(wire.services.sources.split(&handed(None)).await, Ok(split(&[])), "{state}");
        wire.services.sources.set_weights(&handed(None), &from, &to).await.unwrap();
        let change = json!({ "Enabled": true, "FunctionName": "orders:2" });
        assert_eq!(written(&wire), [("m".to_owned(), change)], "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_changed_is_not_overwritten() {
    let (from, to) = (split(&[("orders:1", 100)]), split(&[("orders:2", 100)]));
    let theirs = Aws::of([mapping("m", QUEUE, "orders:9", "Enabled")]).wire();
    let conflict = theirs.services.sources.set_weights(&handed(None), &from, &to).await;
    assert!(matches!(conflict, Err(Error::Conflict { .. })), "{conflict:?}");
    let theirs = sharing(("Enabled", 15), ("Disabled", 0)).wire();
    let (from, to) = (split(&[("s", 20)]), split(&[("s", 18), ("c", 2)]));
    let conflict = theirs.services.sources.set_weights(&shared(), &from, &to).await;
    assert!(matches!(conflict, Err(Error::Conflict { .. })), "{conflict:?}");
    assert_eq!(written(&theirs), []);
}

#[tokio::test(start_paused = true)]
async fn a_mapping_that_does_not_become_enabled_is_told_with_the_reason() {
    let mut aws = Aws::of([mapping("m", QUEUE, "orders:1", "Disabled")]);
    aws.stays_disabled = true;
    let (from, to) = (split(&[("orders:1", 100)]), split(&[("orders:2", 100)]));
    let rejected = aws.wire().services.sources.set_weights(&handed(None), &from, &to).await;
    let told = rejected.unwrap_err().to_string();
    assert!(told.contains("mapping m did not become enabled (USER_INITIATED)"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn of_two_mappings_the_candidates_is_changed_first_both_ways() {
    let wire = sharing(("Enabled", 20), ("Disabled", 0)).wire();
    let sources = &wire.services.sources;
    let all = split(&[("s", 20)]);
    let half = split(&[("s", 10), ("c", 10)]);
    assert_eq!(sources.split(&shared()).await, Ok(all.clone()));
    sources.set_weights(&shared(), &all, &half).await.unwrap();
    let held =
        |most: u16| json!({ "Enabled": true, "ScalingConfig": { "MaximumConcurrency": most } });
    let expected = [("c".to_owned(), held(10)), ("s".to_owned(), held(10))];
    assert_eq!(written(&wire), expected);
    assert_eq!(sources.split(&shared()).await, Ok(half.clone()));
    sources.set_weights(&shared(), &half, &all).await.unwrap();
    let expected = [("c".to_owned(), json!({ "Enabled": false })), ("s".to_owned(), held(20))];
    assert_eq!(written(&wire), expected);
    assert_eq!(sources.split(&shared()).await, Ok(all));
}

#[tokio::test(start_paused = true)]
async fn two_mappings_of_which_one_was_changed_are_seen_through() {
    let wire = sharing(("Enabled", 20), ("Enabled", 10)).wire();
    let (from, to) = (split(&[("s", 20)]), split(&[("s", 10), ("c", 10)]));
    wire.services.sources.set_weights(&shared(), &from, &to).await.unwrap();
    let held = json!({ "Enabled": true, "ScalingConfig": { "MaximumConcurrency": 10 } });
    assert_eq!(written(&wire), [("s".to_owned(), held)]);
}

#[tokio::test]
async fn a_mapping_is_found_with_what_it_reads_and_who_else_does() {
    let mut own = mapping("m", STREAM, "clicks:1", "Enabled");
    own["LastProcessingResult"] = "PROBLEM: Function call failed".into();
    own["FilterCriteria"] = json!({ "Filters": [{ "Pattern": "b" }, { "Pattern": "a" }] });
    let wire = Aws::of([own, mapping("o", STREAM, "audit", "Disabled")]).wire();
    let at = EventSource::HandOver { mapping: "m".into(), drain: None, redrive: Redrive::Hold };
    let found = wire.services.sources.find(&at).await.unwrap();
    assert_eq!(found.resource, arn("m"));
    let [own] = &found.mappings[..] else { panic!("{found:?}") };
    assert_eq!((own.function.as_str(), own.source.as_str()), ("clicks:1", STREAM));
    assert_eq!(own.filters, ["a", "b"]);
    assert_eq!(own.problem.as_deref(), Some("PROBLEM: Function call failed"));
    let [other] = &found.others[..] else { panic!("{found:?}") };
    assert_eq!(other.state, MappingState::Disabled("USER_INITIATED".into()));
    let none = EventSource::HandOver { mapping: "x".into(), drain: None, redrive: Redrive::Hold };
    let absent = wire.services.sources.find(&none).await.unwrap_err().to_string();
    assert_eq!(absent, "event source mapping x does not exist");
}

#[tokio::test]
async fn what_a_mapping_does_not_tell_is_not_taken_for_good_news() {
    let read = async |field: &str| {
        let mut mapping = mapping("m", QUEUE, "orders:1", "Enabled");
        mapping.as_object_mut().unwrap().remove(field);
        Aws::of([mapping]).wire().services.sources.split(&handed(None)).await
    };
    for field in ["FunctionArn", "State"] {
        let lacking = read(field).await;
        assert!(matches!(lacking, Err(Error::Transient { .. })), "{field}: {lacking:?}");
    }
    assert_eq!(read("EventSourceMappingArn").await, Ok(split(&[("orders:1", 100)])));
    let unheld = sharing(("Enabled", 0), ("Disabled", 0)).wire();
    let most = split(&[("s", Weight::MAX.get())]);
    assert_eq!(unheld.services.sources.split(&shared()).await, Ok(most), "held to nothing");
}

#[tokio::test]
async fn marks_are_tags_of_the_mapping() {
    let mark = Mark::new("shop-1", "ann", Timestamp::from_millis(1_767_225_600_000), "/srv");
    let on = Owned::route(RouteService::EventSource, arn("m"));
    let body = json!({ "Tags": { on.key(&mark.run): mark.value() } }).to_string();
    let wire = Wire::new(move |_| (200, body.clone().into_bytes()));
    let tags = wire.services.tags();
    assert_eq!(tags.marks(&on).await, Ok(vec![mark.clone()]));
    tags.put(&on, &mark).await.unwrap();
    tags.remove(&on, &mark.run).await.unwrap();
    let sent = wire.sent();
    assert!(sent.iter().all(|sent| sent.uri.contains("event-source-mapping%3Am")), "{sent:?}");
}
