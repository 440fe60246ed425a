"""Reads the shards of a stream for an event source mapping, each in order.

A batch at which the function fails is tried again, whole or in halves, and nothing behind it is
read before it is done with: it succeeds, has been tried as often as the mapping says, or has become
too old. What is given up is told to the `OnFailure` destination.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-errors.html
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import CommonServiceException

from tidegate_localstack.emulated import function_deliveries, mapping_filters, mappings
from tidegate_localstack.emulated.function_deliveries import EXHAUSTED
from tidegate_localstack.emulated.function_pool import ClosedError, ThrottledError
from tidegate_localstack.emulated.function_worker import Outcome
from tidegate_localstack.emulated.mappings import EventMapping, Poller
from tidegate_localstack.emulated.settings import SETTINGS
from tidegate_localstack.emulated.streams import BEGINNING, GoneError, Record, Shard, stream_of

LOG = logging.getLogger(__name__)

TOO_OLD = "RecordAgeExceeded"
LONGEST_PAUSE = 5
"""Between two attempts, in pauses between two reads."""


@dataclass(frozen=True)
class Attempt:
    """The last attempt at a batch."""

    number: int
    request: str
    function: str
    version: str
    outcome: Outcome | None


class ShardPoller(Poller):
    """Gives what is in a stream to a function: a thread for each shard."""

    def __init__(self, mapping: EventMapping, role: str) -> None:
        super().__init__(mapping)
        self._stream = stream_of(mapping.source, role)
        self._ended: set[str] = set()
        """Shards that take no more records, and have been read to their end."""
        self._begin(self._watch)

    def _watch(self) -> None:
        """Begin with each shard once all is read that comes before it."""
        begun: set[str] = set()
        while not self.stopping.is_set():
            try:
                shards = self._stream.shards()
                if not self.mapping.positions:
                    self.mapping.positions = {each.name: self._start(each) for each in shards}
            except GoneError:
                shards = []
            known = {each.name for each in shards}
            for shard in shards:
                is_next = not (set(shard.parents) & known) - self._ended
                if is_next and shard.name not in begun:
                    begun.add(shard.name)
                    self._begin(self._follow, shard.name)
            self.stopping.wait(SETTINGS.stream_poll_seconds)

    def _start(self, shard: Shard) -> int:
        """Where a shard is read from that was there when the mapping was first enabled."""
        where = self.mapping.live["StartingPosition"]
        if where == "LATEST":
            return self._stream.last(shard.name)
        if where == "AT_TIMESTAMP":
            moment: datetime = self.mapping.live["StartingPositionTimestamp"]
            return self._stream.before(shard.name, moment.timestamp())
        return BEGINNING

    def _follow(self, shard: str) -> None:
        """Read a shard to its end, whatever goes wrong meanwhile."""
        while not (self.stopping.is_set() or shard in self._ended):
            try:
                self._read(shard)
            except (ClosedError, GoneError):
                return
            except Exception:
                if not self.is_abandoned:
                    LOG.exception("%s of %s is tried again", shard, self.mapping.source)
                self.stopping.wait(SETTINGS.stream_poll_seconds * LONGEST_PAUSE)

    def _read(self, shard: str) -> None:
        """Give the next batch of a shard to the function, or see whether there is to be one."""
        batch = self._collect(shard)
        if batch:
            if self._give(shard, batch):
                self._done(shard, batch)
        elif self._is_at_end(shard):
            self._ended.add(shard)
        else:
            self.stopping.wait(SETTINGS.stream_poll_seconds)

    def _collect(self, shard: str) -> Sequence[Record]:
        """The next batch: what is there at once, or what comes within the batching window."""
        options, after = self.mapping.live, self.mapping.positions.get(shard, BEGINNING)
        size, window = int(options["BatchSize"]), float(options["MaximumBatchingWindowInSeconds"])
        batch = self._stream.read(shard, after, size)
        ends = time.monotonic() + window
        while batch and len(batch) < size and time.monotonic() < ends:
            if self.stopping.wait(min(SETTINGS.stream_poll_seconds, ends - time.monotonic())):
                return []
            batch = self._stream.read(shard, after, size)
        return batch

    def _is_at_end(self, shard: str) -> bool:
        closed = {each.name for each in self._stream.shards() if each.is_closed}
        position = self.mapping.positions.get(shard, BEGINNING)
        return shard in closed and max(position, 0) >= self._stream.last(shard)

    def _done(self, shard: str, batch: Sequence[Record]) -> None:
        if not self.is_abandoned:
            # In place, since every shard has a thread and none may undo what another has noted.
            self.mapping.positions[shard] = batch[-1].position

    def _give(self, shard: str, batch: Sequence[Record]) -> bool:
        """Let the function have what it wants of a batch; false if that was to stop before."""
        patterns = mapping_filters.patterns_of(self.mapping.live)
        wanted = [each for each in batch if mapping_filters.is_wanted(patterns, each.told)]
        return self._try(shard, wanted)

    def _try(self, shard: str, batch: Sequence[Record]) -> bool:
        """Give a batch to the function until it is done with; false if that was to stop before."""
        last = Attempt(0, "", self.mapping.function, "", None)
        pauses = 0
        while True:
            batch = self._young_enough(shard, batch, last)
            if not batch:
                return True
            if self.stopping.is_set():
                return False
            try:
                last = self._attempt(batch, last.number + 1)
            except (ThrottledError, CommonServiceException):
                pauses = self._pause(pauses)
                continue
            failed = self._failed_from(batch, last)
            if failed is None or self.is_abandoned:
                return not self.is_abandoned
            if failed:
                self._done(shard, batch[:failed])
                batch = batch[failed:]
            if self.mapping.live.get("BisectBatchOnFunctionError") and len(batch) > 1:
                return self._try_halves(shard, batch)
            retries = int(self.mapping.live["MaximumRetryAttempts"])
            if 0 <= retries < last.number:
                self._give_up(shard, batch, last, EXHAUSTED)
                return True
            pauses = self._pause(pauses)

    def _try_halves(self, shard: str, batch: Sequence[Record]) -> bool:
        """AWS does not count it as an attempt that a batch is split."""
        middle = len(batch) // 2
        if not self._try(shard, batch[:middle]):
            return False
        self._done(shard, batch[:middle])
        return self._try(shard, batch[middle:])

    def _attempt(self, batch: Sequence[Record], number: int) -> Attempt:
        target, request, outcome = self.mapping.invoke([each.told for each in batch])
        return Attempt(number, request, target.arn, target.invoked.version, outcome)

    def _failed_from(self, batch: Sequence[Record], attempt: Attempt) -> int | None:
        """The first record of a batch that the function failed at, if there is one."""
        sequence = [each.sequence for each in batch]
        assert attempt.outcome is not None
        failed = self.mapping.failed_among(attempt.outcome, sequence)
        self.mapping.result = mappings.FAILED if failed else mappings.WELL
        return min((sequence.index(each) for each in failed), default=None)

    def _pause(self, pauses: int) -> int:
        self.stopping.wait(SETTINGS.stream_poll_seconds * min(2**pauses, LONGEST_PAUSE))
        return pauses + 1

    def _young_enough(self, shard: str, batch: Sequence[Record], last: Attempt) -> Sequence[Record]:
        """What is not too old of a batch; what is, is given up."""
        longest = int(self.mapping.live["MaximumRecordAgeInSeconds"])
        if longest < 0:
            return batch
        since = time.time() - longest / 60 * SETTINGS.function_minute_seconds
        old = [each for each in batch if each.arrived < since]
        if old and not self.is_abandoned:
            self._give_up(shard, old, last, TOO_OLD)
        return [each for each in batch if each.arrived >= since]

    def _give_up(self, shard: str, batch: Sequence[Record], last: Attempt, condition: str) -> None:
        destinations = self.mapping.live.get("DestinationConfig") or {}
        destination = (destinations.get("OnFailure") or {}).get("Destination")
        if not destination:
            return
        told = json.dumps(self._record_of(shard, batch, last, condition))
        try:
            function_deliveries.deliver(destination, told, {})
        except Exception:
            LOG.exception("what became of a batch did not get to %s", destination)

    def _record_of(
        self, shard: str, batch: Sequence[Record], last: Attempt, condition: str
    ) -> dict[str, Any]:
        """What a destination is told: where the records are, and not what is in them."""
        first, final = batch[0], batch[-1]
        part = "KinesisBatchInfo" if self.mapping.service == "kinesis" else "DDBStreamBatchInfo"
        told: dict[str, Any] = {
            "requestContext": {
                "requestId": last.request,
                "functionArn": last.function,
                "condition": condition,
                "approximateInvokeCount": last.number,
            },
            "version": "1.0",
            "timestamp": _moment(time.time()),
            part: {
                "shardId": shard,
                "startSequenceNumber": first.sequence,
                "endSequenceNumber": final.sequence,
                "approximateArrivalOfFirstRecord": _moment(first.arrived),
                "approximateArrivalOfLastRecord": _moment(final.arrived),
                "batchSize": len(batch),
                "streamArn": self.mapping.source,
            },
        }
        if last.outcome is not None:
            response: dict[str, Any] = {"statusCode": 200, "executedVersion": last.version}
            if last.outcome.failed:
                response["functionError"] = "Unhandled"
            told["responseContext"] = response
        return told


def _moment(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
