"""Which records go to a function, and which of them it says it failed at."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tidegate_localstack.emulated.mapping_filters import is_wanted, patterns_of
from tidegate_localstack.emulated.mappings import reported

GIVEN = ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        ("null", set()),
        ("{}", set()),
        ('{"batchItemFailures": []}', set()),
        ('{"batchItemFailures": null}', set()),
        ('{"batchItemFailures": [{"itemIdentifier": "b"}]}', {"b"}),
        ('{"batchItemFailures": [{"itemIdentifier": "c"}]}', {"a", "b"}),
        ('{"batchItemFailures": [{"itemIdentifier": ""}]}', {"a", "b"}),
        ('{"batchItemFailures": [{"itemIdentifier": null}]}', {"a", "b"}),
        ('{"batchItemFailures": [{"identifier": "a"}]}', {"a", "b"}),
        ('{"batchItemFailures": "a"}', {"a", "b"}),
        ('"done"', {"a", "b"}),
    ],
)
def test_what_an_answer_says_has_failed_is_believed_if_it_makes_sense(
    answer: str, failed: set[str]
) -> None:
    assert reported(answer, GIVEN) == failed


def message(body: str, **attributes: str) -> dict[str, Any]:
    told = {name: {"stringValue": value} for name, value in attributes.items()}
    return {"eventSource": "aws:sqs", "body": body, "messageAttributes": told}


@pytest.mark.parametrize(
    ("pattern", "record", "wanted"),
    [
        ({"body": {"kind": ["order"]}}, message('{"kind": "order"}'), True),
        ({"body": {"kind": ["order"]}}, message('{"kind": "pay"}'), False),
        ({"body": {"kind": ["order"]}}, message("order"), False),
        ({"body": ["order"]}, message("order"), True),
        ({"body": [{"prefix": "or"}]}, message("order"), True),
        ({"body": ["order"]}, message('{"kind": "order"}'), False),
        (
            {"messageAttributes": {"kind": {"stringValue": ["order"]}}},
            message("anything", kind="order"),
            True,
        ),
    ],
)
def test_a_filter_is_about_fields_or_about_plain_text(
    pattern: Any, record: dict[str, Any], wanted: bool
) -> None:
    assert is_wanted([pattern], record) is wanted


def test_a_filter_of_a_stream_is_about_its_data_and_its_key() -> None:
    data = base64.b64encode(json.dumps({"kind": "order"}).encode()).decode()
    record = {"eventSource": "aws:kinesis", "kinesis": {"data": data, "partitionKey": "7"}}
    assert is_wanted([{"data": {"kind": ["order"]}, "partitionKey": ["7"]}], record)
    assert not is_wanted([{"data": {"kind": ["order"]}, "partitionKey": ["8"]}], record)


def test_one_of_several_filters_is_enough_and_none_wants_everything() -> None:
    filters = [{"Pattern": json.dumps({"body": [each]})} for each in ("a", "b")]
    patterns = patterns_of({"FilterCriteria": {"Filters": filters}})
    assert is_wanted(patterns, message("b"))
    assert not is_wanted(patterns, message("c"))
    assert is_wanted(patterns_of({}), message("c"))
