"""Streams as those see them who read them shard by shard: of Kinesis, and of a table of DynamoDB.

moto has both. When a shard is split or merged it moves the records to the new ones, where AWS lets
them be read from the old one to its end; and the records of a table say their time as a text.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from moto.dynamodb.models import dynamodb_backends
from moto.kinesis.models import Stream as MotoStream
from moto.kinesis.models import kinesis_backends

from tidegate_localstack.emulated import engine

BEGINNING = -1
"""The position before all records."""


class GoneError(Exception):
    """There is no such stream."""


@dataclass(frozen=True)
class Shard:
    """A part of a stream whose records have an order."""

    name: str
    parents: tuple[str, ...] = ()
    is_closed: bool = False


@dataclass(frozen=True)
class Record:
    """A record of a shard, as a function gets it."""

    position: int
    arrived: float
    """When it was written, in seconds."""
    told: dict[str, Any]

    @property
    def sequence(self) -> str:
        """Its sequence number."""
        part = self.told.get("kinesis")
        return str(part["sequenceNumber"] if part else self.told["dynamodb"]["SequenceNumber"])


class Stream(Protocol):
    """What can be asked of a stream."""

    def shards(self) -> list[Shard]:
        """All shards there are, also those that take no more records."""

    def read(self, shard: str, after: int, most: int) -> Sequence[Record]:
        """The records of a shard after a position."""

    def last(self, shard: str) -> int:
        """The position of the last record there is."""

    def before(self, shard: str, moment: float) -> int:
        """The position of the last record that is older than a moment."""


class KinesisStream:
    """A stream of Kinesis."""

    def __init__(self, arn: str, role: str) -> None:
        self._arn, self._role = arn, role
        _, _, _, self._region, self._account, name = arn.split(":")
        self._name = name.partition("/")[2]

    def shards(self) -> list[Shard]:
        with engine.LOCK:
            return [
                Shard(each.shard_id, _named(each.parent, each.adjacent_parent), not each.is_open)
                for each in self._found().shards.values()
            ]

    def read(self, shard: str, after: int, most: int) -> Sequence[Record]:
        with engine.LOCK:
            kept = self._shard(shard).records
            first = max(after, 0) + 1  # moto counts from 1, without a gap
            found = [kept[number] for number in range(first, first + most) if number in kept]
        return [self._told(shard, each) for each in found]

    def last(self, shard: str) -> int:
        with engine.LOCK:
            return int(self._shard(shard).get_max_sequence_number())

    def before(self, shard: str, moment: float) -> int:
        with engine.LOCK:
            kept = self._shard(shard).records.values()
            return max((r.sequence_number for r in kept if r.created_at < moment), default=0)

    def _found(self) -> Any:
        backend: Any = kinesis_backends[self._account][self._region]
        if self._name not in backend.streams:
            raise GoneError(self._arn)
        return backend.streams[self._name]

    def _shard(self, name: str) -> Any:
        shard = self._found().shards.get(name)
        if shard is None:
            raise GoneError(name)
        return shard

    def _told(self, shard: str, record: Any) -> Record:
        arrived = record.created_at
        told = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.partition_key,
                "sequenceNumber": str(record.sequence_number),
                "data": _in_base64(record.data),
                "approximateArrivalTimestamp": arrived,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{record.sequence_number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self._role,
            "awsRegion": self._region,
            "eventSourceARN": self._arn,
        }
        return Record(record.sequence_number, arrived, told)


class TableStream:
    """The stream of a table of DynamoDB, which has one shard here."""

    def __init__(self, arn: str) -> None:
        self._arn = arn
        _, _, _, self._region, self._account, path = arn.split(":", 5)
        _, self._table, _, self._label = path.split("/")

    def shards(self) -> list[Shard]:
        with engine.LOCK:
            return [Shard(self._found().id)]

    def read(self, shard: str, after: int, most: int) -> Sequence[Record]:
        with engine.LOCK:
            found = self._found()
            first = max(after + 1 - found.starting_sequence_number, 0)
            told = [each.to_json() for each in found.items[first : first + most]]
        return [self._told(each) for each in told]

    def last(self, shard: str) -> int:
        with engine.LOCK:
            found = self._found()
            return int(found.starting_sequence_number + len(found.items) - 1)

    def before(self, shard: str, moment: float) -> int:
        raise NotImplementedError("a stream of a table is not read from a moment on")

    def _found(self) -> Any:
        backend: Any = dynamodb_backends[self._account][self._region]
        table = backend.tables.get(self._table)
        if table is None or table.latest_stream_label != self._label:
            raise GoneError(self._arn)
        return table.stream_shard

    def _told(self, record: dict[str, Any]) -> Record:
        change = dict(record["dynamodb"])
        written = datetime.fromisoformat(change["ApproximateCreationDateTime"])
        arrived = written.replace(tzinfo=UTC).timestamp()
        change["ApproximateCreationDateTime"] = arrived
        told = {
            **record,
            "awsRegion": self._region,
            "eventSourceARN": self._arn,
            "dynamodb": change,
        }
        return Record(int(change["SequenceNumber"]), arrived, told)


def stream_of(arn: str, role: str) -> Stream:
    """The stream of an ARN, whether there is one or not."""
    return KinesisStream(arn, role) if arn.split(":")[2] == "kinesis" else TableStream(arn)


def _named(*parents: str | None) -> tuple[str, ...]:
    return tuple(each for each in parents if each)


def _in_base64(data: Any) -> str:
    return base64.b64encode(data).decode() if isinstance(data, bytes) else str(data)


def repair() -> None:
    """Let records stay in the shard they were written to, also when it takes no more."""
    for change in (MotoStream.split_shard, MotoStream.merge_shards):
        setattr(MotoStream, change.__name__, _keeping_records(change))


def _keeping_records(change: Any) -> Any:
    def changed(self: Any, *arguments: Any) -> None:
        before = {name: OrderedDict(shard.records) for name, shard in self.shards.items()}
        change(self, *arguments)
        for name, shard in self.shards.items():
            shard.records = before.get(name, OrderedDict())

    return changed
