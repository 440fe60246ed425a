//! What is asked of SQS and made of its answers, over a wire that stays in the process (`wire.rs`).

use serde_json::{Value, json};

use super::wire::Wire;
use crate::{
    cloud::{AlarmNews, Error, QueueStanding, Queues},
    plan::Queue,
};

const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/checkout-alarms";

fn by_name() -> Queue {
    Queue::new("checkout-alarms")
}

/// A queue with these messages.
fn holding(messages: Value) -> Wire {
    Wire::new(move |sent| {
        let answer = match sent.operation.as_str() {
            "GetQueueUrl" => json!({ "QueueUrl": URL }),
            "ReceiveMessage" => json!({ "Messages": messages }),
            _ => json!({ "Successful": [], "Failed": [], "Attributes": {} }),
        };
        (200, answer.to_string().into_bytes())
    })
}

fn bodies(wire: &Wire) -> Vec<(String, Value)> {
    let read = |body: &[u8]| serde_json::from_slice(body).unwrap();
    wire.sent().iter().map(|sent| (sent.operation.clone(), read(&sent.body))).collect()
}

#[tokio::test]
async fn news_names_alarms_and_whatever_else_was_in_the_queue_is_only_deleted() {
    let event = json!({
        "version": "0", "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change",
        "resources": ["arn:aws:cloudwatch:eu-west-1:111122223333:alarm:checkout-5xx"],
        "detail": { "alarmName": "checkout-5xx", "state": { "value": "ALARM" } },
    });
    let wire = holding(json!([
        { "MessageId": "1", "ReceiptHandle": "first", "Body": event.to_string() },
        { "MessageId": "2", "ReceiptHandle": "second", "Body": "not even JSON" },
        { "MessageId": "3", "ReceiptHandle": "third", "Body": "{\"detail\": {}}" },
    ]));
    let news = wire.services.queues.hear(&by_name()).await.unwrap();
    assert_eq!(news.alarms.into_iter().collect::<Vec<_>>(), ["checkout-5xx"]);
    assert_eq!(news.receipts, ["first", "second", "third"]);
    let asked = json!({ "QueueUrl": URL, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20 });
    let expected = [
        ("GetQueueUrl".to_owned(), json!({ "QueueName": "checkout-alarms" })),
        ("ReceiveMessage".to_owned(), asked),
    ];
    assert_eq!(bodies(&wire), expected);

    wire.services.queues.forget(&by_name(), &news.receipts).await.unwrap();
    let [(operation, body)] = &bodies(&wire)[..] else { panic!("the URL is known by now") };
    assert_eq!(operation, "DeleteMessageBatch");
    let entry = |id: &str, receipt: &str| json!({ "Id": id, "ReceiptHandle": receipt });
    let all = [entry("0", "first"), entry("1", "second"), entry("2", "third")];
    assert_eq!(body["Entries"], json!(all));
}

#[tokio::test]
async fn a_url_is_taken_as_it_is_and_looked_at_before_a_run() {
    let wire = holding(json!([]));
    wire.services.queues.find(&Queue::new(URL)).await.unwrap();
    let asked = json!({ "QueueUrl": URL, "AttributeNames": ["QueueArn"] });
    assert_eq!(bodies(&wire), [("GetQueueAttributes".to_owned(), asked)]);
}

/// How a queue stands that answers with these attributes.
async fn standing(queue: Queue, attributes: Value) -> (Wire, Result<QueueStanding, Error>) {
    let wire = Wire::new(move |sent| {
        let answer = match sent.operation.as_str() {
            "GetQueueUrl" => json!({ "QueueUrl": URL }),
            _ => json!({ "Attributes": attributes }),
        };
        (200, answer.to_string().into_bytes())
    });
    let found = wire.services.queues.standing(&queue).await;
    (wire, found)
}

#[tokio::test]
async fn a_queue_tells_how_many_messages_it_has_and_where_those_go_that_are_given_up() {
    let policy = json!({
        "deadLetterTargetArn": "arn:aws:sqs:eu-west-1:111122223333:orders-dead", "maxReceiveCount": "3",
    });
    let attributes = json!({
        "ApproximateNumberOfMessages": "12", "ApproximateNumberOfMessagesNotVisible": "3",
        "RedrivePolicy": policy.to_string(),
    });
    let (wire, found) = standing(by_name(), attributes.clone()).await;
    let dead_letters = Some(Queue::new("orders-dead"));
    assert_eq!(found.unwrap(), QueueStanding { visible: 12, hidden: 3, dead_letters });
    let [_, (operation, body)] = &bodies(&wire)[..] else { panic!("a name is looked up") };
    assert_eq!(operation, "GetQueueAttributes");
    let names =
        ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "RedrivePolicy"];
    assert_eq!(body["AttributeNames"], json!(names));
    let (_, by_url) = standing(Queue::new(URL), attributes).await;
    let beside = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-dead";
    assert_eq!(by_url.unwrap().dead_letters, Some(Queue::new(beside)));
}

#[tokio::test]
async fn a_count_that_is_not_told_is_not_0_and_a_policy_that_is_none_is_no_answer() {
    let both = json!({
        "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0",
    });
    let (_, found) = standing(by_name(), both.clone()).await;
    assert_eq!(found.unwrap(), QueueStanding { visible: 0, hidden: 0, dead_letters: None });
    for missing in ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] {
        let mut attributes = both.clone();
        attributes.as_object_mut().unwrap().remove(missing);
        let (_, found) = standing(by_name(), attributes).await;
        let error = found.unwrap_err();
        assert!(error.is_passing(), "{error:?}");
        assert!(error.to_string().contains(&format!("came without its {missing},")), "{error}");
    }
    let mut attributes = both;
    attributes["RedrivePolicy"] = json!("{}");
    let (_, found) = standing(by_name(), attributes).await;
    assert!(found.unwrap_err().to_string().contains("came without its RedrivePolicy,"));
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_told_from_one_that_may_not_be_read() {
    let refusing = |code: &'static str| {
        Wire::new(move |_| {
            (400, json!({ "__type": code, "message": "no" }).to_string().into_bytes())
        })
    };
    let missing = refusing("com.amazonaws.sqs#QueueDoesNotExist");
    let error = missing.services.queues.find(&by_name()).await.unwrap_err();
    assert_eq!(error, Error::Absent { what: "queue checkout-alarms".into() });
    let denied = refusing("com.amazon.coral.service#AccessDeniedException");
    let error = denied.services.queues.hear(&Queue::new(URL)).await.unwrap_err();
    assert!(matches!(error, Error::Denied { action, .. } if action == "sqs:ReceiveMessage"));
}
