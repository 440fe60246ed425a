"""Tells EventBridge's default bus of every change of an alarm's state, as CloudWatch does.

Who wants to know makes a rule; matching and delivery are LocalStack's own.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from localstack.aws.connect import connect_to
from localstack.services.plugins import SERVICE_PLUGINS

LOG = logging.getLogger(__name__)

SOURCE = "aws.cloudwatch"
DETAIL_TYPE = "CloudWatch Alarm State Change"

# One, so that events arrive in the order of the changes; a thread, because the bus calls back into
# services whose handlers may wait for the lock that is held while an alarm changes.
_bus = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tidegate-alarm-events")


def state_of(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """The state an alarm is in, as events tell it."""
    changed: datetime = alarm["StateUpdatedTimestamp"]
    state = {
        "value": alarm["StateValue"],
        "reason": alarm["StateReason"],
        "timestamp": f"{changed:%Y-%m-%dT%H:%M:%S}.{changed.microsecond // 1000:03d}+0000",
    }
    if data := alarm.get("StateReasonData"):
        state["reasonData"] = data
    return state


def tell(context: Any, alarm: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Send the event of an alarm that is no longer in the state `before`."""
    if not SERVICE_PLUGINS.is_running("events"):
        return  # then there is no rule, either
    detail = {
        "alarmName": alarm["AlarmName"],
        "configuration": _configuration(alarm),
        "previousState": before,
        "state": state_of(alarm),
    }
    entry = {
        "Source": SOURCE,
        "DetailType": DETAIL_TYPE,
        "Time": alarm["StateUpdatedTimestamp"],
        "Resources": [alarm["AlarmArn"]],
        "Detail": json.dumps(detail),
    }
    _bus.submit(_put, context.account_id, context.region, entry)


def _configuration(alarm: Mapping[str, Any]) -> dict[str, Any]:
    configuration: dict[str, Any] = {}
    if description := alarm.get("AlarmDescription"):
        configuration["description"] = description
    if rule := alarm.get("AlarmRule"):
        return {**configuration, "alarmRule": rule}
    metric = {
        "namespace": alarm.get("Namespace"),
        "name": alarm.get("MetricName"),
        "dimensions": {d["Name"]: d["Value"] for d in alarm.get("Dimensions") or []},
    }
    stat = {
        "metric": metric,
        "period": alarm.get("Period"),
        "stat": alarm.get("Statistic") or alarm.get("ExtendedStatistic"),
    }
    return {**configuration, "metrics": [{"id": "m1", "metricStat": stat, "returnData": True}]}


def _put(account: str, region: str, entry: dict[str, Any]) -> None:
    try:
        events = connect_to(aws_access_key_id=account, region_name=region).events
        events.put_events(Entries=[entry])
    except Exception:
        LOG.exception("no event of %s", entry["Resources"])
