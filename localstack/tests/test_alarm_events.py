"""A change of an alarm's state is an event, which a rule can send to a queue."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

Aws = Callable[[str], Any]


def received(aws: Aws, queue: str, names: set[str], within: float = 10.0) -> dict[str, Any]:
    """The latest event of each of these alarms, and the queue empty of what else was in it."""
    events: dict[str, Any] = {}
    deadline = time.monotonic() + within
    while not names <= events.keys():
        assert time.monotonic() < deadline, f"only {list(events)} of {names}"
        answer = aws("sqs").receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        for message in answer.get("Messages", []):
            aws("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            event = json.loads(message["Body"])
            if event["detail"]["state"]["value"] == "ALARM":
                events[event["detail"]["alarmName"]] = event
    return events


def test_an_alarm_and_its_composite_reach_the_queue_of_their_world_and_no_other(
    aws: Aws, world: dict[str, Any]
) -> None:
    child, parent = f"{world['prefix']}-latency", f"{world['prefix']}-composite"
    aws("cloudwatch").set_alarm_state(AlarmName=child, StateValue="ALARM", StateReason="by hand")
    seen = received(aws, world["alarm_news"], {child, parent})
    assert set(seen) == {child, parent}
    event, detail = seen[child], seen[child]["detail"]
    assert event["source"] == "aws.cloudwatch"
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["resources"] == [world["alarms"]["latency"]]
    assert detail["state"]["reason"] == "by hand"
    assert detail["previousState"]["value"] == "OK"
    [metric] = detail["configuration"]["metrics"]
    assert metric["metricStat"]["metric"]["name"] == "TargetResponseTime"
    assert "TargetGroup" in metric["metricStat"]["metric"]["dimensions"]
    assert child in seen[parent]["detail"]["configuration"]["alarmRule"]
