//! Queues of SQS: how they stand, and news of alarms from one that an EventBridge rule fills.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_sqs::{
    Client,
    config::{Builder, StalledStreamProtectionConfig, timeout::TimeoutConfig},
    types::{DeleteMessageBatchRequestEntry, QueueAttributeName},
};
use serde::Deserialize;

use super::error::classed;
use crate::{
    cloud::{AlarmNews, Error, News, Operation, QueueStanding, Queues},
    plan::Queue,
};

/// The longest that SQS lets a reader wait.
const WAIT_SECONDS: i32 = 20;
/// The most that it hands out at a time, and deletes.
const MESSAGES_A_CALL: i32 = 10;

/// The Simple Queue Service.
#[derive(Debug)]
pub(super) struct SimpleQueues {
    pub(super) client: Client,
    /// The URLs of queues that are known by name.
    urls: Mutex<BTreeMap<Queue, String>>,
}

/// Waiting is what these calls do: an attempt may take longer than a long poll, and silence is no stalled connection.
pub(super) fn patient(builder: Builder) -> Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(Duration::from_secs(30))
        .operation_attempt_timeout(Duration::from_secs(30))
        .operation_timeout(Duration::from_mins(1));
    builder
        .timeout_config(timeouts.build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

impl SimpleQueues {
    pub(super) fn new(client: Client) -> Self {
        Self { client, urls: Mutex::default() }
    }

    async fn url(&self, queue: &Queue) -> Result<String, Error> {
        if queue.is_url() {
            return Ok(queue.as_str().to_owned());
        }
        if let Some(url) = self.urls.lock().unwrap_or_else(PoisonError::into_inner).get(queue) {
            return Ok(url.clone());
        }
        let answer = self.client.get_queue_url().queue_name(queue.as_str()).send().await;
        let answer = answer.map_err(classed(Operation::GetQueueUrl, &named(queue)))?;
        let absent = || Error::Absent { what: format!("the URL of {}", named(queue)) };
        let url = answer.queue_url.filter(|url| !url.is_empty()).ok_or_else(absent)?;
        self.urls.lock().unwrap_or_else(PoisonError::into_inner).insert(queue.clone(), url.clone());
        Ok(url)
    }

    /// Its resource policy, where it has one.
    pub(super) async fn policy(&self, queue: &Queue) -> Result<Option<String>, Error> {
        let call = self.client.get_queue_attributes().queue_url(self.url(queue).await?);
        let call = call.attribute_names(QueueAttributeName::Policy).send();
        let answer = call.await;
        let answer = answer.map_err(classed(Operation::GetQueueAttributes, &named(queue)))?;
        let policy = answer.attributes.and_then(|mut all| all.remove(&QueueAttributeName::Policy));
        Ok(policy.filter(|policy| !policy.is_empty()))
    }
}

pub(super) fn named(queue: &Queue) -> String {
    format!("queue {queue}")
}

#[async_trait]
impl Queues for SimpleQueues {
    async fn find(&self, queue: &Queue) -> Result<(), Error> {
        let url = self.url(queue).await?;
        if queue.is_url() {
            let call = self.client.get_queue_attributes().queue_url(url);
            let call = call.attribute_names(QueueAttributeName::QueueArn).send();
            call.await.map_err(classed(Operation::GetQueueAttributes, &named(queue)))?;
        }
        Ok(())
    }

    async fn standing(&self, queue: &Queue) -> Result<QueueStanding, Error> {
        let call = self.client.get_queue_attributes().queue_url(self.url(queue).await?);
        let call = call.set_attribute_names(Some(STANDING.to_vec())).send();
        let answer = call.await;
        let answer = answer.map_err(classed(Operation::GetQueueAttributes, &named(queue)))?;
        let attributes = answer.attributes.unwrap_or_default();
        standing(queue, &attributes)
    }
}

#[async_trait]
impl AlarmNews for SimpleQueues {
    async fn hear(&self, queue: &Queue) -> Result<News, Error> {
        let call = self
            .client
            .receive_message()
            .queue_url(self.url(queue).await?)
            .max_number_of_messages(MESSAGES_A_CALL)
            .wait_time_seconds(WAIT_SECONDS);
        let answer =
            call.send().await.map_err(classed(Operation::ReceiveMessage, &named(queue)))?;
        let mut news = News::default();
        for message in answer.messages.unwrap_or_default() {
            news.alarms.extend(alarm(message.body().unwrap_or_default()));
            news.receipts.extend(message.receipt_handle);
        }
        Ok(news)
    }

    async fn forget(&self, queue: &Queue, receipts: &[String]) -> Result<(), Error> {
        let mut call = self.client.delete_message_batch().queue_url(self.url(queue).await?);
        for (number, receipt) in receipts.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder();
            let entry = entry.id(number.to_string()).receipt_handle(receipt).build();
            let invalid = |error: aws_sdk_sqs::error::BuildError| Error::Rejected {
                operation: Operation::DeleteMessageBatch,
                message: error.to_string(),
            };
            call = call.entries(entry.map_err(invalid)?);
        }
        // One that could not be deleted comes again, which costs a question.
        call.send().await.map(|_| ()).map_err(classed(Operation::DeleteMessageBatch, &named(queue)))
    }
}

/// What a queue is asked to tell of how it stands.
const STANDING: [QueueAttributeName; 3] = [
    QueueAttributeName::ApproximateNumberOfMessages,
    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    QueueAttributeName::RedrivePolicy,
];

/// A number that is not told is not 0.
fn standing(
    queue: &Queue,
    attributes: &HashMap<QueueAttributeName, String>,
) -> Result<QueueStanding, Error> {
    let unusable = |name: &QueueAttributeName| Error::Transient {
        operation: Operation::GetQueueAttributes,
        message: format!("{} came without its {name}, or with one that is none", named(queue)),
    };
    let count = |name: QueueAttributeName| {
        let told = attributes.get(&name).and_then(|count| count.parse().ok());
        told.ok_or_else(|| unusable(&name))
    };
    let policy = QueueAttributeName::RedrivePolicy;
    let dead_letters = match attributes.get(&policy).filter(|policy| !policy.is_empty()) {
        None => None,
        Some(told) => {
            let policy: RedrivePolicy =
                serde_json::from_str(told).map_err(|_| unusable(&policy))?;
            let name = policy.dead_letter_target_arn;
            // It has to be in the same account and region.
            Some(queue.beside(name.rsplit(':').next().unwrap_or(&name)))
        }
    };
    Ok(QueueStanding {
        visible: count(QueueAttributeName::ApproximateNumberOfMessages)?,
        hidden: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)?,
        dead_letters,
    })
}

/// Where messages go that are received too often.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
}

/// What matters of an event: whose state changed. The rule that sent it need not have left the rest in it.
#[derive(Deserialize)]
struct Event {
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    alarm_name: String,
}

fn alarm(body: &str) -> Option<String> {
    serde_json::from_str(body).ok().map(|event: Event| event.detail.alarm_name)
}
