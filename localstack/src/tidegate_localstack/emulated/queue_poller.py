"""Reads a queue for an event source mapping.

A batch that the function has done is deleted; one at which it failed stays where it is, and the
queue shows it again once its visibility timeout has run out, or puts it among its dead letters.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from localstack.aws.api import CommonServiceException
from localstack.aws.connect import connect_to

from tidegate_localstack.emulated import mapping_filters
from tidegate_localstack.emulated.function_pool import ClosedError, ThrottledError
from tidegate_localstack.emulated.mappings import EventMapping, Poller
from tidegate_localstack.emulated.settings import SETTINGS

LOG = logging.getLogger(__name__)

AT_A_TIME = 10
"""Messages one request to a queue is about, at most."""
WAIT_SECONDS = 1
"""How long a request waits for the first message."""
PAUSE_SECONDS = 0.2
"""Between two attempts to get a throttled batch to its function, and while a batch fills."""

Message = dict[str, Any]


class QueuePoller(Poller):
    """Gives what is in a queue to a function, in batches."""

    def __init__(self, mapping: EventMapping) -> None:
        super().__init__(mapping)
        _, _, _, self._region, account, name = mapping.source.split(":")
        self._sqs = connect_to(aws_access_key_id=account, region_name=self._region).sqs
        self._name, self._url = name, ""
        self._running = 0
        self._room = threading.Condition()
        self._begin(self._poll)

    def stop(self) -> None:
        """Read nothing more, also where that waits for an invocation to end."""
        super().stop()
        with self._room:
            self._room.notify_all()

    def _poll(self) -> None:
        while self._has_room():
            try:
                batch = self._collect()
            except Exception as error:
                # Whatever it is, the queue is read again: it may be back, or the service may be.
                if not self.is_abandoned:
                    LOG.warning("%s cannot be read: %s", self.mapping.source, error)
                self.stopping.wait(WAIT_SECONDS)
                continue
            if batch and not self.is_abandoned:
                with self._room:
                    self._running += 1
                self._begin(self._work, batch)

    def _has_room(self) -> bool:
        """Wait until one more batch may be given away; not so when nothing more is to be read."""
        with self._room:
            self._room.wait_for(lambda: self.stopping.is_set() or self._running < self._most())
        return not self.stopping.is_set()

    def _most(self) -> int:
        scaling = self.mapping.live.get("ScalingConfig") or {}
        return int(scaling.get("MaximumConcurrency") or SETTINGS.mapping_concurrency)

    def _collect(self) -> list[Message]:
        """The next batch: what is there at once, or what comes within the batching window."""
        # Only now, since a queue that is gone may come back while it is read.
        self._url = self._url or self._sqs.get_queue_url(QueueName=self._name)["QueueUrl"]
        size = int(self.mapping.live["BatchSize"])
        window = float(self.mapping.live.get("MaximumBatchingWindowInSeconds") or 0)
        batch: list[Message] = []
        ends = None
        while len(batch) < size:
            wait = WAIT_SECONDS if ends is None or ends - time.monotonic() >= WAIT_SECONDS else 0
            received = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(AT_A_TIME, size - len(batch)),
                WaitTimeSeconds=wait,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            batch += self._wanted(received)
            if received and ends is None:
                ends = time.monotonic() + window
            if self.stopping.is_set() or ends is None or time.monotonic() >= ends:
                break
            if not received:
                self.stopping.wait(min(PAUSE_SECONDS, ends - time.monotonic()))
        return batch

    def _wanted(self, received: Sequence[Message]) -> list[Message]:
        """What matches the filter criteria; the rest is deleted, as it is on AWS."""
        patterns = mapping_filters.patterns_of(self.mapping.live)
        wanted = [
            each for each in received if mapping_filters.is_wanted(patterns, self._seen(each))
        ]
        self._delete([each for each in received if each not in wanted])
        return wanted

    def _work(self, batch: Sequence[Message]) -> None:
        try:
            self._give(batch)
        except ClosedError:
            pass
        except Exception:
            if not self.is_abandoned:
                LOG.exception("a batch of %s stays in the queue", self.mapping.source)
        finally:
            with self._room:
                self._running -= 1
                self._room.notify_all()

    def _give(self, batch: Sequence[Message]) -> None:
        """Let the function have a batch; one that is throttled waits while it is hidden."""
        records = [self._seen(each) for each in batch]
        hidden_until = None
        while True:
            try:
                _, _, outcome = self.mapping.invoke(records)
                break
            except CommonServiceException:
                return  # the function was deleted
            except ThrottledError:
                hidden_until = hidden_until or time.monotonic() + self._visibility()
                if self.stopping.wait(PAUSE_SECONDS) or time.monotonic() >= hidden_until:
                    return
        if self.is_abandoned:
            return
        failed = self.mapping.failed_among(outcome, [each["MessageId"] for each in batch])
        self._delete([each for each in batch if each["MessageId"] not in failed])

    def _visibility(self) -> float:
        told = self._sqs.get_queue_attributes(
            QueueUrl=self._url, AttributeNames=["VisibilityTimeout"]
        )
        return float(told["Attributes"]["VisibilityTimeout"])

    def _delete(self, messages: Sequence[Message]) -> None:
        for first in range(0, len(messages), AT_A_TIME):
            entries = [
                {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
                for number, each in enumerate(messages[first : first + AT_A_TIME])
            ]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def _seen(self, message: Message) -> dict[str, Any]:
        """A message as a function gets it."""
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: _attribute(told)
                for name, told in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.mapping.source,
            "awsRegion": self._region,
        }
        if "MD5OfMessageAttributes" in message:
            record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
        return record


def _attribute(told: Mapping[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": told["DataType"],
    }
    if "StringValue" in told:
        seen["stringValue"] = told["StringValue"]
    if "BinaryValue" in told:
        seen["binaryValue"] = base64.b64encode(told["BinaryValue"]).decode()
    return seen
