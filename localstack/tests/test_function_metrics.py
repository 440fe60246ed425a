"""What CloudWatch says of functions: by function, by alias or version, by executed version."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conftest import eventually
from deployed import Function
from tidegate_localstack.emulated.function_metrics import age_of_records

Aws = Callable[[str], Any]

TOLD = """
import time
def handler(event, context):
    time.sleep(event.get("seconds", 0))
    if context.function_version in event.get("fail", ()):
        raise RuntimeError("asked to")
"""


class Metrics:
    """Reads metrics of one function."""

    def __init__(self, client: Any, function: str) -> None:
        self._client, self.function = client, function

    def of(self, metric: str, stat: str = "Sum", **dimensions: str) -> float | None:
        """One statistic over all that there is, under exactly these dimensions."""
        named = {"FunctionName": self.function, **dimensions}
        described = [{"Name": name, "Value": value} for name, value in named.items()]
        found = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": described}
        query = {"Id": "m", "MetricStat": {"Metric": found, "Period": 3600, "Stat": stat}}
        now = datetime.now(UTC)
        answer = self._client.get_metric_data(
            MetricDataQueries=[query],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
        )
        values = answer["MetricDataResults"][0]["Values"]
        # An hour may have ended meanwhile.
        return sum(values) if values else None


@pytest.fixture
def function(localstack: Any) -> Function:
    assert localstack.endpoint
    return Function(f"metrics-{uuid.uuid4().hex[:8]}", TOLD, Timeout=10)


@pytest.fixture
def metrics(aws: Aws, function: Function) -> Metrics:
    return Metrics(aws("cloudwatch"), function.name)


def test_an_invocation_counts_for_the_function_and_a_failed_one_as_an_error(
    function: Function, metrics: Metrics
) -> None:
    for fail in ([], ["$LATEST"], []):
        function.invoke({"fail": fail})
    told = {name: metrics.of(name) for name in ("Invocations", "Errors", "Throttles")}
    assert told == {"Invocations": 3, "Errors": 1, "Throttles": 0}
    assert metrics.of("Invocations", Resource=function.name) is None


def test_an_alias_and_a_version_count_by_what_was_named(
    function: Function, metrics: Metrics
) -> None:
    function.alias("live", function.publish())
    for qualifier in (None, "1", "live", "live"):
        function.invoke({}, qualifier)
    assert metrics.of("Invocations") == 4
    assert metrics.of("Invocations", Resource=f"{function.name}:1") == 1
    live = {"Resource": f"{function.name}:live"}
    assert metrics.of("Invocations", **live) == 2
    # There was no choice between versions.
    assert metrics.of("Invocations", **live, ExecutedVersion="1") is None


def test_behind_weights_each_executed_version_counts_for_itself(
    function: Function, metrics: Metrics
) -> None:
    function.alias("live", function.publish(), **{f"v{function.publish(TOLD + '#')}": 0.5})
    told = [function.invoke({"fail": ["2"]}, "live") for _ in range(40)]
    of_second = sum(each["ExecutedVersion"] == "2" for each in told)
    live = {"Resource": f"{function.name}:live"}
    assert metrics.of("Errors", **live) == of_second
    for version, wanted in (("1", 40 - of_second), ("2", of_second)):
        assert metrics.of("Invocations", **live, ExecutedVersion=version) == wanted
    assert metrics.of("Errors", **live, ExecutedVersion="1") == 0
    assert metrics.of("Errors", **live, ExecutedVersion="2") == of_second


def test_a_percentile_of_durations_shows_the_slow_few(function: Function, metrics: Metrics) -> None:
    for number in range(20):
        function.invoke({"seconds": 0.5 if number < 2 else 0.0})
    median, high = metrics.of("Duration", "p50"), metrics.of("Duration", "p95")
    assert median is not None
    assert high is not None
    assert median < 400
    assert 500 <= high < 1500


def test_a_throttled_invocation_is_none_and_no_error(function: Function, metrics: Metrics) -> None:
    function.client.put_function_concurrency(
        FunctionName=function.name, ReservedConcurrentExecutions=0
    )
    with pytest.raises(function.client.exceptions.TooManyRequestsException):
        function.invoke({})
    assert metrics.of("Throttles") == 1
    assert (metrics.of("Invocations"), metrics.of("Errors")) == (None, None)


def test_executions_at_once_are_counted_while_they_last(
    function: Function, metrics: Metrics
) -> None:
    with ThreadPoolExecutor(3) as callers:
        list(callers.map(lambda _: function.invoke({"seconds": 1.5}), range(3)))
    assert metrics.of("ConcurrentExecutions", "Maximum") == 3


def test_an_alarm_on_an_executed_version_goes_off_by_its_errors(
    aws: Aws, function: Function
) -> None:
    function.alias("live", function.publish(), **{f"v{function.publish(TOLD + '#')}": 0.5})
    dimensions = {
        "FunctionName": function.name,
        "Resource": f"{function.name}:live",
        "ExecutedVersion": "2",
    }
    cloudwatch, name = aws("cloudwatch"), f"{function.name}-errors"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )

    def went_off() -> bool:
        function.invoke({"fail": ["2"]}, "live")
        (described,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return bool(described["StateValue"] == "ALARM")

    eventually(went_off)


def test_an_event_of_a_stream_tells_how_old_its_last_record_is(
    function: Function, metrics: Metrics
) -> None:
    written = [time.time() - age for age in (90, 30)]
    records = [
        {"eventSource": "aws:kinesis", "kinesis": {"approximateArrivalTimestamp": at}}
        for at in written
    ]
    function.invoke({"Records": records})
    age = metrics.of("IteratorAge", "Maximum")
    assert age is not None
    assert 30_000 <= age < 40_000


def test_an_event_that_only_speaks_of_a_stream_has_no_age() -> None:
    assert age_of_records('{"about": "aws:kinesis"}', datetime.now(UTC)) is None
    assert age_of_records('"aws:dynamodb"', datetime.now(UTC)) is None
