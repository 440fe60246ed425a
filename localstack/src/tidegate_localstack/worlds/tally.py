"""What users were answered while something changed: counted as it comes, told at the end."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3

FLOWING = 40
"""After so many answers there are users all the time, from each of a load's workers."""


@dataclass
class Tally:
    """What users have been answered so far; shared by all workers."""

    began: float = field(default_factory=time.time)
    by_minute: Counter[tuple[int, str]] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    """What the errors were, where that is told."""
    first_bad: float | None = None
    flowing: threading.Event = field(default_factory=threading.Event)
    """Set once users are answered."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, version: str, good: bool, kind: str = "") -> None:
        """Note one answer, and what was wrong with one that was not good."""
        now = time.time()
        with self.lock:
            self.by_minute[int((now - self.began) // 60) + 1, version] += 1
            if not good:
                self.errors[version] += 1
                self.kinds.update([kind] if kind else [])
                self.first_bad = self.first_bad or now
            if not self.flowing.is_set() and self.by_minute.total() >= FLOWING:
                self.flowing.set()


def summary(tally: Tally, prefix: str) -> dict[str, Any]:
    """All of it, with the moment at which one of the world's alarms first went off."""
    minutes: dict[int, dict[str, int]] = {}
    for (minute, version), count in sorted(tally.by_minute.items()):
        minutes.setdefault(minute, {})[version] = count
    total = sum(tally.by_minute.values())
    return {
        "requests": total,
        "errors": sum(tally.errors.values()),
        "errors_by_version": dict(tally.errors),
        **({"errors_by_kind": dict(tally.kinds)} if tally.kinds else {}),
        "by_minute": minutes,
        "first_bad": tally.first_bad,
        "alarm": first_alarm(prefix, tally.began),
    }


def first_alarm(prefix: str, since: float) -> float | None:
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
