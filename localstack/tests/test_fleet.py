"""A group's size decides which targets exist, and whether they are healthy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conftest import eventually

Aws = Callable[[str], Any]


def resize(aws: Aws, world: dict[str, Any], side: str, desired: int) -> None:
    aws("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=f"{world['prefix']}-{side}", DesiredCapacity=desired
    )


def target_states(aws: Aws, world: dict[str, Any], side: str) -> list[str]:
    answer = aws("elbv2").describe_target_health(TargetGroupArn=world["target_groups"][side])
    return [d["TargetHealth"]["State"] for d in answer["TargetHealthDescriptions"]]


def test_instances_of_a_raised_group_become_in_service_and_healthy(
    aws: Aws, world: dict[str, Any]
) -> None:
    resize(aws, world, "green", 3)
    eventually(lambda: target_states(aws, world, "green") == ["healthy"] * 3)
    name = f"{world['prefix']}-green"
    answer = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    instances = answer["AutoScalingGroups"][0]["Instances"]
    assert [i["LifecycleState"] for i in instances] == ["InService"] * 3


def test_instances_of_a_lowered_group_leave_their_target_group(
    aws: Aws, world: dict[str, Any]
) -> None:
    resize(aws, world, "green", 2)
    eventually(lambda: len(target_states(aws, world, "green")) == 2)
    resize(aws, world, "green", 0)
    eventually(lambda: target_states(aws, world, "green") == [])
