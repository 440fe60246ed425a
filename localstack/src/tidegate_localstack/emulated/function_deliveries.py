"""Where an event goes after its function has succeeded, or failed for good: a queue or a topic.

A destination gets a record of what happened, a dead-letter queue the event itself, with what went
wrong in the attributes of the message.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localstack.aws.connect import connect_to

from tidegate_localstack.emulated import function_metrics
from tidegate_localstack.emulated.function_invocations import Target, arn_of
from tidegate_localstack.emulated.function_worker import Outcome

LOG = logging.getLogger(__name__)

SUCCESS = "Success"
EXHAUSTED = "RetriesExhausted"
TOO_OLD = "EventAgeExceeded"
WORDS_KEPT = 1024
"""How much of the error a message to a dead-letter queue has in its attribute."""


@dataclass(frozen=True)
class Ending:
    """How it ended with an event."""

    condition: str
    request_id: str
    payload: str
    attempts: int
    outcome: Outcome | None
    """What the last attempt came to; none where all were throttled."""


def record_of(target: Target, ending: Ending) -> dict[str, Any]:
    """What a destination is told of an event."""
    invoked, now = target.invoked, datetime.now(UTC)
    told: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "requestContext": {
            "requestId": ending.request_id,
            "functionArn": arn_of(invoked, invoked.qualifier or invoked.version),
            "condition": ending.condition,
            "approximateInvokeCount": ending.attempts,
        },
        "requestPayload": json.loads(ending.payload),
    }
    if ending.outcome is not None:
        response: dict[str, Any] = {"statusCode": 200, "executedVersion": invoked.version}
        if ending.outcome.failed:
            response["functionError"] = "Unhandled"
        told["responseContext"] = response
        told["responsePayload"] = json.loads(ending.outcome.payload)
    return told


def send_record(destination: str, target: Target, ending: Ending) -> None:
    """Tell a destination; one that cannot be told counts in a metric."""
    text = json.dumps(record_of(target, ending))
    _send(destination, text, {}, target, "DestinationDeliveryFailures")


def send_dead_letter(queue: str, target: Target, ending: Ending) -> None:
    """Put an event that was given up into its dead-letter queue."""
    attributes = {"RequestID": ("String", ending.request_id)}
    if ending.outcome is not None:
        words = str(json.loads(ending.outcome.payload).get("errorMessage", ""))
        attributes["ErrorCode"] = ("Number", "200")
        attributes["ErrorMessage"] = ("String", words[:WORDS_KEPT] or "unknown")
    _send(queue, ending.payload, attributes, target, "DeadLetterErrors")


def _send(
    arn: str, text: str, attributes: dict[str, tuple[str, str]], target: Target, failures: str
) -> None:
    described = {
        name: {"DataType": kind, "StringValue": value} for name, (kind, value) in attributes.items()
    }
    try:
        deliver(arn, text, described)
    except Exception:
        LOG.exception("an event of %s did not get to %s", target.arn, arn)
        function_metrics.publish(target.invoked, {failures: 1.0}, datetime.now(UTC))


def deliver(arn: str, text: str, attributes: dict[str, Any]) -> None:
    """Send a text to a queue or topic."""
    _, _, service, region, account, name = arn.split(":", 5)
    clients = connect_to(aws_access_key_id=account, region_name=region)
    if service == "sqs":
        url = clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        clients.sqs.send_message(QueueUrl=url, MessageBody=text, MessageAttributes=attributes)
    elif service == "sns":
        clients.sns.publish(TopicArn=arn, Message=text, MessageAttributes=attributes)
    else:
        raise NotImplementedError(f"events go to queues and topics alone here, not to {arn}")
