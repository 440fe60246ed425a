"""CodeDeploy deployments go through their targets, wait, fail, stop and roll back."""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conftest import eventually
from tidegate_localstack.emulated import runs

Aws = Callable[[str], Any]


class App:
    """An application that deploys to the blue fleet of a world."""

    def __init__(self, aws: Aws, world: dict[str, Any]) -> None:
        self.client, self.autoscaling = aws("codedeploy"), aws("autoscaling")
        self.cloudwatch, self.elbv2 = aws("cloudwatch"), aws("elbv2")
        self.name, self.world = world["prefix"], world
        self.client.create_application(applicationName=self.name, computePlatform="Server")

    def group(self, **options: Any) -> None:
        self.client.create_deployment_group(
            applicationName=self.name,
            deploymentGroupName=self.name,
            serviceRoleArn="arn:aws:iam::000000000000:role/deploy",
            autoScalingGroups=[f"{self.name}-blue"],
            **options,
        )

    def deploy(self, commit: str, description: dict[str, Any] | None = None) -> str:
        location = {"repository": "shop/checkout", "commitId": commit}
        answer = self.client.create_deployment(
            applicationName=self.name,
            deploymentGroupName=self.name,
            revision={"revisionType": "GitHub", "gitHubLocation": location},
            description=json.dumps(description or {}),
        )
        identifier: str = answer["deploymentId"]
        return identifier

    def get(self, identifier: str) -> dict[str, Any]:
        info: dict[str, Any] = self.client.get_deployment(deploymentId=identifier)["deploymentInfo"]
        return info

    def until(self, identifier: str, status: str) -> dict[str, Any]:
        eventually(lambda: self.get(identifier)["status"] == status, within=30)
        return self.get(identifier)

    def targets(self, identifier: str) -> list[dict[str, Any]]:
        ids = self.client.list_deployment_targets(deploymentId=identifier)["targetIds"]
        answer = self.client.batch_get_deployment_targets(deploymentId=identifier, targetIds=ids)
        return [target["instanceTarget"] for target in answer["deploymentTargets"]]


@pytest.fixture
def app(aws: Aws, world: dict[str, Any]) -> App:
    return App(aws, world)


ALL_EVENTS = {
    "enabled": True,
    "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
}


def test_in_place_goes_through_one_instance_after_the_other(app: App) -> None:
    app.group(deploymentConfigName="CodeDeployDefault.OneAtATime")
    identifier = app.deploy("abc1")
    eventually(lambda: app.get(identifier)["deploymentOverview"]["InProgress"] == 1)
    assert app.get(identifier)["deploymentOverview"]["Pending"] == 1
    with pytest.raises(ClientError, match=identifier) as refused:
        app.deploy("abc2")
    assert refused.value.response["Error"]["Code"] == "DeploymentLimitExceededException"
    app.until(identifier, "Succeeded")
    events = app.targets(identifier)[0]["lifecycleEvents"]
    assert [e["lifecycleEventName"] for e in events][-1] == "ValidateService"
    assert {e["status"] for e in events} == {"Succeeded"}


def test_a_failed_event_fails_and_rolls_back_as_a_new_deployment(app: App) -> None:
    app.group(
        deploymentConfigName="CodeDeployDefault.AllAtOnce", autoRollbackConfiguration=ALL_EVENTS
    )
    app.until(app.deploy("good"), "Succeeded")
    bad = app.deploy("bad", {"fail_at": "ValidateService"})
    failed = app.until(bad, "Failed")
    assert failed["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"
    rollback = app.until(failed["rollbackInfo"]["rollbackDeploymentId"], "Succeeded")
    assert rollback["creator"] == "codeDeployRollback"
    assert rollback["revision"]["gitHubLocation"]["commitId"] == "good"
    assert rollback["rollbackInfo"]["rollbackTriggeringDeploymentId"] == bad


def test_an_alarm_stops_a_deployment(app: App) -> None:
    alarm = f"{app.name}-5xx"
    app.group(
        alarmConfiguration={"enabled": True, "alarms": [{"name": alarm}]},
        autoRollbackConfiguration=ALL_EVENTS,
    )
    identifier = app.deploy("abc1")
    app.until(identifier, "InProgress")
    app.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="test")
    assert app.until(identifier, "Stopped")["errorInformation"]["code"] == "ALARM_ACTIVE"


