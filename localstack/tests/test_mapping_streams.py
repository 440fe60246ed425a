"""Event source mappings that read streams: order, retries, where they begin and go on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from conftest import eventually, refused_as
from mapped import EVERY, Reader
from test_function_metrics import Metrics

Aws = Callable[[str], Any]
MIDDLE = str(2**127)


class Stream:
    """A stream of Kinesis."""

    def __init__(self, client: Any, name: str, shards: int = 1) -> None:
        self.client, self.name = client, name
        client.create_stream(StreamName=name, ShardCount=shards)
        told = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        self.arn: str = told["StreamARN"]

    def put(self, *bodies: dict[str, Any], key: str = "a") -> None:
        for body in bodies:
            data = json.dumps(body).encode()
            self.client.put_record(StreamName=self.name, Data=data, PartitionKey=key)


@pytest.fixture
def reader(aws: Aws) -> Reader:
    return Reader(aws)


@pytest.fixture
def stream(aws: Aws, reader: Reader) -> Stream:
    return Stream(aws("kinesis"), reader.name)


def in_order(reader: Reader) -> list[Any]:
    notes = sorted(reader.noted(), key=lambda note: float(note["began"]))
    return [each for note in notes for each in note["ids"]]


def test_a_stream_is_read_from_its_beginning_in_order(reader: Reader, stream: Stream) -> None:
    stream.put(*({"id": number} for number in range(10)))
    reader.map(stream.arn, StartingPosition="TRIM_HORIZON", BatchSize=4)
    stream.put(*({"id": number} for number in range(10, 15)))
    reader.has_seen(*range(15))
    assert in_order(reader) == list(range(15))


def test_many_shards_are_read_at_once_and_each_record_once(aws: Aws, reader: Reader) -> None:
    stream = Stream(aws("kinesis"), reader.name, shards=8)
    for first in range(0, 400, 100):
        records = [
            {"Data": json.dumps({"id": each}).encode(), "PartitionKey": str(each)}
            for each in range(first, first + 100)
        ]
        stream.client.put_records(StreamName=stream.name, Records=records)
    reader.map(stream.arn, StartingPosition="TRIM_HORIZON", BatchSize=5)
    assert set(reader.has_seen(*range(400), within=30).values()) == {1}


def test_a_record_of_a_stream_is_told_as_on_aws(reader: Reader, stream: Stream) -> None:
    stream.put({"id": 1})
    mapping = reader.map(stream.arn, StartingPosition="TRIM_HORIZON")
    reader.has_seen(1)
    record = reader.noted()[0]["first"]
    assert (record["eventSource"], record["eventSourceARN"]) == ("aws:kinesis", stream.arn)
    assert record["eventID"].startswith("shardId-000000000000:")
    assert abs(record["kinesis"]["approximateArrivalTimestamp"] - time.time()) < 60

    def result() -> str:
        told = reader.lambda_.get_event_source_mapping(UUID=mapping)
        return str(told["LastProcessingResult"])

    assert eventually(lambda: result() == "OK")


def test_a_stream_can_be_read_from_its_end(reader: Reader, stream: Stream) -> None:
    stream.put({"id": "old"})
    reader.map(stream.arn, StartingPosition="LATEST")
    stream.put({"id": "new"})
    assert reader.has_seen("new") == {"new": 1}


def test_a_stream_can_be_read_from_a_moment_on(reader: Reader, stream: Stream) -> None:
    stream.put({"id": "before"})
    time.sleep(1.1)  # the moment is told in whole seconds
    moment = datetime.now(UTC)
    time.sleep(0.1)
    stream.put({"id": "after"})
    reader.map(stream.arn, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    assert reader.has_seen("after") == {"after": 1}


def test_a_mapping_goes_on_where_it_was_disabled(reader: Reader, stream: Stream) -> None:
    mapping = reader.map(stream.arn, StartingPosition="LATEST")
    stream.put({"id": 1})
    reader.has_seen(1)
    reader.update(mapping, Enabled=False)
    reader.comes_to(mapping, "Disabled")
    stream.put({"id": 2})
    reader.update(mapping, Enabled=True)
    assert reader.has_seen(2) == {1: 1, 2: 1}


def test_nothing_overtakes_a_record_that_fails_until_it_is_given_up(
    reader: Reader, stream: Stream
) -> None:
    told = reader.queue("told")
    reader.map(
        stream.arn,
        StartingPosition="TRIM_HORIZON",
        BatchSize=1,
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": told.arn}},
    )
    stream.put({"id": "bad", "fail": EVERY}, {"id": "good"})
    reader.has_seen("bad", "good")
    assert in_order(reader) == ["bad", "bad", "bad", "good"]
    (record,) = told.bodies(1)
    context, batch = record["requestContext"], record["KinesisBatchInfo"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetriesExhausted", 3)
    assert (batch["streamArn"], batch["batchSize"]) == (stream.arn, 1)
    assert record["responseContext"]["functionError"] == "Unhandled"


def test_a_failing_batch_is_split_until_the_bad_record_is_alone(
    reader: Reader, stream: Stream
) -> None:
    stream.put({"id": 0}, {"id": 1}, {"id": 2, "fail": EVERY}, {"id": 3})
    told = reader.queue("told")
    reader.map(
        stream.arn,
        StartingPosition="TRIM_HORIZON",
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": told.arn}},
    )
    (record,) = told.bodies(1)
    assert record["KinesisBatchInfo"]["startSequenceNumber"] == "3"
    notes = eventually(lambda: len(reader.noted()) == 5 and reader.noted())
    groups = [note["ids"] for note in sorted(notes, key=lambda note: float(note["began"]))]
    assert groups == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]


def test_a_reported_failure_is_where_the_batch_is_tried_again_from(aws: Aws) -> None:
    reader = Reader(aws, REPORTS="yes")
    stream = Stream(aws("kinesis"), reader.name)
    stream.put({"id": 0}, {"id": 1, "fail": EVERY}, {"id": 2})
    reader.map(
        stream.arn,
        StartingPosition="TRIM_HORIZON",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        MaximumRetryAttempts=1,
    )
    notes = eventually(lambda: len(reader.noted()) >= 2 and reader.noted())
    groups = [note["ids"] for note in sorted(notes, key=lambda note: float(note["began"]))]
    assert groups == [[0, 1, 2], [1, 2]]


def test_a_record_that_has_become_too_old_is_given_up(reader: Reader, stream: Stream) -> None:
    told = reader.queue("told")
    reader.map(
        stream.arn,
        StartingPosition="TRIM_HORIZON",
        MaximumRecordAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": told.arn}},
    )
    stream.put({"id": "bad", "fail": EVERY})
    (record,) = told.bodies(1)
    assert record["requestContext"]["condition"] == "RecordAgeExceeded"
    stream.put({"id": "next"})
    reader.has_seen("next")


def test_only_what_matches_reaches_the_function(reader: Reader, stream: Stream) -> None:
    pattern = json.dumps({"data": {"kind": [{"anything-but": "test"}]}})
    reader.map(
        stream.arn,
        StartingPosition="TRIM_HORIZON",
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
    )
    stream.put({"id": 1, "kind": "test"}, {"id": 2, "kind": "order"})
    assert reader.has_seen(2) == {2: 1}


def test_a_split_shard_is_read_to_its_end_before_the_new_ones(
    reader: Reader, stream: Stream
) -> None:
    stream.put(*({"id": number} for number in range(5)))
    client = stream.client
    client.split_shard(
        StreamName=stream.name, ShardToSplit="shardId-000000000000", NewStartingHashKey=MIDDLE
    )
    stream.put(*({"id": number} for number in range(5, 10)))
    reader.map(stream.arn, StartingPosition="TRIM_HORIZON", BatchSize=2)
    assert set(reader.has_seen(*range(10)).values()) == {1}
    assert in_order(reader) == list(range(10))


def test_the_age_of_the_records_is_a_metric(aws: Aws, reader: Reader, stream: Stream) -> None:
    stream.put({"id": 1})
    time.sleep(1)  # which is how old it is to be
    reader.map(stream.arn, StartingPosition="TRIM_HORIZON")
    reader.has_seen(1)
    metrics = Metrics(aws("cloudwatch"), reader.name)
    age = eventually(lambda: metrics.of("IteratorAge", "Maximum"))
    assert 1000 <= age < 10_000


def test_records_grow_older_while_their_function_is_throttled(
    aws: Aws, reader: Reader, stream: Stream
) -> None:
    reader.lambda_.put_function_concurrency(
        FunctionName=reader.name, ReservedConcurrentExecutions=0
    )
    stream.put({"id": 1})
    reader.map(stream.arn, StartingPosition="TRIM_HORIZON")
    metrics = Metrics(aws("cloudwatch"), reader.name)
    eventually(lambda: (metrics.of("IteratorAge", "Maximum") or 0) > 2000)
    assert not reader.noted()
    reader.lambda_.delete_function_concurrency(FunctionName=reader.name)
    assert reader.has_seen(1) == {1: 1}


def test_the_stream_of_a_table_is_read(aws: Aws, reader: Reader) -> None:
    dynamodb = aws("dynamodb")
    made = dynamodb.create_table(
        TableName=reader.name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    pattern = json.dumps({"eventName": ["INSERT"], "dynamodb": {"Keys": {"id": {"S": ["b", "c"]}}}})
    reader.map(
        made["LatestStreamArn"],
        StartingPosition="TRIM_HORIZON",
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
    )
    for name in "abbc":
        dynamodb.put_item(TableName=reader.name, Item={"id": {"S": name}})
    reader.has_seen("b", "c")
    assert in_order(reader) == ["b", "c"]
    change = reader.noted()[0]["first"]["dynamodb"]
    assert change["NewImage"] == {"id": {"S": "b"}}
    assert abs(change["ApproximateCreationDateTime"] - time.time()) < 60


def test_what_aws_refuses_of_a_stream_is_refused(reader: Reader, stream: Stream) -> None:
    def create(source: str = stream.arn, **options: Any) -> Any:
        return reader.lambda_.create_event_source_mapping(
            EventSourceArn=source, FunctionName=reader.name, **options
        )

    wrong = "InvalidParameterValueException"
    with refused_as(wrong, "Value null at 'startingPosition'"):
        create()
    with refused_as(wrong, "Stream not found"):
        create(f"{stream.arn}-nowhere", StartingPosition="LATEST")
    with refused_as(wrong, "StartingPositionTimestamp"):
        create(StartingPosition="AT_TIMESTAMP")
    with refused_as(wrong, "MaximumRecordAgeInSeconds"):
        create(StartingPosition="LATEST", MaximumRecordAgeInSeconds=30)
    create(StartingPosition="LATEST")
    with refused_as("ResourceConflictException", "provided mapping already exists. Please update"):
        create(StartingPosition="LATEST")
