"""The rolling world: an instance refresh under load, held, finished and rolled back."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3

from conftest import eventually
from tidegate_localstack.process.instance import Record
from tidegate_localstack.worlds.rolling import BAD, GOOD, RollingWorld
from tidegate_localstack.worlds.world import Clients

Aws = Callable[[str], Any]
_numbers = itertools.count(1)
RUNNING = ("Pending", "InProgress", "RollbackInProgress")


class Fleet:
    """One seeded world."""

    def __init__(self, record: Record, aws: Aws) -> None:
        self.autoscaling, self.cloudwatch = aws("autoscaling"), aws("cloudwatch")
        prefix = f"rolling-{next(_numbers)}"
        self.world = RollingWorld(Clients.from_environment(), prefix).seed()
        self.name = {"AutoScalingGroupName": f"{prefix}-fleet"}
        self.host = {"Host": self.world["dns_name"]}
        self.pool = urllib3.HTTPConnectionPool("127.0.0.1", record.port, maxsize=8, retries=False)

    def start(self, version: int, **preferences: Any) -> None:
        template = {"LaunchTemplateId": self.world["launch_template"], "Version": str(version)}
        self.autoscaling.start_instance_refresh(
            **self.name,
            DesiredConfiguration={"LaunchTemplate": template},
            Preferences={"MinHealthyPercentage": 50, "InstanceWarmup": 0, **preferences},
        )

    def refresh(self) -> dict[str, Any]:
        answer = self.autoscaling.describe_instance_refreshes(**self.name)
        found: dict[str, Any] = answer["InstanceRefreshes"][0]
        return found

    def group(self) -> dict[str, Any]:
        answer = self.autoscaling.describe_auto_scaling_groups(
            AutoScalingGroupNames=list(self.name.values())
        )
        found: dict[str, Any] = answer["AutoScalingGroups"][0]
        return found

    def load(self) -> Counter[tuple[int, str]]:
        """What users are answered while the refresh runs."""

        def ask(_number: int) -> tuple[int, str]:
            answer = self.pool.request("GET", "/", headers=self.host)
            return answer.status, answer.json()["version"] if answer.status < 501 else ""

        found: Counter[tuple[int, str]] = Counter()
        deadline = time.monotonic() + 40
        with ThreadPoolExecutor(4) as threads:
            while self.refresh()["Status"] in RUNNING and time.monotonic() < deadline:
                found.update(threads.map(ask, range(50)))
            found.update(threads.map(ask, range(50)))
        return found


@pytest.fixture
def fleet(localstack: Record, aws: Aws) -> Fleet:
    return Fleet(localstack, aws)


def test_a_refresh_under_load_loses_no_request(fleet: Fleet) -> None:
    fleet.start(GOOD)
    answers = fleet.load()
    assert fleet.refresh()["Status"] == "Successful"
    assert fleet.group()["LaunchTemplate"]["Version"] == "2"
    assert {status for status, _ in answers} == {200}
    assert {version for _, version in answers} == {"1", "2"}
    assert sum(answers.values()) > 100


def test_a_rollback_under_load_loses_no_request_and_keeps_the_version(fleet: Fleet) -> None:
    fleet.start(GOOD, CheckpointPercentages=[50, 100], CheckpointDelay=60)
    eventually(lambda: fleet.refresh()["PercentageComplete"] == 50, within=30)
    fleet.autoscaling.rollback_instance_refresh(**fleet.name)
    answers = fleet.load()
    assert fleet.refresh()["Status"] == "RollbackSuccessful"
    assert fleet.group()["LaunchTemplate"]["Version"] == "1"
    assert {status for status, _ in answers} == {200}


def test_suspending_holds_a_refresh_between_batches_and_shows_on_the_group(fleet: Fleet) -> None:
    process = {**fleet.name, "ScalingProcesses": ["InstanceRefresh"]}

    def versions() -> list[str]:
        found = fleet.group()["Instances"]
        instances = [i for i in found if i["LifecycleState"] == "InService"]
        return sorted(i["LaunchTemplate"]["Version"] for i in instances)

    fleet.start(GOOD, MinHealthyPercentage=75)
    eventually(lambda: "2" in versions(), within=20)
    fleet.autoscaling.suspend_processes(**process)
    suspended = [p["ProcessName"] for p in fleet.group()["SuspendedProcesses"]]
    assert suspended == ["InstanceRefresh"]
    time.sleep(3)  # what was under way has come to its end
    held = versions()
    assert {"1", "2"} == set(held)
    time.sleep(2)
    assert (versions(), fleet.refresh()["Status"]) == (held, "InProgress")
    fleet.autoscaling.resume_processes(**process)
    assert fleet.group()["SuspendedProcesses"] == []
    eventually(lambda: fleet.refresh()["Status"] == "Successful", within=40)
    assert versions() == ["2"] * 4


def test_the_bad_version_fires_the_alarm(fleet: Fleet) -> None:
    fleet.start(BAD, MinHealthyPercentage=0)
    name = f"{fleet.world['prefix']}-5xx"
    fleet.load()

    def state() -> str:
        for _ in range(50):
            fleet.pool.request("GET", "/", headers=fleet.host)
        alarms = fleet.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        value: str = alarms[0]["StateValue"]
        return value

    eventually(lambda: state() == "ALARM", within=20)