def test_stopping_leaves_the_rest_of_the_targets_skipped(app: App) -> None:
    app.group()
    identifier = app.deploy("abc1")
    app.until(identifier, "InProgress")
    eventually(lambda: app.get(identifier)["deploymentOverview"]["InProgress"] == 1)
    app.client.stop_deployment(deploymentId=identifier, autoRollbackEnabled=False)
    stopped = app.get(identifier)
    assert (stopped["status"], stopped["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    assert stopped["deploymentOverview"]["Skipped"] == 2
    with pytest.raises(ClientError, match="already completed"):
        app.client.stop_deployment(deploymentId=identifier)


def blue_green(app: App) -> str:
    app.group(
        deploymentStyle={
            "deploymentType": "BLUE_GREEN",
            "deploymentOption": "WITH_TRAFFIC_CONTROL",
        },
        loadBalancerInfo={"targetGroupInfoList": [{"name": f"{app.name}-blue"}]},
        blueGreenDeploymentConfiguration={
            "deploymentReadyOption": {
                "actionOnTimeout": "STOP_DEPLOYMENT",
                "waitTimeInMinutes": 5,
            },
            "terminateBlueInstancesOnDeploymentSuccess": {
                "action": "TERMINATE",
                "terminationWaitTimeInMinutes": 5,
            },
            "greenFleetProvisioningOption": {"action": "COPY_AUTO_SCALING_GROUP"},
        },
    )
    identifier = app.deploy("abc1")
    app.until(identifier, "Ready")
    return identifier


def served_by(app: App) -> set[str]:
    group = app.world["target_groups"]["blue"]
    answer = app.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return {d["Target"]["Id"] for d in answer if d["TargetHealth"]["State"] == "healthy"}


def test_blue_green_waits_for_approval_then_moves_and_ends_the_old_group(app: App) -> None:
    before = served_by(app)
    identifier = blue_green(app)
    assert served_by(app) == before
    green = {t["targetId"] for t in app.targets(identifier) if t["instanceLabel"] == "Green"}
    app.client.continue_deployment(deploymentId=identifier, deploymentWaitType="READY_WAIT")
    eventually(lambda: served_by(app) == green, within=20)

    def let_go() -> bool:
        try:
            app.client.continue_deployment(
                deploymentId=identifier, deploymentWaitType="TERMINATION_WAIT"
            )
        except ClientError:
            return False
        return True

    eventually(let_go, within=20)
    app.until(identifier, "Succeeded")
    pages = app.autoscaling.get_paginator("describe_auto_scaling_groups").paginate()
    names = {g["AutoScalingGroupName"] for page in pages for g in page["AutoScalingGroups"]}
    assert f"{app.name}-blue" not in names
    assert f"CodeDeploy_{app.name}_{identifier}" in names


def test_stopping_a_ready_deployment_moves_nothing(app: App) -> None:
    before = served_by(app)
    identifier = blue_green(app)
    app.client.stop_deployment(deploymentId=identifier, autoRollbackEnabled=False)
    assert app.get(identifier)["status"] == "Stopped"
    assert served_by(app) == before


def test_a_custom_configuration_decides_how_many_at_once(app: App, aws: Aws) -> None:
    aws("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=f"{app.name}-blue", DesiredCapacity=4
    )
    eventually(lambda: len(served_by(app)) == 4)
    name = f"{app.name}-one-stays"
    app.client.create_deployment_config(
        deploymentConfigName=name, minimumHealthyHosts={"type": "HOST_COUNT", "value": 1}
    )
    app.group(deploymentConfigName=name)
    identifier = app.deploy("abc1")
    eventually(lambda: app.get(identifier)["deploymentOverview"]["InProgress"] == 3)
    app.until(identifier, "Succeeded")


def test_an_unknown_configuration_is_refused(app: App) -> None:
    app.group()
    with pytest.raises(ClientError) as refused:
        app.client.create_deployment(
            applicationName=app.name,
            deploymentGroupName=app.name,
            deploymentConfigName="CodeDeployDefault.AllAtNoon",
        )
    code = refused.value.response["Error"]["Code"]
    assert code == "DeploymentConfigDoesNotExistException"


def test_one_at_a_time_gives_up_at_the_first_failure_but_the_last(app: App) -> None:
    app.group(deploymentConfigName="CodeDeployDefault.OneAtATime")
    failed = app.until(app.deploy("abc1-bad"), "Failed")
    overview = failed["deploymentOverview"]
    assert (overview["Failed"], overview["Skipped"]) == (1, 1)
    events = {
        e["lifecycleEventName"]: e["status"]
        for t in app.targets(failed["deploymentId"])
        if t["status"] == "Failed"
        for e in t["lifecycleEvents"]
    }
    assert events["ValidateService"] == "Failed"


def test_what_was_stopped_does_not_succeed_afterwards() -> None:
    group = types.SimpleNamespace(auto_rollback_configuration=None)
    deployment = types.SimpleNamespace(
        status="InProgress", deployment_group=group, auto_rollback_configuration=None
    )
    run = runs.Run(deployment)
    assert runs.stop(run, "Stopped", ("MANUAL_STOP", ""), "DEPLOYMENT_STOP_ON_REQUEST")
    # The engine was in the middle of the last event when the request came.
    runs.succeed(run, label="Blue")
    assert deployment.status == "Stopped"
    assert not runs.stop(run, "Stopped", ("MANUAL_STOP", ""), "DEPLOYMENT_STOP_ON_REQUEST")
