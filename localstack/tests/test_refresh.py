"""An instance refresh replaces a group in batches, and can be held, cancelled and rolled back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conftest import eventually

Aws = Callable[[str], Any]


class Blue:
    """The blue fleet of a world, of four instances, with a second template version at hand."""

    def __init__(self, aws: Aws, world: dict[str, Any]) -> None:
        self.autoscaling, self.cloudwatch = aws("autoscaling"), aws("cloudwatch")
        self.name = f"{world['prefix']}-blue"
        self.template = world["launch_template"]
        aws("ec2").create_launch_template_version(
            LaunchTemplateId=self.template, SourceVersion="1", LaunchTemplateData={}
        )
        self.autoscaling.update_auto_scaling_group(
            AutoScalingGroupName=self.name, DesiredCapacity=4
        )
        eventually(lambda: self.versions() == ["1"] * 4)

    def start(self, **preferences: Any) -> str:
        template = {"LaunchTemplateId": self.template, "Version": "2"}
        answer = self.autoscaling.start_instance_refresh(
            AutoScalingGroupName=self.name,
            DesiredConfiguration={"LaunchTemplate": template},
            Preferences={"MinHealthyPercentage": 50, "InstanceWarmup": 0, **preferences},
        )
        identifier: str = answer["InstanceRefreshId"]
        return identifier

    def latest(self) -> dict[str, Any]:
        answer = self.autoscaling.describe_instance_refreshes(AutoScalingGroupName=self.name)
        refresh: dict[str, Any] = answer["InstanceRefreshes"][0]
        return refresh

    def group(self) -> dict[str, Any]:
        answer = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])
        group: dict[str, Any] = answer["AutoScalingGroups"][0]
        return group

    def versions(self) -> list[str]:
        """Of the instances in service."""
        instances = [i for i in self.group()["Instances"] if i["LifecycleState"] == "InService"]
        return sorted(i["LaunchTemplate"]["Version"] for i in instances)

    def until(self, status: str) -> dict[str, Any]:
        eventually(lambda: self.latest()["Status"] == status, within=40)
        return self.latest()


@pytest.fixture
def blue(aws: Aws, world: dict[str, Any]) -> Blue:
    return Blue(aws, world)


def test_a_refresh_replaces_all_and_only_then_changes_the_group(blue: Blue) -> None:
    identifier = blue.start()
    fewest, deadline = 4, time.monotonic() + 40
    while blue.latest()["Status"] in ("Pending", "InProgress") and time.monotonic() < deadline:
        fewest = min(fewest, len(blue.versions()))
    done = blue.until("Successful")
    assert (done["InstanceRefreshId"], done["PercentageComplete"]) == (identifier, 100)
    assert blue.versions() == ["2"] * 4
    assert blue.group()["LaunchTemplate"]["Version"] == "2"
    assert fewest == 2


def test_with_room_above_no_capacity_is_lost(blue: Blue) -> None:
    blue.start(MinHealthyPercentage=100, MaxHealthyPercentage=150)
    fewest = 4
    while blue.latest()["Status"] in ("Pending", "InProgress"):
        fewest = min(fewest, len(blue.versions()))
    assert blue.until("Successful")["PercentageComplete"] == 100
    assert (fewest, blue.versions()) == (4, ["2"] * 4)


def test_a_second_refresh_is_refused_while_one_runs(blue: Blue) -> None:
    blue.start()
    with pytest.raises(ClientError, match="already in progress"):
        blue.start()


def test_a_suspended_process_holds_the_refresh_at_its_checkpoint(blue: Blue) -> None:
    process = {"AutoScalingGroupName": blue.name, "ScalingProcesses": ["InstanceRefresh"]}
    blue.start(CheckpointPercentages=[50, 100], CheckpointDelay=2)
    eventually(lambda: blue.latest()["PercentageComplete"] == 50, within=20)
    blue.autoscaling.suspend_processes(**process)
    time.sleep(3)
    assert blue.versions() == ["1", "1", "2", "2"]
    assert blue.latest()["Status"] == "InProgress"
    blue.autoscaling.resume_processes(**process)
    assert blue.until("Successful")["PercentageComplete"] == 100


def test_a_cancelled_refresh_leaves_a_mixed_fleet(blue: Blue) -> None:
    blue.start(CheckpointPercentages=[50, 100], CheckpointDelay=60)
    eventually(lambda: blue.versions() == ["1", "1", "2", "2"], within=20)
    blue.autoscaling.cancel_instance_refresh(AutoScalingGroupName=blue.name)
    blue.until("Cancelled")
    assert blue.versions() == ["1", "1", "2", "2"]
    assert blue.group()["LaunchTemplate"]["Version"] == "1"
    with pytest.raises(ClientError, match="No in progress"):
        blue.autoscaling.cancel_instance_refresh(AutoScalingGroupName=blue.name)


def test_a_rollback_brings_the_old_version_back(blue: Blue) -> None:
    blue.start(CheckpointPercentages=[50, 100], CheckpointDelay=60)
    eventually(lambda: blue.latest()["PercentageComplete"] == 50, within=20)
    blue.autoscaling.rollback_instance_refresh(AutoScalingGroupName=blue.name)
    done = blue.until("RollbackSuccessful")
    assert done["RollbackDetails"]["PercentageCompleteOnRollback"] == 50
    assert blue.versions() == ["1"] * 4


def test_an_alarm_rolls_back_by_itself_when_asked(blue: Blue) -> None:
    alarm = blue.name.replace("-blue", "-5xx")
    blue.start(
        AutoRollback=True,
        AlarmSpecification={"Alarms": [alarm]},
        CheckpointPercentages=[50, 100],
        CheckpointDelay=60,
    )
    eventually(lambda: blue.latest()["PercentageComplete"] == 50, within=20)
    blue.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    assert alarm in blue.until("RollbackSuccessful")["RollbackDetails"]["RollbackReason"]
    assert blue.versions() == ["1"] * 4


def test_skip_matching_finishes_at_once_when_nothing_differs(blue: Blue) -> None:
    blue.autoscaling.start_instance_refresh(
        AutoScalingGroupName=blue.name, Preferences={"SkipMatching": True}
    )
    before = {i["InstanceId"] for i in blue.group()["Instances"]}
    blue.until("Successful")
    assert {i["InstanceId"] for i in blue.group()["Instances"]} == before


def test_without_a_desired_configuration_there_is_no_rollback(blue: Blue) -> None:
    name = {"AutoScalingGroupName": blue.name}
    with pytest.raises(ClientError, match="AutoRollback requires"):
        blue.autoscaling.start_instance_refresh(**name, Preferences={"AutoRollback": True})
    blue.autoscaling.start_instance_refresh(**name)
    with pytest.raises(ClientError) as refused:
        blue.autoscaling.rollback_instance_refresh(**name)
    assert refused.value.response["Error"]["Code"] == "IrreversibleInstanceRefresh"
