"""CloudWatch's alarms, where LocalStack's differ from AWS in ways a rollout notices.

In LocalStack an alarm counts breaching datapoints over more periods than asked for, history items
carry the time of the state before, asking for history since a time fails once there is any, a
changed alarm loses its state, and composite alarms follow only the simplest rules. The rest of
LocalStack's provider is used as it is. Chosen with PROVIDER_OVERRIDE_CLOUDWATCH=tidegate, which
`tide-aws` sets.
"""

from __future__ import annotations

import json
import logging
import re
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from botocore import xform_name
from localstack.aws.api import RequestContext, handler
from localstack.services.cloudwatch.alarm_scheduler import COMPARISON_OPS
from localstack.services.cloudwatch.models import (
    LocalStackCompositeAlarm,
    LocalStackMetricAlarm,
    cloudwatch_stores,
)
from localstack.services.cloudwatch.provider_v2 import CloudwatchProvider

from tidegate_localstack.emulated import alarm_events, alarm_rules, engine, paging
from tidegate_localstack.emulated.beside import Beside
from tidegate_localstack.emulated.handlers import refuse
from tidegate_localstack.emulated.metric_store import MetricStore, series_of
from tidegate_localstack.emulated.settings import SETTINGS

LOG = logging.getLogger(__name__)

MAX_RECORDS = 100
QUERY_ID = "[a-z][a-zA-Z0-9_]*"

COMPARISONS: dict[str, Any] = dict(COMPARISON_OPS)

_store = MetricStore()
_HELD_UNTIL = Beside(lambda _alarm: 0.0)
"""Until when an alarm stays as somebody has set it by hand."""


def metric_store() -> MetricStore:
    """The one store of metrics."""
    return _store


