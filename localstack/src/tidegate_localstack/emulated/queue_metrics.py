"""The metrics of `AWS/SQS`, by queue.

LocalStack publishes the depth of its queues once a minute, and not how old the oldest message is,
which says best whether those who read a queue keep up. Each value goes through its gateway, too.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localstack.services.sqs.models import FifoQueue, sqs_stores

from tidegate_localstack.emulated.settings import SETTINGS

NAMESPACE = "AWS/SQS"
UNITS = {"ApproximateAgeOfOldestMessage": "Seconds", "SentMessageSize": "Bytes"}
"""All others are counts."""
POISONED = 3
"""A message received more often has no age: AWS puts it behind the others."""

_published = {"at": 0.0}


class Counts:
    """What requests to queues are counted as; it has the methods of LocalStack's dispatcher."""

    def dispatch_metric_message_sent(self, queue: Any, message_body_size: int) -> None:
        """Count a message that was sent."""
        size = float(message_body_size)
        publish(queue, {"NumberOfMessagesSent": 1.0, "SentMessageSize": size})

    def dispatch_metric_message_deleted(self, queue: Any, deleted: int = 1) -> None:
        """Count messages that were deleted."""
        publish(queue, {"NumberOfMessagesDeleted": float(deleted)})

    def dispatch_metric_received(self, queue: Any, received: int) -> None:
        """Count messages that were received, or that there were none."""
        name = "NumberOfMessagesReceived" if received else "NumberOfEmptyReceives"
        publish(queue, {name: float(received or 1)})

    def shutdown(self) -> None:
        """Nothing is left to do."""


def tick(now: float) -> None:
    """Publish how full each queue is."""
    if now - _published["at"] < SETTINGS.metrics_seconds:
        return
    _published["at"] = now
    for _, _, store in sqs_stores.iter_stores():
        for queue in list(store.queues.values()):
            publish(queue, depth_of(queue))


def depth_of(queue: Any) -> dict[str, float]:
    """How much there is in a queue, and how old it is."""
    return {
        "ApproximateNumberOfMessagesVisible": float(queue.approximate_number_of_messages),
        "ApproximateNumberOfMessagesNotVisible": float(
            queue.approximate_number_of_messages_not_visible
        ),
        "ApproximateNumberOfMessagesDelayed": float(queue.approximate_number_of_messages_delayed),
        "ApproximateAgeOfOldestMessage": age_of_oldest(queue),
    }


def age_of_oldest(queue: Any) -> float:
    """How long the oldest message has been in a queue that is visible, or in flight."""
    is_fifo = isinstance(queue, FifoQueue)
    with queue.mutex:
        messages = list(queue.inflight)
        if is_fifo:
            groups = list(queue.message_groups.values())
            messages += [each for group in groups for each in list(group.messages)]
        else:
            messages += list(queue.visible.queue)
    since = [
        each.created
        for each in messages
        if not each.deleted and (is_fifo or each.receive_count <= POISONED)
    ]
    return max(0.0, time.time() - min(since)) if since else 0.0


def publish(queue: Any, values: Mapping[str, float]) -> None:
    """Publish values of a queue."""
    from tidegate_localstack.emulated.alarms import metric_store  # noqa: PLC0415

    at = datetime.now(UTC)
    data = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
            "Timestamp": at,
            "Value": value,
            "Unit": UNITS.get(name, "Count"),
        }
        for name, value in values.items()
    ]
    metric_store().add_metric_data(queue.account_id, queue.region, NAMESPACE, data)
