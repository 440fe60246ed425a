"""Sends users' requests through a world's load balancer and tells what they got.

A rehearsal means something when traffic flows: the weights split it, the targets answer it, the
alarms see it. This sends it at a steady rate until it is told to stop, and counts by minute and
version, so that a roll-out's cost to users can be read off afterwards. Through a network load
balancer every request has a connection of its own, since that is what the weights split.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3

WORKERS = 8


@dataclass
class Tally:
    """What users have been answered so far; shared by all workers."""

    began: float = field(default_factory=time.time)
    by_minute: Counter[tuple[int, str]] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    first_bad: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, version: str, good: bool) -> None:
        """Note one answer."""
        now = time.time()
        with self.lock:
            self.by_minute[int((now - self.began) // 60) + 1, version] += 1
            if not good:
                self.errors[version] += 1
                self.first_bad = self.first_bad or now


def main() -> None:
    """Send requests until SIGTERM or the time is up, then print one JSON line."""
    parser = argparse.ArgumentParser(description="Send traffic through a world's load balancer.")
    parser.add_argument("--prefix", default="checkout")
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--for", dest="seconds", type=float, default=600.0)
    options = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    tally = Tally()
    gap = WORKERS / options.rate
    headers = {"Host": f"{options.prefix}.elb.localhost.localstack.cloud"}
    if _is_network(options.prefix):
        headers["Connection"] = "close"
    workers = [
        threading.Thread(target=_send, args=(headers, gap, i * gap / WORKERS, tally, stop))
        for i in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    stop.wait(options.seconds)
    stop.set()
    for worker in workers:
        worker.join()
    print(json.dumps(_summary(tally, options.prefix)))


def _is_network(name: str) -> bool:
    found = boto3.client("elbv2").describe_load_balancers(Names=[name])["LoadBalancers"]
    return bool(found[0]["Type"] == "network")


def _send(
    headers: dict[str, str], gap: float, delay: float, tally: Tally, stop: threading.Event
) -> None:
    endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    host, port = endpoint.hostname or "127.0.0.1", endpoint.port or 80
    due = time.monotonic() + delay
    connection = http.client.HTTPConnection(host, port, timeout=10)
    while not stop.wait(max(0.0, due - time.monotonic())):
        due = max(due + gap, time.monotonic() - 1.0)
        try:
            connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            version = _version(answer.read())
            tally.count(version, answer.status < 500)
        except (OSError, http.client.HTTPException):
            tally.count("nobody", good=False)
            connection.close()
            connection = http.client.HTTPConnection(host, port, timeout=10)


def _version(body: bytes) -> str:
    try:
        return str(json.loads(body)["version"])
    except (ValueError, KeyError, TypeError):
        return "nobody"


def _summary(tally: Tally, prefix: str) -> dict[str, Any]:
    minutes: dict[int, dict[str, int]] = {}
    for (minute, version), count in sorted(tally.by_minute.items()):
        minutes.setdefault(minute, {})[version] = count
    total = sum(tally.by_minute.values())
    return {
        "requests": total,
        "errors": sum(tally.errors.values()),
        "errors_by_version": dict(tally.errors),
        "by_minute": minutes,
        "first_bad": tally.first_bad,
        "alarm": _first_alarm(prefix, tally.began),
    }


def _first_alarm(prefix: str, since: float) -> float | None:
    """When one of the world's alarms first went off, by its history."""
    cloudwatch = boto3.client("cloudwatch")
    moments: list[float] = []
    for alarm in cloudwatch.describe_alarms(AlarmNamePrefix=f"{prefix}-")["MetricAlarms"]:
        if "-" in alarm["AlarmName"].removeprefix(f"{prefix}-"):
            continue  # it belongs to a world whose prefix only begins like this one's
        history = cloudwatch.describe_alarm_history(
            AlarmName=alarm["AlarmName"],
            HistoryItemType="StateUpdate",
            StartDate=datetime.fromtimestamp(since, UTC),
        )
        moments += [
            item["Timestamp"].timestamp()
            for item in history["AlarmHistoryItems"]
            if json.loads(item["HistoryData"])["newState"]["stateValue"] == "ALARM"
        ]
    return min(moments, default=None)


if __name__ == "__main__":
    main()
