"""The metrics of `AWS/Lambda`: by function, by alias or version, and by what an alias led to.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tidegate_localstack.emulated.function_worker import Outcome
from tidegate_localstack.emulated.settings import SETTINGS

NAMESPACE = "AWS/Lambda"
UNITS = {"Duration": "Milliseconds", "IteratorAge": "Milliseconds", "AsyncEventAge": "Milliseconds"}
"""All others are counts."""
ARRIVALS = {
    "aws:kinesis": ("kinesis", "approximateArrivalTimestamp"),
    "aws:dynamodb": ("dynamodb", "ApproximateCreationDateTime"),
}
"""Where the records of a stream say when they were written to it, in seconds."""

Cut = tuple[tuple[str, str], ...]
"""Dimensions of a metric."""


@dataclass(frozen=True)
class Invoked:
    """What was invoked, and which version it led to."""

    account: str
    region: str
    function: str
    qualifier: str | None
    version: str
    is_weighted: bool = False
    """Whether an alias had the choice between versions."""

    @property
    def cuts(self) -> list[Cut]:
        """The dimensions under which it counts; the first are those of all functions."""
        found: list[Cut] = [(), (("FunctionName", self.function),)]
        if self.qualifier is not None:
            found.append((*found[-1], ("Resource", f"{self.function}:{self.qualifier}")))
        if self.is_weighted:
            found.append((*found[-1], ("ExecutedVersion", self.version)))
        return found


_running: Counter[tuple[str, str, Cut]] = Counter()
_lock = threading.Lock()
_published = {"at": 0.0}


@contextmanager
def running(invoked: Invoked) -> Iterator[None]:
    """Count an execution among those there are at once, for as long as it takes."""
    keys = [(invoked.account, invoked.region, cut) for cut in invoked.cuts]
    with _lock:
        _running.update(keys)
        counts = {key: _running[key] for key in keys}
    _publish_running(counts)
    try:
        yield
    finally:
        with _lock:
            _running.subtract(keys)
            for key in keys:
                if not _running[key]:
                    del _running[key]


def count(invoked: Invoked, outcome: Outcome, payload: str, began: datetime) -> None:
    """Publish what became of an invocation, at the time at which it began."""
    values = {"Invocations": 1.0, "Errors": float(outcome.failed), "Throttles": 0.0}
    age = age_of_records(payload, began)
    if age is not None:
        values["IteratorAge"] = age
    publish(invoked, values | {"Duration": outcome.milliseconds}, began)


def count_throttle(invoked: Invoked) -> None:
    """Publish that an invocation was refused: then it is none."""
    publish(invoked, {"Throttles": 1.0}, datetime.now(UTC))


def age_of_records(payload: str, now: datetime) -> float | None:
    """How old the last record is of an event that comes from a stream, in milliseconds."""
    if not any(source in payload for source in ARRIVALS):
        return None
    event = json.loads(payload)
    try:
        last = event["Records"][-1]
        part, member = ARRIVALS[last["eventSource"]]
        written = float(last[part][member])
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return max(0.0, (now.timestamp() - written) * 1000)


def publish(invoked: Invoked, values: Mapping[str, float], at: datetime) -> None:
    """Publish values under all dimensions of an invocation."""
    data = [each for cut in invoked.cuts for each in _data(cut, values, at)]
    _put(invoked.account, invoked.region, data)


def tick(now: float) -> None:
    """Publish how many executions there are, as long as there are any."""
    if now - _published["at"] < SETTINGS.metrics_seconds:
        return
    _published["at"] = now
    with _lock:
        counts = dict(_running)
    _publish_running(counts)


def _publish_running(counts: Mapping[tuple[str, str, Cut], int]) -> None:
    at = datetime.fromtimestamp(time.time(), UTC)
    for (account, region, cut), number in counts.items():
        _put(account, region, _data(cut, {"ConcurrentExecutions": float(number)}, at))


def _data(cut: Cut, values: Mapping[str, float], at: datetime) -> list[dict[str, Any]]:
    dimensions = [{"Name": name, "Value": value} for name, value in cut]
    return [
        {
            "MetricName": name,
            "Dimensions": dimensions,
            "Timestamp": at,
            "Value": value,
            "Unit": UNITS.get(name, "Count"),
        }
        for name, value in values.items()
    ]


def _put(account: str, region: str, data: list[dict[str, Any]]) -> None:
    from tidegate_localstack.emulated.alarms import metric_store  # noqa: PLC0415

    metric_store().add_metric_data(account, region, NAMESPACE, data)
