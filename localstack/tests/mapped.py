"""Queues and event source mappings of a test, and a function that notes what it was given."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

from conftest import eventually
from deployed import Function
from test_function_events import Queue

Aws = Callable[[str], Any]

NOTING = """
import base64, boto3, json, os, time

sqs = boto3.client("sqs")

def told(record):
    if "body" in record:
        return json.loads(record["body"]), record["messageId"]
    if "kinesis" in record:
        part = record["kinesis"]
        return json.loads(base64.b64decode(part["data"])), part["sequenceNumber"]
    part = record["dynamodb"]
    return {"id": part["Keys"]["id"]["S"]}, part["SequenceNumber"]

def handler(event, context):
    began, failed = time.time(), []
    for record in event["Records"]:
        body, identifier = told(record)
        time.sleep(body.get("seconds", 0))
        if context.function_version in body.get("fail", ()):
            failed.append(identifier)
    note = {
        "ids": [told(record)[0].get("id") for record in event["Records"]],
        "version": context.function_version,
        "began": began,
        "ended": time.time(),
        "failed": len(failed),
        "first": event["Records"][0],
    }
    sqs.send_message(QueueUrl=os.environ["NOTES"], MessageBody=json.dumps(note))
    if failed and os.environ.get("REPORTS"):
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
    if failed:
        raise RuntimeError("asked to")
"""
"""What a record says of how it is to be handled is in its body: `id`, `seconds`, `fail`."""
EVERY = ["$LATEST", "1", "2"]
"""For `fail`: whichever version."""


class Reader:
    """A function that notes what it was given, and mappings that give it something."""

    def __init__(self, aws: Aws, **variables: str) -> None:
        self.name = f"mapped-{uuid.uuid4().hex[:8]}"
        self.sqs = aws("sqs")
        self.notes = Queue(self.sqs, f"{self.name}-notes")
        told = {"Variables": {"NOTES": self.notes.url, **variables}}
        self.function = Function(self.name, NOTING, Timeout=5, Environment=told)
        self.lambda_ = self.function.client

    def queue(self, part: str = "in", **attributes: str) -> Queue:
        """A queue of its own, which hides what is received for a short while."""
        queue = Queue(self.sqs, f"{self.name}-{part}")
        given = {"VisibilityTimeout": "6", **attributes}
        self.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes=given)
        return queue

    def map(self, source: str, qualifier: str | None = None, **options: Any) -> str:
        """Map a source to the function, and wait until it is read."""
        name = f"{self.name}:{qualifier}" if qualifier else self.name
        made = self.lambda_.create_event_source_mapping(
            EventSourceArn=source, FunctionName=name, **options
        )
        assert made["State"] == "Creating"
        identifier: str = made["UUID"]
        self.comes_to(identifier, "Enabled")
        return identifier

    def update(self, identifier: str, **options: Any) -> dict[str, Any]:
        """Change a mapping."""
        told: dict[str, Any] = self.lambda_.update_event_source_mapping(UUID=identifier, **options)
        return told

    def state(self, identifier: str) -> str:
        return str(self.lambda_.get_event_source_mapping(UUID=identifier)["State"])

    def comes_to(self, identifier: str, state: str) -> None:
        """Wait until a mapping is in a state."""
        eventually(lambda: self.state(identifier) == state)

    def send(self, queue: Queue, *bodies: dict[str, Any], **options: Any) -> None:
        """Put messages into a queue."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=queue.url, MessageBody=json.dumps(body), **options)

    def noted(self) -> list[dict[str, Any]]:
        """The notes taken so far."""
        return [json.loads(message["Body"]) for message in self.notes.messages()]

    def ids(self) -> Counter[Any]:
        """How often the function was given each."""
        return Counter(each for note in self.noted() for each in note["ids"])

    def has_seen(self, *ids: Any, within: float = 15) -> Counter[Any]:
        """Wait until the function was given all of these: how often it was given each."""
        eventually(lambda: set(ids) <= set(self.ids()), within=within)
        return self.ids()


def waiting(sqs: Any, queue: Queue) -> tuple[int, int]:
    """How many messages of a queue are visible, and how many in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
    return int(told[names[0]]), int(told[names[1]])
