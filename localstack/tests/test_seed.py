"""The seeded world is the one the plans name, and seeding is safe to repeat."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tidegate_localstack.worlds.seed import KINDS, default_prefix, prefix
from tidegate_localstack.worlds.world import Clients, World

Aws = Callable[[str], Any]


def test_rule_starts_with_all_traffic_on_blue(aws: Aws, world: dict[str, Any]) -> None:
    rule = aws("elbv2").describe_rules(RuleArns=[world["rule"]])["Rules"][0]
    weights = {
        group["TargetGroupArn"]: group["Weight"]
        for group in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
    }
    groups = world["target_groups"]
    assert rule["Priority"] == "10"
    assert weights == {groups["blue"]: 999, groups["green"]: 0}


def test_default_action_answers_404(aws: Aws, world: dict[str, Any]) -> None:
    answer = aws("elbv2").describe_listeners(ListenerArns=[world["listener"]])
    action = answer["Listeners"][0]["DefaultActions"][0]
    assert action["Type"] == "fixed-response"
    assert action["FixedResponseConfig"]["StatusCode"] == "404"


def test_fleets_start_with_two_blue_and_no_green_instances(aws: Aws, world: dict[str, Any]) -> None:
    names = [f"{world['prefix']}-{side}" for side in ("blue", "green")]
    answer = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=names)
    sizes = {
        group["AutoScalingGroupName"]: (
            group["MinSize"],
            group["DesiredCapacity"],
            group["MaxSize"],
        )
        for group in answer["AutoScalingGroups"]
    }
    assert sizes == {names[0]: (2, 2, 8), names[1]: (0, 0, 8)}


def test_blue_serves_once_the_seed_returns(aws: Aws, world: dict[str, Any]) -> None:
    answer = aws("elbv2").describe_target_health(TargetGroupArn=world["target_groups"]["blue"])
    states = [d["TargetHealth"]["State"] for d in answer["TargetHealthDescriptions"]]
    assert states == ["healthy"] * 2


def test_every_alarm_is_ok_after_the_seed(aws: Aws, world: dict[str, Any]) -> None:
    names = [f"{world['prefix']}-{kind}" for kind in ("5xx", "latency", "composite")]
    answer = aws("cloudwatch").describe_alarms(
        AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    states = {a["AlarmName"]: a["StateValue"] for a in answer["MetricAlarms"]}
    states |= {a["AlarmName"]: a["StateValue"] for a in answer["CompositeAlarms"]}
    assert states == dict.fromkeys(names, "OK")


def test_seeding_again_changes_nothing(aws: Aws, world: dict[str, Any]) -> None:
    def snapshot() -> list[Any]:
        rules = aws("elbv2").describe_rules(RuleArns=[world["rule"]])["Rules"]
        names = [f"{world['prefix']}-blue", f"{world['prefix']}-green"]
        groups = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=names)
        return [rules, groups["AutoScalingGroups"]]

    before = snapshot()
    again = World(Clients.from_environment(), world["prefix"]).seed()
    assert again == world
    assert snapshot() == before


@pytest.mark.parametrize("name", ["w1", "1st", "a.shop", "a" * 21])
def test_a_name_that_some_resource_cannot_have_is_refused_before_anything_is_made(
    name: str,
) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="2 to 19 more letters"):
        prefix(name)


@pytest.mark.parametrize("name", ["www", "fault007", *map(default_prefix, KINDS)])
def test_an_ordinary_name_is_taken(name: str) -> None:
    assert prefix(name) == name


def release(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tidegate_localstack.worlds.release", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_release_moves_the_green_group_to_a_new_version(world: dict[str, Any]) -> None:
    done = release("--prefix", world["prefix"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["group"] == f"{world['prefix']}-green"


def test_a_release_of_a_world_that_there_is_not_is_told_in_words(world: dict[str, Any]) -> None:
    done = release("--prefix", "nowhere")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("tide-aws: there is no world nowhere with a group nowhere-green;")
    assert world["prefix"] in done.stderr
    assert "Traceback" not in done.stderr
