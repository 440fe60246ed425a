"""Publishes metric data that a world's alarms find bad.

It lets a test or a demonstration see CloudWatch's own evaluation turn an alarm, without any
traffic: nothing here touches the alarm itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import boto3

VALUES = {"5xx": 25.0, "latency": 2.5}
"""Well above the thresholds the seed sets, for each metric."""


def main() -> None:
    """Publish one bad datapoint a second, watch the alarm, and report how long it took to fire."""
    parser = argparse.ArgumentParser(description="Publish bad metric data for one alarm.")
    parser.add_argument("--prefix", default="checkout")
    parser.add_argument("--metric", choices=sorted(VALUES), default="5xx")
    parser.add_argument("--for", dest="seconds", type=float, default=30.0)
    parser.add_argument("--until-alarm", action="store_true")
    options = parser.parse_args()
    cloudwatch = boto3.client("cloudwatch")
    alarm = _alarm(cloudwatch, f"{options.prefix}-{options.metric}")
    started = time.monotonic()
    to_alarm: float | None = None
    next_datapoint = started
    while time.monotonic() - started < options.seconds:
        if time.monotonic() >= next_datapoint:
            _publish(cloudwatch, alarm, VALUES[options.metric])
            next_datapoint += 1.0
        if to_alarm is None and _alarm(cloudwatch, alarm["AlarmName"])["StateValue"] == "ALARM":
            to_alarm = round(time.monotonic() - started, 2)
            if options.until_alarm:
                break
        time.sleep(0.2)
    print(json.dumps({"alarm": alarm["AlarmName"], "seconds_to_alarm": to_alarm}))
    if options.until_alarm and to_alarm is None:
        sys.exit(
            f"tide-aws: {alarm['AlarmName']} did not fire in {options.seconds:g} s; see the log"
        )


def _alarm(cloudwatch: Any, name: str) -> dict[str, Any]:
    found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    if not found:
        sys.exit(f"tide-aws: there is no alarm {name}; run `tide-aws seed` for this prefix first")
    alarm: dict[str, Any] = found[0]
    return alarm


def _publish(cloudwatch: Any, alarm: dict[str, Any], value: float) -> None:
    cloudwatch.put_metric_data(
        Namespace=alarm["Namespace"],
        MetricData=[
            {
                "MetricName": alarm["MetricName"],
                "Dimensions": alarm["Dimensions"],
                "Value": value,
                "StorageResolution": 1,
            }
        ],
    )


if __name__ == "__main__":
    main()
