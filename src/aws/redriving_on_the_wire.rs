//! What is asked of SQS to bring back messages that a candidate has failed, and when, over a wire that stays in the process
//! (`wire.rs`): once the candidate reads no more, and never while a task is under way.

use serde_json::json;

use super::{
    mappings_on_the_wire::{Aws, QUEUE, STREAM, arn, mapping, sharing, split},
    wire::Wire,
};
use crate::{
    cloud::{Error, Mappings, Redriving, SetWeights},
    plan::{EventSource, Redrive},
    rollout::{MappingPlace, Redriven, Split},
};

const DEAD: &str = "arn:aws:sqs:eu-west-1:1:orders-dead";

fn handed(state: &str, function: &str) -> Aws {
    Aws::of([mapping("m", QUEUE, function, state)]).keeping(Some(0))
}

/// Handed from one to the other, of whom the second is the candidate.
async fn moved(wire: &Wire, from: &Split, to: &Split) -> Result<(), Error> {
    let redriven = Some(Redriven { dead_letters: DEAD, candidate: "orders:2" });
    let place = MappingPlace::HandOver { arn: &arn("m"), drain: None, redriven }.written();
    wire.services.sources.set_weights(&place, from, to).await
}

async fn back(wire: &Wire) -> Result<(), Error> {
    moved(wire, &split(&[("orders:2", 100)]), &split(&[("orders:1", 100)])).await
}

/// What was written to the mappings and asked of tasks, in order.
fn story(wire: &Wire) -> Vec<String> {
    let told = wire.sent().into_iter().filter_map(|sent| {
        if sent.operation.contains("MessageMoveTask") {
            return Some(sent.operation);
        }
        let is_change = sent.uri.contains("event-source-mappings/") && !sent.body.is_empty();
        let change: serde_json::Value = serde_json::from_slice(&sent.body).ok()?;
        is_change.then(|| format!("{} {}", sent.operation, change["Enabled"]))
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn what_the_candidate_failed_comes_back_when_it_is_off_and_is_followed_when_the_other_is_on()
{
    let wire = handed("Enabled", "orders:2").wire();
    back(&wire).await.unwrap();
    let expected = [
        "m false",
        "ListMessageMoveTasks",
        "StartMessageMoveTask",
        "m true",
        "ListMessageMoveTasks",
        "ListMessageMoveTasks",
        // What the candidate failed last is a dead letter only now.
        "ListMessageMoveTasks",
        "StartMessageMoveTask",
        "ListMessageMoveTasks",
        "ListMessageMoveTasks",
    ];
    assert_eq!(story(&wire), expected);
    back(&wire).await.unwrap();
    assert_eq!(story(&wire), [""; 0], "it is there already");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_moved_on_the_way_forward() {
    let wire = handed("Enabled", "orders:1").wire();
    moved(&wire, &split(&[("orders:1", 100)]), &split(&[("orders:2", 100)])).await.unwrap();
    assert_eq!(story(&wire), ["m false", "m true"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_over_while_nobody_reads_starts_no_second_task() {
    let mut aws = handed("Disabled", "orders:2");
    let old = json!({ "Status": "FAILED", "StartedTimestamp": 7, "FailureReason": "old" });
    aws.tasks = vec![json!({ "Status": "RUNNING", "StartedTimestamp": 9 }), old];
    let wire = aws.wire();
    back(&wire).await.unwrap();
    let expected = ["ListMessageMoveTasks", "m true", "ListMessageMoveTasks"];
    assert_eq!(story(&wire)[..3], expected);
}

#[tokio::test(start_paused = true)]
async fn users_do_not_wait_for_messages_that_do_not_come_back_and_it_is_told() {
    for (ends, words) in [
        (Ok("FAILED"), "has FAILED (CouldNotDetermineMessageSource)"),
        (Ok("CANCELLED"), "has CANCELLED"),
        (Err("AccessDeniedException"), "sqs:StartMessageMoveTask"),
    ] {
        let mut aws = handed("Enabled", "orders:2");
        aws.task_ends = ends;
        let wire = aws.wire();
        let told = back(&wire).await.unwrap_err();
        let hint = told.hint();
        assert!(format!("{told} {hint}").contains(words), "{told} {hint}");
        assert!(story(&wire).contains(&"m true".to_owned()), "{ends:?}: the stable side reads");
    }
    let mut aws = handed("Enabled", "orders:2");
    aws.task_ends = Ok("RUNNING");
    let told = back(&aws.wire()).await.unwrap_err().to_string();
    assert!(told.contains("takes longer than five minutes"), "{told}");
    assert!(told.contains(&format!("start-message-move-task --source-arn {DEAD}")), "{told}");
}

#[tokio::test(start_paused = true)]
async fn of_two_mappings_the_candidates_is_off_before_anything_is_moved() {
    let aws = sharing(("Enabled", 10), ("Enabled", 10)).keeping(Some(0));
    let wire = aws.wire();
    let redriven = Some(Redriven { dead_letters: DEAD, candidate: "c" });
    let (stable, candidate) = (arn("s"), arn("c"));
    let place = MappingPlace::SideBySide { stable: &stable, candidate: &candidate, redriven };
    let (half, all) = (split(&[("s", 10), ("c", 10)]), split(&[("s", 20)]));
    wire.services.sources.set_weights(&place.written(), &half, &all).await.unwrap();
    let expected = ["c false", "ListMessageMoveTasks", "StartMessageMoveTask", "s true"];
    assert_eq!(story(&wire)[..4], expected);
}

#[tokio::test]
async fn where_dead_letters_go_and_whether_there_are_any_is_told_beforehand() {
    let told = async |dead: Option<u32>, source: &str, redrive: Redrive| {
        let aws = Aws::of([mapping("m", source, "orders:1", "Enabled")]);
        let wire = aws.keeping(dead).wire();
        let at = EventSource::HandOver { mapping: "m".into(), drain: None, redrive };
        wire.services.sources.find(&at).await.unwrap().redrive
    };
    let from = Redriving::From(DEAD.to_owned());
    assert_eq!(told(Some(0), QUEUE, Redrive::BringBack).await, from);
    let occupied = Redriving::Occupied { dead_letters: DEAD.to_owned(), messages: 3 };
    assert_eq!(told(Some(3), QUEUE, Redrive::BringBack).await, occupied);
    assert_eq!(told(None, QUEUE, Redrive::BringBack).await, Redriving::Nowhere);
    assert_eq!(told(None, STREAM, Redrive::BringBack).await, Redriving::Nowhere);
    assert_eq!(told(Some(3), QUEUE, Redrive::Hold).await, Redriving::Held);
}
