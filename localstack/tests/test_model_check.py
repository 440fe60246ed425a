"""What the API model says of requests is checked, with the error each service answers."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from localstack.aws.spec import load_service

from conftest import Tally
from model_cases import Case, cases, minimal, operation_model
from tidegate_localstack.emulated.constraints import compiled
from tidegate_localstack.emulated.model_check import problem_with
from tidegate_localstack.process import coverage
from tidegate_localstack.process.instance import Record
from wire import Wire

GENERAL = {
    "elbv2": "ValidationError",
    "autoscaling": "ValidationError",
    "cloudwatch": "ValidationError",
    "route53": "InvalidInput",
    "codedeploy": "ValidationException",
    "lambda": "ValidationException",
}

CODEDEPLOY = {
    "applicationName": ("ApplicationNameRequired", "InvalidApplicationName"),
    "deploymentGroupName": ("DeploymentGroupNameRequired", "InvalidDeploymentGroupName"),
    "currentDeploymentGroupName": ("DeploymentGroupNameRequired", "InvalidDeploymentGroupName"),
    "newDeploymentGroupName": ("", "InvalidDeploymentGroupName"),
    "deploymentConfigName": ("DeploymentConfigNameRequired", "InvalidDeploymentConfigName"),
    "deploymentId": ("DeploymentIdRequired", "InvalidDeploymentId"),
    "deploymentIds": ("DeploymentIdRequired", "InvalidDeploymentId"),
    "targetId": ("DeploymentTargetIdRequired", "InvalidDeploymentTargetId"),
    "targetIds": ("DeploymentTargetIdRequired", "InvalidDeploymentTargetId"),
    "deploymentWaitType": ("", "InvalidDeploymentWaitType"),
    "revision": ("", "InvalidRevision"),
    "targetInstances": ("", "InvalidTargetInstances"),
    "autoRollbackConfiguration": ("", "InvalidAutoRollbackConfig"),
    "fileExistsBehavior": ("", "InvalidFileExistsBehavior"),
    "minimumHealthyHosts": ("", "InvalidMinimumHealthyHostValue"),
    "trafficRoutingConfig": ("", "InvalidTrafficRoutingConfiguration"),
    "zonalConfig": ("", "InvalidZonalDeploymentConfiguration"),
    "computePlatform": ("", "InvalidComputePlatform"),
    "targetFilters": ("", "InvalidTargetFilterName"),
    "includeOnlyStatuses": ("", "InvalidDeploymentStatus"),
    "ec2TagFilters": ("", "InvalidEC2Tag"),
    "ec2TagSet": ("", "InvalidEC2TagCombination"),
    "onPremisesInstanceTagFilters": ("", "InvalidTag"),
    "onPremisesTagSet": ("", "InvalidOnPremisesTagCombination"),
    "triggerConfigurations": ("", "InvalidTriggerConfig"),
    "deploymentStyle": ("", "InvalidDeploymentStyle"),
    "blueGreenDeploymentConfiguration": ("", "InvalidBlueGreenDeploymentConfiguration"),
}
"""What CodeDeploy answers where a member is missing, and where it is wrong."""

EMULATED = [
    (source.service, operation)
    for source in coverage.sources()
    if source.service in GENERAL
    for operation in sorted(source.supplied)
]
"""What is supplied of services whose requests are checked; LocalStack's own check theirs."""


def expected(case: Case) -> str:
    """The code of the error a case has to be answered with."""
    if case.service == "codedeploy" and case.member in CODEDEPLOY:
        missing, wrong = CODEDEPLOY[case.member]
        own = f"{missing if case.is_missing else wrong}Exception"
        listed = operation_model(case.service, case.operation).error_shapes
        if own in [error.name for error in listed]:
            return own
    return GENERAL[case.service]


def test_every_pattern_of_the_models_is_understood() -> None:
    for service in GENERAL:
        model = load_service(service)
        for name in model.shape_names:
            if pattern := model.shape_for(name).metadata.get("pattern"):
                compiled(pattern)


@pytest.mark.parametrize(("service", "operation"), EMULATED)
def test_a_request_with_no_more_than_it_must_have_breaks_nothing(
    service: str, operation: str
) -> None:
    model = load_service(service).operation_model(operation)
    assert problem_with(service, model, minimal(service, operation)) is None


@pytest.mark.parametrize(("service", "operation"), EMULATED)
def test_every_way_to_break_the_model_is_told_with_the_right_error(
    service: str, operation: str, tally: Tally
) -> None:
    model = load_service(service).operation_model(operation)
    for case in cases(service, operation):
        problem = problem_with(service, model, case.request)
        assert problem is not None, case
        assert problem.code == expected(case), case
        assert case.words in problem.message, (case, problem.message)
        assert f"'{case.path}'" in problem.message, (case, problem.message)
        tally.add("broken requests judged without the wire", operation)


@pytest.mark.parametrize(("service", "operation"), EMULATED)
def test_every_way_to_break_the_model_is_refused_on_the_wire(
    service: str, operation: str, localstack: Record, tally: Tally
) -> None:
    wire = Wire(service)
    for case in cases(service, operation):
        if not wire.can_send(case):
            tally.add("broken requests that cannot be sent", operation)
            continue
        with pytest.raises(ClientError) as refused:
            wire.call(operation, case.request)
        error = refused.value.response["Error"]
        assert error["Code"] == expected(case), (case, error)
        assert case.words in error["Message"], (case, error)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        tally.add("broken requests refused on the wire", operation)
