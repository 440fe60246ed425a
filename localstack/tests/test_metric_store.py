"""What one stretch of a metric can answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate_localstack.emulated.metric_store import SAMPLES_KEPT, MetricStore, series_of

METRIC = ("000000000000", "eu-west-1", "AWS/ApplicationELB", "TargetResponseTime")
AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def statistic(name: str, *data: dict[str, Any]) -> float | None:
    """A statistic of the minute after `AT`, in each second of which `data` was published."""
    store = MetricStore()
    account, region, namespace, metric = METRIC
    for second in range(60):
        stamp = AT.replace(second=second)
        published = [{"MetricName": metric, "Timestamp": stamp, **datum} for datum in data]
        store.add_metric_data(account, region, namespace, published)
    start = AT.timestamp()
    bucket = store.over(series_of(*METRIC, []), start, start + 60)
    assert bucket is not None
    return bucket.statistic(name)


VALUES = {"Values": [0.25, 0.5, 0.75], "Counts": [80, 10, 10]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("TC(0.5:)", 600), ("TC(:0.5)", 5400), ("TC(0.25:0.5)", 600), ("p90", 0.5), ("p91", 0.75)],
)
def test_a_lower_bound_is_exclusive_and_an_upper_one_is_not(name: str, expected: float) -> None:
    assert statistic(name, VALUES) == expected


def test_a_busy_minute_is_counted_whole() -> None:
    many = {"Values": [n / 1000 for n in range(SAMPLES_KEPT)]}
    assert statistic("TC(0.4995:)", many) == 60 * SAMPLES_KEPT / 2


def test_a_statistic_set_has_no_single_values() -> None:
    given = {"SampleCount": 4, "Sum": 2.0, "Minimum": 0.1, "Maximum": 1.0}
    assert statistic("SampleCount", {"StatisticValues": given}) == 240
    assert statistic("TC(0.5:)", {"StatisticValues": given}) is None
    assert statistic("p99", {"StatisticValues": given}) is None
