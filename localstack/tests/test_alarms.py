"""Alarms follow their metrics, composites their children, and the history tells when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conftest import eventually
from tidegate_localstack.emulated.alarm_rules import RuleError, children, evaluate
from tidegate_localstack.worlds.world import target_group_alarms

Aws = Callable[[str], Any]
BOTH = ["MetricAlarm", "CompositeAlarm"]


def publish(aws: Aws, world: dict[str, Any], kind: str, value: float) -> None:
    spec = target_group_alarms(world["load_balancer"], world["target_groups"]["green"])[kind]
    datum = {"MetricName": spec["MetricName"], "Dimensions": spec["Dimensions"], "Value": value}
    aws("cloudwatch").put_metric_data(Namespace=spec["Namespace"], MetricData=[datum])


def states(aws: Aws, world: dict[str, Any]) -> dict[str, str]:
    names = [f"{world['prefix']}-{kind}" for kind in ("5xx", "latency", "composite")]
    answer = aws("cloudwatch").describe_alarms(AlarmNames=names, AlarmTypes=BOTH)
    found = answer["MetricAlarms"] + answer["CompositeAlarms"]
    return {a["AlarmName"].rpartition("-")[2]: a["StateValue"] for a in found}


def test_bad_data_fires_the_alarm_and_its_composite_and_no_other(
    aws: Aws, world: dict[str, Any]
) -> None:
    assert states(aws, world) == {"5xx": "OK", "latency": "OK", "composite": "OK"}
    publish(aws, world, "5xx", 3)
    with pytest.raises(AssertionError):  # 3 is the threshold, not above it
        eventually(lambda: states(aws, world)["5xx"] == "ALARM", within=2)
    publish(aws, world, "5xx", 1)
    eventually(
        lambda: states(aws, world) == {"5xx": "ALARM", "latency": "OK", "composite": "ALARM"}
    )


def test_a_pulse_too_short_to_see_is_in_the_history(aws: Aws, world: dict[str, Any]) -> None:
    cloudwatch, name = aws("cloudwatch"), f"{world['prefix']}-latency"
    before = datetime.now(UTC) - timedelta(seconds=1)
    for state in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="pulse")
    history = cloudwatch.describe_alarm_history(
        AlarmName=name, HistoryItemType="StateUpdate", StartDate=before
    )["AlarmHistoryItems"]
    summaries = [item["HistorySummary"] for item in history]
    assert summaries[:2] == ["Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM"]
    assert history[1]["Timestamp"] <= history[0]["Timestamp"]
    alarm = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    assert alarm["StateTransitionedTimestamp"] == history[0]["Timestamp"]
    later = history[0]["Timestamp"] + timedelta(seconds=1)
    assert (
        cloudwatch.describe_alarm_history(AlarmName=name, StartDate=later)["AlarmHistoryItems"]
        == []
    )


def test_a_state_set_by_hand_gives_way_to_the_data(aws: Aws, world: dict[str, Any]) -> None:
    name = f"{world['prefix']}-5xx"
    aws("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    assert states(aws, world)["composite"] == "ALARM"
    eventually(lambda: states(aws, world) == {"5xx": "OK", "latency": "OK", "composite": "OK"})


def test_changing_an_alarm_keeps_its_state(aws: Aws, world: dict[str, Any]) -> None:
    publish(aws, world, "5xx", 50)
    eventually(lambda: states(aws, world)["5xx"] == "ALARM")
    name, groups = f"{world['prefix']}-5xx", world["target_groups"]
    spec = target_group_alarms(world["load_balancer"], groups["green"])["5xx"]
    aws("cloudwatch").put_metric_alarm(AlarmName=name, **{**spec, "Threshold": 4.0})
    assert states(aws, world)["5xx"] == "ALARM"


def test_without_alarm_types_composites_are_not_described(aws: Aws, world: dict[str, Any]) -> None:
    answer = aws("cloudwatch").describe_alarms(AlarmNames=[f"{world['prefix']}-composite"])
    assert answer["CompositeAlarms"] == []


def test_more_than_a_hundred_names_are_refused(aws: Aws, world: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="less than or equal to 100"):
        aws("cloudwatch").describe_alarms(AlarmNames=[f"alarm-{n}" for n in range(101)])


def test_metrics_are_found_by_exactly_their_dimensions(aws: Aws, world: dict[str, Any]) -> None:
    publish(aws, world, "latency", 0.25)
    end = datetime.now(UTC) + timedelta(seconds=10)
    balancer = world["load_balancer"].partition(":loadbalancer/")[2]
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": "TargetResponseTime"}

    def values(dimensions: list[dict[str, str]], stat: str) -> list[float]:
        query = {"Metric": {**metric, "Dimensions": dimensions}, "Period": 60, "Stat": stat}
        answer = aws("cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "m", "MetricStat": query}],
            StartTime=end - timedelta(seconds=120),
            EndTime=end,
        )
        found: list[float] = answer["MetricDataResults"][0]["Values"]
        return found

    only_balancer = [{"Name": "LoadBalancer", "Value": balancer}]
    group = world["target_groups"]["green"].rpartition(":")[2]
    assert values(only_balancer, "Sum") == []
    assert values([*only_balancer, {"Name": "TargetGroup", "Value": group}], "p99") == [0.25]


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ('ALARM("bad")', True),
        ("ALARM(bad) AND OK(good)", True),
        ("OK(bad) OR NOT ALARM(bad)", False),
        ("NOT (ALARM(good) OR ALARM(good)) AND TRUE", True),
        ('ALARM("good") OR ALARM("bad") AND FALSE', False),
        ("INSUFFICIENT_DATA(arn:aws:cloudwatch:eu-west-1:1:alarm:new)", True),
    ],
)
def test_composite_rules(rule: str, holds: bool) -> None:
    known = {"bad": "ALARM", "good": "OK"}
    assert evaluate(rule, lambda name: known.get(name, "INSUFFICIENT_DATA")) is holds


@pytest.mark.parametrize("rule", ["", "ALARM(a) OR", "(ALARM(a)", "ALARM(a) OK(b)", "BAD(a)"])
def test_an_unreadable_rule_is_an_error(rule: str) -> None:
    with pytest.raises(RuleError):
        evaluate(rule, lambda _name: "OK")


def test_a_rule_names_its_children() -> None:
    assert children('ALARM("a b") OR NOT OK(c)') == ["a b", "c"]