class _NoScheduler:
    """LocalStack schedules each alarm on its own; here the engine's tick evaluates them all."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_args, **_kwargs: None


_Base: Any = CloudwatchProvider  # its annotations promise more than the wire delivers


class Alarms(_Base):
    """LocalStack's CloudWatch with alarms that behave."""

    def __init__(self) -> None:
        super().__init__()
        self.cloudwatch_database = _store
        self.alarm_scheduler = _NoScheduler()
        self._due = 0.0

    def start_alarm_scheduler(self) -> None:
        """Nothing to start: see tick."""
        self.alarm_scheduler = _NoScheduler()

    def on_after_state_reset(self) -> None:
        """The store was emptied in place; the base class dropped its scheduler."""
        self.alarm_scheduler = _NoScheduler()

    @handler("GetMetricData", expand=False)
    def get_metric_data(self, context: RequestContext, request: Any) -> Any:
        """Values of metrics; expressions and search are not emulated."""
        queries = request["MetricDataQueries"]
        check_ids(queries, "MetricDataQueries")
        if request["StartTime"] >= request["EndTime"]:
            raise refuse(
                "ValidationError",
                "The parameter StartTime must be less than the parameter EndTime.",
            )
        if any("MetricStat" not in query for query in queries):
            raise NotImplementedError("GetMetricData with an expression is not emulated")
        return super().get_metric_data(context, **{xform_name(k): v for k, v in request.items()})

    @handler("PutMetricAlarm", expand=False)
    def put_metric_alarm(self, context: RequestContext, request: Any) -> None:
        """Create or change an alarm; a changed one keeps its state."""
        check_ids(request.get("Metrics") or [], "Metrics")
        with engine.LOCK:
            before = self._find(context, request["AlarmName"])
            super().put_metric_alarm(context, request)
            self._keep_state(context, request["AlarmName"], before)

    @handler("PutCompositeAlarm", expand=False)
    def put_composite_alarm(self, context: RequestContext, request: Any) -> None:
        """Create or change a composite alarm and evaluate it at once."""
        with engine.LOCK:
            try:
                mentioned = alarm_rules.children(request["AlarmRule"])
                alarm_rules.evaluate(request["AlarmRule"], lambda _alarm: "OK")
            except alarm_rules.RuleError as error:
                raise refuse("ValidationError", f"AlarmRule: {error}") from error
            missing = [name for name in mentioned if self._find(context, name) is None]
            if missing:
                raise refuse("ValidationError", f"Could not find alarms: {', '.join(missing)}")
            before = self._find(context, request["AlarmName"])
            super().put_composite_alarm(context, request)
            self._keep_state(context, request["AlarmName"], before)
            self._evaluate_composite_alarms(context, None)

    def _validate_alarm_rule_expression(self, _alarm_rule: str) -> list[str]:
        return []  # checked in put_composite_alarm, and more is supported than LocalStack thinks

    def _keep_state(self, context: RequestContext, name: str, before: Any) -> None:
        if before is not None:
            kept = {k: v for k, v in before.alarm.items() if k.startswith("State")}
            self._find(context, name).alarm.update(kept)

    def _find(self, context: Any, name: str) -> Any:
        arn = f"arn:aws:cloudwatch:{context.region}:{context.account_id}:alarm:"
        store = self.get_store(context.account_id, context.region)
        return store.alarms.get(name if name.startswith("arn:") else arn + name)

    def set_alarm_state(
        self,
        context: RequestContext,
        alarm_name: str,
        state_value: str,
        state_reason: str,
        state_reason_data: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Set a state by hand; evaluation takes over again after a while, as in AWS."""
        with engine.LOCK:
            super().set_alarm_state(
                context, alarm_name, state_value, state_reason, state_reason_data, **kwargs
            )
            by_hand = time.monotonic() + SETTINGS.alarm_hold_seconds
            _HELD_UNTIL.put(self._find(context, alarm_name), by_hand)

    @handler("DescribeAlarms", expand=False)
    def describe_alarms(self, context: RequestContext, request: Any) -> Any:
        """As AWS: without AlarmTypes only metric alarms, in pages."""
        alarm_names = request.get("AlarmNames") or []
        for parameter in ("ChildrenOfAlarmName", "ParentsOfAlarmName", "ActionPrefix"):
            if request.get(parameter):
                raise NotImplementedError(f"DescribeAlarms with {parameter} is not emulated")
        with engine.LOCK:
            store = self.get_store(context.account_id, context.region)
            found = [
                (kind, alarm.alarm)
                for alarm in store.alarms.values()
                if (kind := _kind(alarm)) in (request.get("AlarmTypes") or ["MetricAlarm"])
                and (not alarm_names or alarm.alarm["AlarmName"] in alarm_names)
                and alarm.alarm["AlarmName"].startswith(request.get("AlarmNamePrefix") or "")
                and request.get("StateValue") in (None, alarm.alarm["StateValue"])
            ]
            page, token = _page(found, request)
            return {
                "MetricAlarms": [dict(alarm) for kind, alarm in page if kind == "MetricAlarm"],
                "CompositeAlarms": [dict(alarm) for kind, alarm in page if kind != "MetricAlarm"],
                **token,
            }

    @handler("DescribeAlarmHistory", expand=False)
    def describe_alarm_history(self, context: RequestContext, request: Any) -> Any:
        """State changes, newest first unless asked otherwise, in pages."""
        with engine.LOCK:
            items = list(self.get_store(context.account_id, context.region).histories)
        start, end = request.get("StartDate"), request.get("EndDate")
        items = [
            item
            for item in items
            if request.get("AlarmName") in (None, item["AlarmName"])
            and item["AlarmType"] in (request.get("AlarmTypes") or [item["AlarmType"]])
            and request.get("HistoryItemType") in (None, item["HistoryItemType"])
            and (start is None or item["Timestamp"] >= start)
            and (end is None or item["Timestamp"] <= end)
        ]
        if request.get("ScanBy") != "TimestampAscending":
            items.reverse()
        page, token = _page(items, request)
        return {"AlarmHistoryItems": page, **token}

    def _update_state(
        self,
        context: Any,
        alarm: Any,
        state_value: str,
        state_reason: str,
        state_reason_data: dict[str, Any] | None = None,
    ) -> None:
        """Change a state, write it into the history with the time it happened, and tell of it."""
        now, before = datetime.now(UTC), alarm_events.state_of(alarm.alarm)
        old = alarm.alarm["StateValue"]
        states = {
            "oldState": {"stateValue": old, "stateReason": alarm.alarm["StateReason"]},
            "newState": {
                "stateValue": state_value,
                "stateReason": state_reason,
                "stateReasonData": state_reason_data,
            },
        }
        self.get_store(context.account_id, context.region).histories.append(
            {
                "Timestamp": now,
                "HistoryItemType": "StateUpdate",
                "AlarmName": alarm.alarm["AlarmName"],
                "AlarmType": _kind(alarm),
                "HistoryData": json.dumps({"version": "1.0", **states}),
                "HistorySummary": f"Alarm updated from {old} to {state_value}",
            }
        )
        alarm.alarm.update(
            StateValue=state_value,
            StateReason=state_reason,
            StateUpdatedTimestamp=now,
            StateTransitionedTimestamp=now,
        )
        if state_reason_data:
            alarm.alarm["StateReasonData"] = json.dumps(state_reason_data)
        alarm_events.tell(context, alarm.alarm, before)

    def _evaluate_composite_alarms(self, context: Any, _triggering_alarm: Any) -> None:
        """Bring every composite alarm in line with its children, in as many rounds as needed."""
        store = self.get_store(context.account_id, context.region)
        composites = [a for a in store.alarms.values() if _kind(a) == "CompositeAlarm"]
        for _round in range(len(composites)):
            changed = False
            for composite in composites:
                if time.monotonic() >= _HELD_UNTIL.of(composite):
                    changed |= self._evaluate_composite(context, composite)
            if not changed:
                return

    def _evaluate_composite(self, context: Any, composite: LocalStackCompositeAlarm) -> bool:
        alarm: Any = composite.alarm

        def state_of(name: str) -> str:
            child = self._find(context, name)
            return str(child.alarm["StateValue"]) if child else "INSUFFICIENT_DATA"

        state = "ALARM" if alarm_rules.evaluate(alarm["AlarmRule"], state_of) else "OK"
        if state == alarm["StateValue"]:
            return False
        mentioned = alarm_rules.children(alarm["AlarmRule"])
        states = ", ".join(f"{name} is {state_of(name)}" for name in mentioned)
        old = alarm["StateValue"]
        self._update_state(context, composite, state, f"{alarm['AlarmRule']}: {states}")
        child = next((found for name in mentioned if (found := self._find(context, name))), None)
        if alarm["ActionsEnabled"] and child is not None:
            self._run_composite_alarm_actions(context, composite, old, child)
        return True

    def tick(self, now: float) -> None:
        """Evaluate every alarm that is due."""
        if now < self._due:
            return
        self._due = now + SETTINGS.alarm_seconds
        for account, regions in list(cloudwatch_stores.items()):
            for region, store in list(regions.items()):
                context = SimpleNamespace(account_id=account, region=region)
                for alarm in list(store.alarms.values()):
                    held = now < _HELD_UNTIL.of(alarm)
                    if isinstance(alarm, LocalStackMetricAlarm) and not held:
                        self._evaluate_metric_alarm(context, alarm)
                self._evaluate_composite_alarms(context, None)

    def _evaluate_metric_alarm(self, context: Any, alarm: LocalStackMetricAlarm) -> None:
        spec: Any = alarm.alarm
        if "MetricName" not in spec or spec["ComparisonOperator"] not in COMPARISONS:
            return  # metric math and anomaly detection are not emulated; the alarm stays as it is
        values = self._datapoints(context, spec)
        state = judge(spec, values)
        if state is None or state == spec["StateValue"]:
            return
        shown = [v for v in values if v is not None]
        reason = f"Threshold Crossed: {len(shown)} datapoints {shown} against {spec['Threshold']}"
        data = {
            "version": "1.0",
            "queryDate": datetime.now(UTC).isoformat(),
            "statistic": spec.get("Statistic") or spec.get("ExtendedStatistic"),
            "period": spec["Period"],
            "recentDatapoints": shown,
            "threshold": spec["Threshold"],
        }
        super().set_alarm_state(context, spec["AlarmName"], state, reason, json.dumps(data))

    def _datapoints(self, context: Any, spec: Any) -> list[float | None]:
        """The values of the evaluated periods, newest first; the newest ends now."""
        key = series_of(
            context.account_id,
            context.region,
            spec["Namespace"],
            spec["MetricName"],
            spec.get("Dimensions") or [],
        )
        statistic = spec.get("Statistic") or spec["ExtendedStatistic"]
        # The second that has just begun belongs to the newest period.
        end = int(time.time()) + 1
        periods = int(spec["EvaluationPeriods"]) + int(SETTINGS.alarm_extra_periods)
        values: list[float | None] = []
        for index in range(periods):
            bucket = _store.over(
                key, end - (index + 1) * spec["Period"], end - index * spec["Period"]
            )
            values.append(bucket.statistic(statistic) if bucket else None)
        return values


def check_ids(queries: list[Any], parameter: str) -> None:
    """Refuse ids of queries that AWS refuses, which its model does not tell of."""
    ids = [query["Id"] for query in queries]
    for number, identifier in enumerate(ids, 1):
        if not re.fullmatch(QUERY_ID, identifier):
            raise refuse(
                "ValidationError",
                f"The value {identifier} for parameter {parameter}.member.{number}.Id is not "
                f"matching the expected pattern ^{QUERY_ID}$.",
            )
    if len(set(ids)) < len(ids):
        raise refuse(
            "ValidationError", f"The values for parameter id in {parameter} are not unique."
        )


def _page(items: list[Any], request: Any) -> tuple[list[Any], dict[str, str]]:
    """The page a request asks for, and the token of the next one if there is one."""
    start = paging.offset_of(request.get("NextToken"), "InvalidNextToken")
    size = int(request.get("MaxRecords") or MAX_RECORDS)
    more = start + size < len(items)
    return items[start : start + size], {"NextToken": paging.token_at(start + size)} if more else {}


def _kind(alarm: Any) -> str:
    return "CompositeAlarm" if isinstance(alarm, LocalStackCompositeAlarm) else "MetricAlarm"


def judge(spec: Any, values: list[float | None]) -> str | None:
    """The state datapoints (newest first) call for, or None to leave it as it is.

    Missing datapoints count only as far as there are fewer real ones than periods to evaluate.
    """
    periods = int(spec["EvaluationPeriods"])
    needed = int(spec.get("DatapointsToAlarm") or periods)
    breaches = COMPARISONS[spec["ComparisonOperator"]]
    real = [bool(breaches(value, spec["Threshold"])) for value in values if value is not None]
    missing = spec.get("TreatMissingData", "missing")
    if not real and missing in ("missing", "ignore"):
        return "INSUFFICIENT_DATA" if missing == "missing" else None
    judged = real[:periods]
    if missing in ("breaching", "notBreaching"):
        judged += [missing == "breaching"] * (periods - len(judged))
    return "ALARM" if judged.count(True) >= needed else "OK"
