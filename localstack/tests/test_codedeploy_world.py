"""The CodeDeploy world: releases change what users are answered, and lose no request of theirs."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError

from conftest import eventually
from tidegate_localstack.process.instance import Record
from tidegate_localstack.worlds.codedeploy import CodeDeployWorld
from tidegate_localstack.worlds.world import Clients

Aws = Callable[[str], Any]
_numbers = itertools.count(1)


class Shop:
    """One seeded world."""

    def __init__(self, record: Record, aws: Aws) -> None:
        self.client, self.autoscaling = aws("codedeploy"), aws("autoscaling")
        self.name = f"shop-{next(_numbers)}"
        self.world = CodeDeployWorld(Clients.from_environment(), self.name).seed()
        self.pool = urllib3.HTTPConnectionPool("127.0.0.1", record.port, maxsize=8, retries=False)

    def deploy(self, group: str, revision: str, **options: Any) -> str:
        location = {**self.world["revisions"][revision], "bundleType": "zip"}
        answer = self.client.create_deployment(
            applicationName=self.name,
            deploymentGroupName=group,
            revision={"revisionType": "S3", "s3Location": location},
            **options,
        )
        identifier: str = answer["deploymentId"]
        return identifier

    def replace(self, revision: str) -> str:
        """A blue/green deployment to the fleet that exists."""
        green = {"autoScalingGroups": [f"{self.name}-green"]}
        return self.deploy("existing", revision, targetInstances=green)

    def until(self, identifier: str, *statuses: str) -> dict[str, Any]:
        def info() -> dict[str, Any]:
            found: dict[str, Any] = self.client.get_deployment(deploymentId=identifier)
            return found["deploymentInfo"]

        eventually(lambda: info()["status"] in statuses, within=40)
        return info()

    def answers(self, balancer: str, while_running: str = "") -> Counter[tuple[int, str]]:
        """What users get: of 20 requests, or of all until a deployment is over."""
        host = {"Host": f"{balancer}.elb.localhost.localstack.cloud"}

        def ask(_number: int = 0) -> tuple[int, str]:
            answer = self.pool.request("GET", "/", headers=host)
            return answer.status, answer.json()["version"] if answer.status < 501 else ""

        if not while_running:
            return Counter(ask() for _ in range(20))
        found: Counter[tuple[int, str]] = Counter()
        with ThreadPoolExecutor(4) as threads:
            ongoing = ("Created", "Queued", "InProgress")
            while self.until(while_running, *ongoing, "Succeeded", "Failed")["status"] in ongoing:
                found.update(threads.map(ask, range(40)))
        return found

    def overview(self, identifier: str) -> dict[str, set[str]]:
        """The statuses of the targets by environment."""
        ids = self.client.list_deployment_targets(deploymentId=identifier)["targetIds"]
        found: dict[str, set[str]] = {}
        answer = self.client.batch_get_deployment_targets(deploymentId=identifier, targetIds=ids)
        for target in answer["deploymentTargets"]:
            instance = target["instanceTarget"]
            found.setdefault(instance["instanceLabel"], set()).add(instance["status"])
        return found


@pytest.fixture
def shop(localstack: Record, aws: Aws) -> Shop:
    return Shop(localstack, aws)


def test_in_place_changes_the_answers_and_loses_no_request(shop: Shop) -> None:
    assert shop.answers(shop.name) == {(200, "v1"): 20}
    identifier = shop.deploy("in-place", "v2")
    during = shop.answers(shop.name, while_running=identifier)
    assert {status for status, _ in during} == {200}
    assert {version for _, version in during} == {"v1", "v2"}
    assert shop.answers(shop.name) == {(200, "v2"): 20}
    group = shop.client.get_deployment_group(
        applicationName=shop.name, deploymentGroupName="in-place"
    )["deploymentGroupInfo"]
    assert group["lastSuccessfulDeployment"]["deploymentId"] == identifier
    assert group["targetRevision"]["s3Location"]["key"] == "v2.zip"


def test_a_bad_revision_never_serves_and_is_rolled_back(shop: Shop) -> None:
    identifier = shop.deploy("in-place", "bad")
    during = shop.answers(shop.name, while_running=identifier)
    assert set(during) == {(200, "v1")}
    rollback = shop.until(identifier, "Failed")["rollbackInfo"]["rollbackDeploymentId"]
    done = shop.until(rollback, "Succeeded")
    assert done["rollbackInfo"]["rollbackTriggeringDeploymentId"] == identifier
    assert shop.answers(shop.name) == {(200, "v1"): 20}


def test_stopping_in_place_brings_the_last_revision_back_and_loses_no_request(shop: Shop) -> None:
    identifier = shop.deploy("in-place", "v2")

    def second_has_begun() -> bool:
        info = shop.client.get_deployment(deploymentId=identifier)["deploymentInfo"]
        overview = info["deploymentOverview"]
        return (overview["Succeeded"], overview["InProgress"]) == (1, 1)

    eventually(second_has_begun, within=30)
    eventually(lambda: set(shop.answers(shop.name)) == {(200, "v2")})
    shop.client.stop_deployment(deploymentId=identifier, autoRollbackEnabled=True)
    stopped = shop.until(identifier, "Stopped")
    rollback = stopped["rollbackInfo"]["rollbackDeploymentId"]
    during = shop.answers(shop.name, while_running=rollback)
    assert {status for status, _ in during} == {200}
    assert shop.answers(shop.name) == {(200, "v1"): 20}


def test_a_revision_with_errors_serves_and_fails_some(shop: Shop) -> None:
    shop.until(shop.deploy("in-place", "errors"), "Succeeded")
    answers: Counter[tuple[int, str]] = Counter()
    for _ in range(20):
        answers += shop.answers(shop.name)
    assert 0 < answers[(500, "errors")] < 80


def test_an_instance_launched_later_gets_the_revision(shop: Shop) -> None:
    shop.until(shop.deploy("in-place", "v2"), "Succeeded")
    fleet = f"{shop.name}-fleet"
    groups = shop.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[fleet])
    for instance in groups["AutoScalingGroups"][0]["Instances"]:
        shop.autoscaling.terminate_instance_in_auto_scaling_group(
            InstanceId=instance["InstanceId"], ShouldDecrementDesiredCapacity=False
        )
    eventually(lambda: shop.answers(shop.name) == {(200, "v2"): 20})


def test_between_existing_fleets_traffic_moves_when_told_to(shop: Shop) -> None:
    bg = f"{shop.name}-bg"
    identifier = shop.replace("v2")
    shop.until(identifier, "Ready")
    assert shop.overview(identifier) == {"Green": {"Ready"}, "Blue": {"Pending"}}
    assert shop.answers(bg) == {(200, "v1"): 20}
    shop.client.continue_deployment(deploymentId=identifier, deploymentWaitType="READY_WAIT")
    during = shop.answers(bg, while_running=identifier)
    assert {status for status, _ in during} == {200}
    assert shop.overview(identifier) == {"Green": {"Succeeded"}, "Blue": {"Succeeded"}}
    assert shop.answers(bg) == {(200, "v2"): 20}


def test_stopping_while_traffic_moves_gives_it_back(shop: Shop) -> None:
    bg = f"{shop.name}-bg"
    identifier = shop.replace("v2")
    shop.until(identifier, "Ready")
    shop.client.continue_deployment(deploymentId=identifier, deploymentWaitType="READY_WAIT")
    eventually(lambda: (200, "v2") in shop.answers(bg), within=20)
    shop.client.stop_deployment(deploymentId=identifier, autoRollbackEnabled=True)
    stopped = shop.until(identifier, "Stopped")
    rollback = stopped["rollbackInfo"]["rollbackDeploymentId"]
    during = shop.answers(bg, while_running=rollback)
    assert {status for status, _ in during} == {200}
    assert shop.until(rollback, "Succeeded")["creator"] == "codeDeployRollback"
    assert shop.answers(bg) == {(200, "v1"): 20}


def test_replacement_instances_must_be_named_if_they_exist_and_only_then(shop: Shop) -> None:
    for group, options in (
        ("existing", {}),
        ("in-place", {"targetInstances": {"autoScalingGroups": [f"{shop.name}-green"]}}),
    ):
        with pytest.raises(ClientError, match="Target instances must be given"):
            shop.deploy(group, "v2", **options)
