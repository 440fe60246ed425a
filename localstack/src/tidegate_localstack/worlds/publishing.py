"""Sends events with ids to a world at a steady rate, and tells what became of each of them.

A roll-out of what handles events promises that none is lost and none is handled twice. Every event
has an id of its own here, and what handles it writes that into a table; whatever was sent and is
not found there some time after the last, was lost, or is among the dead letters.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tidegate_localstack.worlds import consumer
from tidegate_localstack.worlds.tally import first_alarm

SENDERS = 4
LOOK_SECONDS = 0.5
"""Between two looks at what has been handled."""
NAMED = 20
"""How many ids are told of events that were lost, or handled twice."""

Send = Callable[[str], None]
"""Sends the event of an id; raises where it is refused."""


class RefusedError(Exception):
    """An event was not taken."""


class Publishing:
    """Events on their way to one world."""

    def __init__(self, prefix: str, rate: float, stop: threading.Event) -> None:
        self._prefix, self._rate, self._stop = prefix, rate, stop
        self._run = uuid.uuid4().hex[:8]
        self._send = _sender_of(prefix)
        self._dynamodb, self._sqs = boto3.client("dynamodb"), boto3.client("sqs")
        self._lock = threading.Lock()
        self._sent: list[str] = []
        self._refused: Counter[str] = Counter()

    def run(self, seconds: float, settle: float) -> dict[str, Any]:
        """Send for a while, or until told to stop; what became of it all."""
        began, gap = time.time(), SENDERS / self._rate
        senders = [
            threading.Thread(target=self._go, args=(number, gap)) for number in range(SENDERS)
        ]
        for sender in senders:
            sender.start()
        ends = time.monotonic() + seconds
        while not (self._handled() or self._stop.wait(LOOK_SECONDS) or time.monotonic() >= ends):
            pass
        # Whoever changes the world under these events may wait for this line first.
        print("tide-aws: events are handled", file=sys.stderr, flush=True)
        self._stop.wait(max(0.0, ends - time.monotonic()))
        self._stop.set()
        for sender in senders:
            sender.join()
        return self._summary(began, self._settled(settle))

    def _go(self, number: int, gap: float) -> None:
        due, count = time.monotonic() + number * gap / SENDERS, 0
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + gap, time.monotonic() - 1.0)
            identifier, count = f"{self._run}-{number}-{count}", count + 1
            wrong = ""
            try:
                self._send(identifier)
            except ClientError as error:
                wrong = str(error.response["Error"]["Code"])
            except (BotoCoreError, RefusedError) as error:
                wrong = type(error).__name__
            with self._lock:
                if wrong:
                    self._refused[wrong] += 1
                else:
                    self._sent.append(identifier)

    def _handled(self) -> list[tuple[str, str]]:
        table = f"{self._prefix}-handled"
        return consumer.handled(self._dynamodb, table, f"{self._run}-")

    def _settled(self, settle: float) -> list[tuple[str, str]]:
        """What has been handled when all is or has been given up, or nothing more is for so long.

        What is still in a queue, though it was handled, would be handled a second time. How long
        all of it takes is the machine's business; that it goes on is ours.
        """
        ends, most = time.monotonic() + settle, 0
        while True:
            # In this order, so that nothing is handled between the last look and the answer.
            is_quiet = not sum(self._in_queue("orders"))
            handled = self._handled()
            # What is handled over and over is no progress.
            known = {each for each, _ in handled}
            is_all = len(set(self._sent) - known) <= sum(self._in_queue("dead"))
            if (is_all and is_quiet) or time.monotonic() >= ends:
                return handled
            if len(known) > most:
                ends, most = time.monotonic() + settle, len(known)
            time.sleep(LOOK_SECONDS)

    def _in_queue(self, part: str) -> tuple[int, int]:
        """How many messages of a queue are visible, and in flight; of a stream there is none."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        try:
            url = self._sqs.get_queue_url(QueueName=f"{self._prefix}-{part}")["QueueUrl"]
        except self._sqs.exceptions.QueueDoesNotExist:
            return 0, 0
        told = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
        visible, hidden = (int(told["Attributes"][name]) for name in names)
        return visible, hidden

    def _summary(self, began: float, handled: Iterable[tuple[str, str]]) -> dict[str, Any]:
        found = list(handled)
        times = Counter(each for each, _ in found)
        lost = sorted(set(self._sent) - set(times))
        twice = sorted(each for each, number in times.items() if number > 1)
        return {
            "sent": len(self._sent),
            "refused": dict(self._refused),
            "once": sum(number == 1 for number in times.values()),
            "lost": len(lost),
            "twice": len(twice),
            "dead_letters": sum(self._in_queue("dead")),
            "lost_ids": lost[:NAMED],
            "twice_ids": twice[:NAMED],
            "by_version": dict(sorted(Counter(version for _, version in found).items())),
            "alarm": first_alarm(self._prefix, began),
        }


def _sender_of(prefix: str) -> Send:
    """How events are sent to the bus of this name, or else to the stream."""
    # A publisher does not try again unseen: what is refused is to be counted.
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=SENDERS)
    events, kinesis = (boto3.client(name, config=config) for name in ("events", "kinesis"))
    entry = {"EventBusName": prefix, "Source": prefix, "DetailType": "order"}

    def to_bus(identifier: str) -> None:
        told = events.put_events(Entries=[{**entry, "Detail": json.dumps({"id": identifier})}])
        if told["FailedEntryCount"]:
            raise RefusedError

    def to_stream(identifier: str) -> None:
        data = json.dumps({"id": identifier}).encode()
        kinesis.put_record(StreamName=prefix, Data=data, PartitionKey=identifier)

    if any(bus["Name"] == prefix for bus in events.list_event_buses()["EventBuses"]):
        return to_bus
    if prefix in kinesis.list_streams()["StreamNames"]:
        return to_stream
    sys.exit(f"tide-aws: there is no bus and no stream {prefix}")
