"""What event source mappings are doing ends at once when everything is wiped, or put to rest."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from conftest import eventually
from mapped import Reader, waiting
from tidegate_localstack.process.instance import Record
from tidegate_localstack.worlds.seed import wipe

Aws = Callable[[str], Any]


@pytest.fixture
def reader(aws: Aws) -> Reader:
    return Reader(aws)


def test_a_wipe_waits_for_no_invocation_and_nothing_is_read_after_it(
    localstack: Record, reader: Reader
) -> None:
    queue = reader.queue(VisibilityTimeout="30")
    reader.lambda_.update_function_configuration(FunctionName=reader.name, Timeout=25)
    reader.send(queue, {"id": "slow", "seconds": 20})
    reader.map(queue.arn)
    stream = boto3.client("kinesis")
    stream.create_stream(StreamName=reader.name, ShardCount=1)
    reader.map(
        f"arn:aws:kinesis:eu-west-1:000000000000:stream/{reader.name}",
        StartingPosition="TRIM_HORIZON",
    )
    eventually(lambda: waiting(reader.sqs, queue) == (0, 1))
    began = time.monotonic()
    wipe(localstack.endpoint)
    assert time.monotonic() - began < 5
    assert reader.lambda_.list_event_source_mappings()["EventSourceMappings"] == []
    again = reader.queue()
    reader.send(again, {"id": 1})
    time.sleep(1.5)  # longer than any request to a queue waits
    assert waiting(reader.sqs, again) == (1, 0)


def test_the_mappings_of_a_world_that_is_done_with_come_to_rest(
    localstack: Record, reader: Reader
) -> None:
    mapping = reader.map(reader.queue().arn)
    request = urllib.request.Request(
        f"{localstack.endpoint}/_tidegate/retire",
        data=json.dumps({"prefix": reader.name}).encode(),
        method="POST",
    )
    with urllib.request.urlopen(request) as answer:
        assert mapping in json.loads(answer.read())["retired"]
    reader.comes_to(mapping, "Disabled")
