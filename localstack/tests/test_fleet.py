"""A group's size decides, over time, which instances exist and which targets are healthy."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conftest import eventually

Aws = Callable[[str], Any]


@pytest.fixture
def green(aws: Aws, world: dict[str, Any]) -> Green:
    return Green(aws, world)


class Green:
    """The green fleet of a world, empty at first."""

    def __init__(self, aws: Aws, world: dict[str, Any]) -> None:
        self.autoscaling = aws("autoscaling")
        self.elbv2 = aws("elbv2")
        self.name = f"{world['prefix']}-green"
        self.target_group = world["target_groups"]["green"]

    def update(self, **fields: Any) -> None:
        self.autoscaling.update_auto_scaling_group(AutoScalingGroupName=self.name, **fields)

    def group(self) -> dict[str, Any]:
        answer = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])
        group: dict[str, Any] = answer["AutoScalingGroups"][0]
        return group

    def lifecycle(self) -> list[str]:
        return [i["LifecycleState"] for i in self.group()["Instances"]]

    def health(self) -> list[str]:
        answer = self.elbv2.describe_target_health(TargetGroupArn=self.target_group)
        return [d["TargetHealth"]["State"] for d in answer["TargetHealthDescriptions"]]


def test_a_raised_group_launches_registers_and_becomes_healthy(green: Green) -> None:
    green.update(DesiredCapacity=3)
    seen = []

    def launched() -> bool:
        # Asked first: who is pending afterwards was so before, however busy the machine is.
        registered, lifecycle = green.health(), green.lifecycle()
        seen.append((registered, lifecycle))
        return lifecycle == ["InService"] * 3

    eventually(launched)
    assert ([], ["Pending"] * 3) in seen
    assert all(registered == [] for registered, lifecycle in seen if lifecycle == ["Pending"] * 3)
    eventually(lambda: green.health() == ["healthy"] * 3)


def test_a_lowered_group_drains_before_it_terminates(green: Green) -> None:
    green.update(DesiredCapacity=1)
    eventually(lambda: green.health() == ["healthy"])
    green.update(DesiredCapacity=0)
    seen = []

    def drained() -> bool:
        # Who drains before and after is there in between.
        before, lifecycle, after = green.health(), green.lifecycle(), green.health()
        seen.append((before, lifecycle, after))
        return after == []

    eventually(drained)
    draining = [lifecycle for before, lifecycle, after in seen if before == after == ["draining"]]
    assert draining
    assert all(lifecycle == ["Terminating"] for lifecycle in draining)
    eventually(lambda: green.lifecycle() == [])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"DesiredCapacity": 9}, "Desired capacity:9 must be between"),
        ({"MinSize": 9}, "Max bound, 8, must be greater than or equal to min bound, 9"),
    ],
)
def test_a_size_outside_the_bounds_is_refused(
    green: Green, fields: dict[str, int], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        green.update(**fields)


def test_moving_a_bound_past_the_size_moves_the_size(green: Green) -> None:
    green.update(MinSize=3)
    assert green.group()["DesiredCapacity"] == 3
    green.update(MinSize=0, MaxSize=1)
    assert green.group()["DesiredCapacity"] == 1


def test_a_suspended_launch_launches_nothing(green: Green) -> None:
    green.autoscaling.suspend_processes(
        AutoScalingGroupName=green.name, ScalingProcesses=["Launch"]
    )
    green.update(DesiredCapacity=1)
    with pytest.raises(AssertionError):
        eventually(green.lifecycle, within=0.5)
    green.autoscaling.resume_processes(AutoScalingGroupName=green.name, ScalingProcesses=["Launch"])
    eventually(lambda: green.lifecycle() == ["Pending"])


def test_a_launch_waits_for_its_lifecycle_hook(green: Green) -> None:
    hook = {"AutoScalingGroupName": green.name, "LifecycleHookName": "warm"}
    green.autoscaling.put_lifecycle_hook(
        **hook, LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING", HeartbeatTimeout=60
    )
    green.update(DesiredCapacity=1)
    eventually(lambda: green.lifecycle() == ["Pending:Wait"])
    green.autoscaling.complete_lifecycle_action(
        **hook,
        LifecycleActionResult="CONTINUE",
        InstanceId=green.group()["Instances"][0]["InstanceId"],
    )
    eventually(lambda: green.lifecycle() == ["InService"])


def test_instances_of_an_unhealthy_version_never_become_healthy(
    aws: Aws, green: Green, world: dict[str, Any]
) -> None:
    behaviour = json.dumps({"version": "2", "healthy": False})
    version = aws("ec2").create_launch_template_version(
        LaunchTemplateId=world["launch_template"],
        SourceVersion="1",
        LaunchTemplateData={"UserData": base64.b64encode(behaviour.encode()).decode()},
    )["LaunchTemplateVersion"]["VersionNumber"]
    template = {"LaunchTemplateId": world["launch_template"], "Version": str(version)}
    green.update(DesiredCapacity=1, LaunchTemplate=template)
    eventually(lambda: green.health() == ["unhealthy"])
    assert green.group()["Instances"][0]["LaunchTemplate"]["Version"] == "2"


def test_an_instance_marked_unhealthy_is_replaced(green: Green) -> None:
    green.update(DesiredCapacity=1)
    eventually(lambda: green.lifecycle() == ["InService"])
    first = green.group()["Instances"][0]["InstanceId"]
    green.autoscaling.set_instance_health(InstanceId=first, HealthStatus="Unhealthy")
    eventually(lambda: green.lifecycle() == ["InService"] and first not in str(green.group()))
