"""Queues as a gate needs them: how full they are, how old what is in them, and moving it back."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conftest import eventually, refused_as
from mapped import waiting
from test_function_events import Queue

Aws = Callable[[str], Any]


class Pair:
    """A queue and the dead-letter queue of it."""

    def __init__(self, aws: Aws) -> None:
        self.sqs, self.cloudwatch = aws("sqs"), aws("cloudwatch")
        self.name = f"queue-{uuid.uuid4().hex[:8]}"
        self.queue, self.dead = (Queue(self.sqs, f"{self.name}{part}") for part in ("", "-dead"))
        policy = json.dumps({"deadLetterTargetArn": self.dead.arn, "maxReceiveCount": 1})
        self.sqs.set_queue_attributes(QueueUrl=self.queue.url, Attributes={"RedrivePolicy": policy})

    def send(self, number: int) -> None:
        for each in range(number):
            self.sqs.send_message(QueueUrl=self.queue.url, MessageBody=json.dumps({"id": each}))

    def receive(self, queue: Queue, **options: Any) -> list[dict[str, Any]]:
        told = self.sqs.receive_message(
            QueueUrl=queue.url, MaxNumberOfMessages=10, AttributeNames=["All"], **options
        )
        return list(told.get("Messages", []))

    def fail(self, number: int) -> None:
        """Let that many messages become dead letters."""
        self.send(number)
        eventually(lambda: self.receive(self.queue, VisibilityTimeout=0) or self._dead() == number)
        eventually(lambda: self.receive(self.queue, VisibilityTimeout=0) or self._dead() == number)
        assert eventually(lambda: self._dead() == number)

    def _dead(self) -> int:
        self.receive(self.queue, VisibilityTimeout=0)
        return waiting(self.sqs, self.dead)[0]

    def move(self, **options: Any) -> str:
        handle: str = self.sqs.start_message_move_task(SourceArn=self.dead.arn, **options)[
            "TaskHandle"
        ]
        return handle

    def task(self) -> dict[str, Any]:
        """The latest task."""
        told = self.sqs.list_message_move_tasks(SourceArn=self.dead.arn)["Results"]
        return dict(told[0]) if told else {}

    def metric(self, name: str, stat: str = "Maximum", queue: str = "") -> float | None:
        now = datetime.now(UTC)
        dimension = {"Name": "QueueName", "Value": queue or self.name}
        metric = {"Namespace": "AWS/SQS", "MetricName": name, "Dimensions": [dimension]}
        answer = self.cloudwatch.get_metric_data(
            MetricDataQueries=[
                {"Id": "m", "MetricStat": {"Metric": metric, "Period": 1, "Stat": stat}}
            ],
            StartTime=now - timedelta(minutes=1),
            EndTime=now + timedelta(seconds=1),
        )
        values = answer["MetricDataResults"][0]["Values"]
        return float(values[0]) if values else None


@pytest.fixture
def pair(aws: Aws) -> Pair:
    return Pair(aws)


def test_how_full_a_queue_is_shows_in_metrics(pair: Pair) -> None:
    pair.send(3)
    eventually(lambda: pair.metric("ApproximateNumberOfMessagesVisible") == 3)
    assert len(pair.receive(pair.queue)) == 3
    eventually(lambda: pair.metric("ApproximateNumberOfMessagesNotVisible") == 3)
    assert pair.metric("ApproximateNumberOfMessagesVisible") == 0
    assert pair.metric("ApproximateNumberOfMessagesDelayed") == 0


def test_the_age_of_the_oldest_message_grows_until_it_is_deleted(pair: Pair) -> None:
    pair.send(1)
    eventually(lambda: (pair.metric("ApproximateAgeOfOldestMessage") or 0) > 1.5)
    (message,) = pair.receive(pair.queue)
    age = eventually(lambda: pair.metric("ApproximateAgeOfOldestMessage"))
    assert age > 1.5
    pair.sqs.delete_message(QueueUrl=pair.queue.url, ReceiptHandle=message["ReceiptHandle"])
    eventually(lambda: pair.metric("ApproximateAgeOfOldestMessage") == 0)


def test_a_dead_letter_is_as_old_as_it_has_been_dead(pair: Pair) -> None:
    pair.send(1)
    eventually(lambda: (pair.metric("ApproximateAgeOfOldestMessage") or 0) > 1.5)
    pair.receive(pair.queue, VisibilityTimeout=0)
    pair.receive(pair.queue, VisibilityTimeout=0)
    dead = f"{pair.name}-dead"
    eventually(lambda: pair.metric("ApproximateNumberOfMessagesVisible", queue=dead) == 1)
    assert (pair.metric("ApproximateAgeOfOldestMessage", queue=dead) or 0) < 1.5


def test_a_message_received_over_and_over_has_no_age(aws: Aws, pair: Pair) -> None:
    url = aws("sqs").create_queue(QueueName=f"{pair.name}-poison")["QueueUrl"]
    pair.sqs.send_message(QueueUrl=url, MessageBody="{}")
    for _ in range(4):
        pair.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    name = f"{pair.name}-poison"
    eventually(lambda: pair.metric("ApproximateNumberOfMessagesVisible", queue=name) == 1)
    eventually(lambda: pair.metric("ApproximateAgeOfOldestMessage", queue=name) == 0)


def test_what_is_sent_received_and_deleted_is_counted(pair: Pair) -> None:
    pair.send(2)
    for message in pair.receive(pair.queue):
        handle = message["ReceiptHandle"]
        pair.sqs.delete_message(QueueUrl=pair.queue.url, ReceiptHandle=handle)
    assert pair.receive(pair.queue) == []
    names = ("Sent", "Received", "Deleted")
    now = datetime.now(UTC)
    for name in names:
        told = pair.cloudwatch.get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName=f"NumberOfMessages{name}",
            Dimensions=[{"Name": "QueueName", "Value": pair.name}],
            StartTime=now - timedelta(minutes=1),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )
        assert sum(each["Sum"] for each in told["Datapoints"]) == 2, name
    assert pair.metric("NumberOfEmptyReceives") == 1


def test_dead_letters_move_back_as_new_messages(pair: Pair) -> None:
    pair.fail(3)
    before = {each["MessageId"] for each in pair.receive(pair.dead, VisibilityTimeout=0)}
    pair.move()
    eventually(lambda: pair.task()["Status"] == "COMPLETED")
    task = pair.task()
    assert task["ApproximateNumberOfMessagesMoved"] == 3
    assert task["ApproximateNumberOfMessagesToMove"] == 3
    assert "TaskHandle" not in task
    assert abs(task["StartedTimestamp"] / 1000 - time.time()) < 60
    messages = pair.receive(pair.queue)
    assert len(messages) == 3
    assert not before & {each["MessageId"] for each in messages}
    assert {each["Attributes"]["ApproximateReceiveCount"] for each in messages} == {"1"}
    assert waiting(pair.sqs, pair.dead) == (0, 0)


def test_dead_letters_can_move_elsewhere(aws: Aws, pair: Pair) -> None:
    pair.fail(2)
    other = Queue(aws("sqs"), f"{pair.name}-other")
    pair.move(DestinationArn=other.arn)
    assert len(other.bodies(2)) == 2
    assert pair.task()["DestinationArn"] == other.arn


def test_a_slow_move_can_be_cancelled(pair: Pair) -> None:
    pair.fail(5)
    handle = pair.move(MaxNumberOfMessagesPerSecond=1)
    assert pair.task()["TaskHandle"] == handle
    with refused_as("InvalidParameterValue", "already a task running"):
        pair.move()
    assert pair.sqs.cancel_message_move_task(TaskHandle=handle)[
        "ApproximateNumberOfMessagesMoved"
    ] in (0, 1)
    eventually(lambda: pair.task()["Status"] == "CANCELLED")
    moved = pair.task()["ApproximateNumberOfMessagesMoved"]
    assert waiting(pair.sqs, pair.queue)[0] == moved < 5
    assert waiting(pair.sqs, pair.dead)[0] == 5 - moved
    with refused_as("AWS.SimpleQueueService.UnsupportedOperation"):
        pair.sqs.cancel_message_move_task(TaskHandle=handle)


def test_what_never_came_from_a_queue_cannot_move_back(pair: Pair) -> None:
    pair.sqs.send_message(QueueUrl=pair.dead.url, MessageBody="{}")
    pair.move()
    eventually(lambda: pair.task()["Status"] == "FAILED")
    assert pair.task()["FailureReason"] == "CouldNotDetermineMessageSource"
    assert eventually(lambda: waiting(pair.sqs, pair.dead) == (1, 0))


def test_only_dead_letter_queues_can_be_moved_from(pair: Pair) -> None:
    with refused_as("InvalidParameterValue", "must be configured as a Dead Letter Queue"):
        pair.sqs.start_message_move_task(SourceArn=pair.queue.arn)
    with refused_as("ResourceNotFoundException", "SourceArn"):
        pair.sqs.start_message_move_task(SourceArn=f"{pair.queue.arn}-nowhere")
    with refused_as("InvalidParameterValue", "MaxNumberOfMessagesPerSecond"):
        pair.move(MaxNumberOfMessagesPerSecond=501)
