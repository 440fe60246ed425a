"""CloudWatch's metrics, in memory.

LocalStack keeps them in a file and finds them by substring: a query for a load balancer also sums
up what was published for each of its target groups. It knows no percentiles, and every datapoint
waits for the disk. This store matches dimensions exactly, answers percentiles, and forgets after
three hours, as CloudWatch does with data of a resolution below a minute.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

KEPT_SECONDS = 3 * 3600
SAMPLES_KEPT = 1000
"""Single values kept for percentiles and trimmed counts, for each second of a metric."""


@dataclass
class Bucket:
    """One second of one metric."""

    count: float = 0.0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    samples: list[tuple[float, float]] = field(default_factory=list)
    """Values with how often each occurred."""

    def add(self, value: float, count: float) -> None:
        """Add a value that occurred `count` times."""
        self.merge(Bucket(count, value * count, value, value, [(value, count)]))

    def merge(self, other: Bucket) -> None:
        """Add everything in another bucket."""
        self.count += other.count
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.samples += other.samples

    def statistic(self, name: str) -> float | None:
        """A simple statistic, a percentile such as p99, or a trimmed count such as TC(0.5:).

        The latter two are None where only statistic sets were published, as in CloudWatch.
        """
        simple = {
            "Sum": self.total,
            "Average": self.total / self.count if self.count else 0.0,
            "Minimum": self.low,
            "Maximum": self.high,
            "SampleCount": self.count,
        }
        if name in simple:
            return simple[name]
        if not self.samples:
            return None
        if name.startswith("TC("):
            return self._trimmed_count(name)
        return self._percentile(float(name[1:]))

    def _trimmed_count(self, name: str) -> float:
        """How many values lie within bounds of which the lower is exclusive."""
        low, high = name.removeprefix("TC(").removesuffix(")").split(":")
        above, up_to = float(low or -math.inf), float(high or math.inf)
        return sum(count for value, count in self.samples if above < value <= up_to)

    def _percentile(self, percent: float) -> float:
        ordered = sorted(self.samples)
        wanted = percent / 100 * sum(count for _, count in ordered)
        reached = 0.0
        for value, count in ordered:
            reached += count
            if reached >= wanted:
                return value
        return ordered[-1][0]


Series = tuple[str, str, str, str, tuple[tuple[str, str], ...]]
"""Account, region, namespace, metric name, dimensions in order."""


def series_of(
    account: str, region: str, namespace: str, name: str, dimensions: Iterable[Mapping[str, str]]
) -> Series:
    """The key of a metric."""
    ordered = tuple(sorted((d["Name"], d["Value"]) for d in dimensions))
    return (account, region, namespace, name, ordered)


def _take(datum: Mapping[str, Any], bucket: Bucket) -> None:
    """Add one datum of PutMetricData, in any of its three forms, to a bucket."""
    if datum.get("Value") is not None:
        bucket.add(float(datum["Value"]), 1.0)
    values = datum.get("Values") or []
    for value, count in zip(values, datum.get("Counts") or [1] * len(values), strict=True):
        bucket.add(float(value), float(count))
    given = datum.get("StatisticValues")
    if given:
        numbers = (given["SampleCount"], given["Sum"], given["Minimum"], given["Maximum"])
        bucket.merge(Bucket(*numbers))


class MetricStore:
    """The interface LocalStack's CloudWatch provider expects of its database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[Series, dict[int, Bucket]] = defaultdict(dict)

    def add_metric_data(
        self, account_id: str, region: str, namespace: str, metric_data: Iterable[Mapping[str, Any]]
    ) -> None:
        """Store what PutMetricData brings."""
        with self._lock:
            for datum in metric_data:
                dimensions = datum.get("Dimensions") or []
                key = series_of(account_id, region, namespace, datum["MetricName"], dimensions)
                stamp = datum.get("Timestamp")
                second = int(stamp.timestamp() if stamp else time.time())
                buckets = self._series[key]
                bucket = buckets.setdefault(second, Bucket())
                _take(datum, bucket)
                del bucket.samples[SAMPLES_KEPT:]
                while len(buckets) > KEPT_SECONDS:
                    del buckets[next(iter(buckets))]

    def over(self, key: Series, start: float, end: float) -> Bucket | None:
        """Everything from `start` to before `end`, or None when there was nothing."""
        with self._lock:
            buckets = self._series.get(key)
            if not buckets:
                return None
            found = [buckets[s] for s in range(math.ceil(start), math.ceil(end)) if s in buckets]
        if not found:
            return None
        merged = Bucket()
        for bucket in found:
            merged.merge(bucket)
        return merged

    def get_metric_data_stat(
        self,
        account_id: str,
        region: str,
        query: Mapping[str, Any],
        start_time: datetime,
        end_time: datetime,
        scan_by: str | None,
    ) -> dict[str, list[Any]]:
        """Datapoints of one metric, as GetMetricData wants them."""
        stat = query["MetricStat"]
        metric = stat["Metric"]
        dimensions = metric.get("Dimensions") or []
        key = series_of(account_id, region, metric["Namespace"], metric["MetricName"], dimensions)
        period = int(stat["Period"])
        points = []
        # CloudWatch's periods begin at multiples of their length.
        first = int(start_time.timestamp()) // period * period
        for start in range(first, math.ceil(end_time.timestamp()), period):
            bucket = self.over(key, start, start + period)
            value = bucket.statistic(stat["Stat"]) if bucket else None
            if value is not None:
                points.append((start, value))
        if scan_by in (None, "TimestampDescending"):
            points.reverse()
        return {"timestamps": [p[0] for p in points], "values": [p[1] for p in points]}

    def get_units_for_metric_data_stat(self, **_: Any) -> list[str]:
        """Units are not kept apart."""
        return ["NULL_VALUE"]

    def list_metrics(
        self,
        account_id: str,
        region: str,
        namespace: str | None,
        metric_name: str | None,
        dimensions: Iterable[Mapping[str, str]],
    ) -> dict[str, list[dict[str, Any]]]:
        """The metrics that exist, as ListMetrics wants them."""
        wanted = {(d["Name"], d.get("Value")) for d in dimensions}
        with self._lock:
            keys = list(self._series)
        found = []
        for account, where, space, name, own in keys:
            values: set[tuple[str, str | None]] = {*own, *((key, None) for key, _ in own)}
            if (
                (account, where) == (account_id, region)
                and namespace in (None, space)
                and metric_name in (None, name)
                and wanted <= values
            ):
                described = [{"Name": n, "Value": v} for n, v in own]
                found.append({"metric_name": name, "namespace": space, "dimensions": described})
        return {"metrics": found}

    def clear_tables(self) -> None:
        """Forget everything."""
        with self._lock:
            self._series.clear()

    def get_all_metric_data(self) -> list[dict[str, Any]]:
        """Every second of every metric, for LocalStack's raw metrics page."""
        with self._lock:
            return [
                {"ns": space, "n": name, "v": bucket.total, "t": second, "account": a, "region": r}
                for (a, r, space, name, _), buckets in self._series.items()
                for second, bucket in buckets.items()
            ]
