"""CodeDeploy moves traffic of Lambda aliases and ECS services in steps, and back."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from conftest import eventually
from tidegate_localstack.emulated.shifts import share_at
from tidegate_localstack.worlds.shift import EcsWorld, LambdaWorld
from tidegate_localstack.worlds.world import Clients

Aws = Callable[[str], Any]
_numbers = itertools.count(1)


class Release:
    """One world and its deployments."""

    def __init__(self, aws: Aws, world: dict[str, Any]) -> None:
        self.client, self.world = aws("codedeploy"), world

    def deploy(self, config: str | None = None, **options: Any) -> str:
        content = {"content": self.world["app_spec"]}
        answer = self.client.create_deployment(
            applicationName=self.world["application"],
            deploymentGroupName=self.world["deployment_groups"][0],
            revision={"revisionType": "AppSpecContent", "appSpecContent": content},
            **({"deploymentConfigName": config} if config else {}),
            **options,
        )
        identifier: str = answer["deploymentId"]
        return identifier

    def until(self, identifier: str, status: str) -> dict[str, Any]:
        def info() -> dict[str, Any]:
            found: dict[str, Any] = self.client.get_deployment(deploymentId=identifier)
            return found["deploymentInfo"]

        eventually(lambda: info()["status"] == status, within=20)
        return info()

    def target(self, identifier: str) -> dict[str, Any]:
        ids = self.client.list_deployment_targets(deploymentId=identifier)["targetIds"]
        if not ids:
            return {}
        answer = self.client.batch_get_deployment_targets(deploymentId=identifier, targetIds=ids)
        described: dict[str, Any] = answer["deploymentTargets"][0]
        found: dict[str, Any] = described.get("lambdaTarget") or described["ecsTarget"]
        return found


@pytest.fixture
def function(localstack: Any, aws: Aws) -> Release:
    world = LambdaWorld(Clients.from_environment(), f"function-{next(_numbers)}").seed()
    return Release(aws, world)


@pytest.fixture
def service(localstack: Any, aws: Aws) -> Release:
    return Release(aws, EcsWorld(Clients.from_environment(), f"service-{next(_numbers)}").seed())


def alias(aws: Aws, release: Release) -> tuple[str, dict[str, float]]:
    found = aws("lambda").get_alias(FunctionName=release.world["function"], Name="live")
    routing = found.get("RoutingConfig") or {}
    return found["FunctionVersion"], routing.get("AdditionalVersionWeights") or {}


def weights(aws: Aws, release: Release, listener: str = "production") -> dict[str, int]:
    answer = aws("elbv2").describe_listeners(ListenerArns=[release.world["listeners"][listener]])
    action = answer["Listeners"][0]["DefaultActions"][0]
    entries = (action.get("ForwardConfig") or {}).get("TargetGroups") or [action]
    return {
        entry["TargetGroupArn"].split("/")[1].rpartition("-")[2]: entry.get("Weight", 1)
        for entry in entries
    }


@pytest.mark.parametrize(
    ("routing", "shares"),
    [
        ({"timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 5}}, [10, 10, 100]),
        ({"timeBasedLinear": {"linearPercentage": 30, "linearInterval": 2}}, [30, 60, 90]),
        ({}, [100, 100, 100]),
    ],
)
def test_the_share_grows_as_the_configuration_says(
    routing: dict[str, Any], shares: list[int]
) -> None:
    assert [share_at(routing, minutes) for minutes in (0.0, 3.0, 5.0)] == shares


def test_all_at_once_moves_the_alias_to_the_new_version(aws: Aws, function: Release) -> None:
    identifier = function.deploy("CodeDeployDefault.LambdaAllAtOnce")
    function.until(identifier, "Succeeded")
    assert alias(aws, function) == ("2", {})
    target = function.target(identifier)
    assert [e["lifecycleEventName"] for e in target["lifecycleEvents"]] == [
        "BeforeAllowTraffic",
        "AllowTraffic",
        "AfterAllowTraffic",
    ]
    assert target["lambdaFunctionInfo"]["targetVersionWeight"] == 1.0


def test_a_stopped_canary_goes_back_by_a_deployment_of_its_own(aws: Aws, function: Release) -> None:
    identifier = function.deploy()
    eventually(lambda: alias(aws, function) == ("1", {"2": 0.1}))
    function.client.stop_deployment(deploymentId=identifier, autoRollbackEnabled=True)
    stopped = function.until(identifier, "Stopped")
    rollback = function.until(stopped["rollbackInfo"]["rollbackDeploymentId"], "Succeeded")
    assert rollback["rollbackInfo"]["rollbackTriggeringDeploymentId"] == identifier
    assert alias(aws, function) == ("1", {})


def test_a_failed_hook_moves_nothing(aws: Aws, function: Release) -> None:
    identifier = function.deploy(description='{"fail_at": "BeforeAllowTraffic"}')
    failed = function.until(identifier, "Failed")
    assert failed["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE"
    assert alias(aws, function) == ("1", {})


def test_a_spec_that_names_another_version_fails(aws: Aws, function: Release) -> None:
    spec = function.world["app_spec"]
    function.world["app_spec"] = spec.replace('"CurrentVersion": "1"', '"CurrentVersion": "7"')
    failed = function.until(function.deploy(), "Failed")
    assert failed["errorInformation"]["code"] == "INVALID_REVISION"


def test_a_service_moves_by_its_listener_and_waits_to_end_the_old_tasks(
    aws: Aws, service: Release
) -> None:
    identifier = service.deploy("CodeDeployDefault.ECSAllAtOnce")

    def let_go() -> bool:
        try:
            service.client.continue_deployment(
                deploymentId=identifier, deploymentWaitType="TERMINATION_WAIT"
            )
        except service.client.exceptions.DeploymentIsNotInReadyStateException:
            return False
        return True

    eventually(let_go, within=20)
    assert weights(aws, service) == {"blue": 0, "green": 100}
    service.until(identifier, "Succeeded")
    name = service.world["service"]
    found = aws("ecs").describe_services(cluster=name, services=[name])["services"][0]
    assert found["taskDefinition"] == service.world["task_definitions"]["2"]


def test_a_stopped_service_canary_goes_back(aws: Aws, service: Release) -> None:
    identifier = service.deploy()
    eventually(lambda: weights(aws, service) == {"blue": 90, "green": 10})
    sets = service.target(identifier)["taskSetsInfo"]
    assert {s["taskSetLabel"]: s["trafficWeight"] for s in sets} == {"Blue": 90.0, "Green": 10.0}
    assert weights(aws, service, "test")["green"] == 100
    service.client.stop_deployment(deploymentId=identifier, autoRollbackEnabled=True)
    rollback = service.until(identifier, "Stopped")["rollbackInfo"]["rollbackDeploymentId"]
    service.until(rollback, "Succeeded")
    assert weights(aws, service)["green"] == 0


def test_a_service_waits_as_ready_when_told_to(aws: Aws, service: Release) -> None:
    name = service.world["application"]
    service.client.update_deployment_group(
        applicationName=name,
        currentDeploymentGroupName=name,
        blueGreenDeploymentConfiguration={
            "deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 5}
        },
    )
    identifier = service.deploy("CodeDeployDefault.ECSAllAtOnce")
    service.until(identifier, "Ready")
    assert "green" not in weights(aws, service)
    service.client.continue_deployment(deploymentId=identifier, deploymentWaitType="READY_WAIT")
    service.until(identifier, "Succeeded")
    assert weights(aws, service)["green"] == 100
