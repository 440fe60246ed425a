"""Whatever an operation names and there is not is told with the error its model lists for it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conftest import Tally
from model_cases import minimal, operation_model
from tidegate_localstack.process import coverage
from tidegate_localstack.process.instance import Record
from tidegate_localstack.worlds.world import Clients, World
from wire import Wire

Aws = Callable[[str], Any]

NOWHERE = {
    "LoadBalancerArn": "arn:aws:elasticloadbalancing:eu-west-1:000000000000:loadbalancer/app/a/b",
    "ListenerArn": "arn:aws:elasticloadbalancing:eu-west-1:000000000000:listener/app/a/b/c",
    "RuleArn": "arn:aws:elasticloadbalancing:eu-west-1:000000000000:listener-rule/app/a/b/c/d",
    "TargetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:000000000000:targetgroup/a/b",
    "deploymentId": "d-ABCDEFGHI",
}
"""Names of nothing that have the form of a name; any other name of nothing is `nowhere`."""

MADE = {
    ("CreateAutoScalingGroup", "AutoScalingGroupName"),
    ("CreateDeploymentConfig", "deploymentConfigName"),
    ("UpdateDeploymentGroup", "newDeploymentGroupName"),
    ("Invoke", "DurableExecutionName"),
    ("Invoke", "TenantId"),
}
"""What is made by the operation that names it, or is nothing that exists for itself."""


OTHERWISE = {
    ("CreateEventSourceMapping", "EventSourceArn"),
    ("CreateEventSourceMapping", "FunctionName"),
    ("CreateEventSourceMapping", "KMSKeyArn"),
    ("UpdateEventSourceMapping", "KMSKeyArn"),
    ("ListEventSourceMappings", "EventSourceArn"),
}
"""Where AWS has other words, as `InvalidParameterValueException`, or a key is not looked for."""


def listed_for(service: str, operation: str, member: str) -> str | None:
    """The error an operation lists for a member that names what there is not."""
    codes = {
        error.metadata.get("error", {}).get("code", error.name)
        for error in operation_model(service, operation).error_shapes
    }
    stem = re.sub("^current|(Arns?|Name|Id)$", "", member)
    stem = stem[:1].upper() + stem[1:]
    if service == "autoscaling":
        return "ValidationError" if member == "AutoScalingGroupName" else None
    wanted = [f"{stem}NotFound", f"{stem}DoesNotExistException", f"NoSuch{stem}"]
    if service in ("lambda", "cloudwatch"):
        wanted += ["ResourceNotFoundException", "ResourceNotFound"]
    if operation == "GetChange":
        wanted = ["NoSuchChange"]
    return next((code for code in wanted if code in codes), None)


def cases() -> Iterator[tuple[str, str, str, str]]:
    """Service, operation, member, and the code for it."""
    for source in coverage.sources():
        for operation in sorted(source.supplied):
            shape = operation_model(source.service, operation).input_shape
            for member in shape.members if shape is not None else ():
                named = member.endswith(("Arn", "Arns", "Name", "Id"))
                code = listed_for(source.service, operation, member) if named else None
                if code and (operation, member) not in MADE | OTHERWISE:
                    yield source.service, operation, member, code


@pytest.fixture(scope="module")
def there(localstack: Record) -> dict[str, str]:
    """Names of what there is, for all that a request names beside what there is not."""
    assert localstack.endpoint
    clients = Clients.from_environment()
    world = World(clients, "unknown").seed()
    codedeploy = Wire("codedeploy")
    codedeploy.call("CreateApplication", {"applicationName": "unknown"})
    group = {"applicationName": "unknown", "deploymentGroupName": "unknown"}
    role = {"serviceRoleArn": "arn:aws:iam::000000000000:role/deploy"}
    codedeploy.call("CreateDeploymentGroup", group | role)
    return {
        "LoadBalancerArn": world["load_balancer"],
        "ListenerArn": world["listener"],
        "RuleArn": world["rule"],
        "TargetGroupArn": world["target_groups"]["blue"],
        "AutoScalingGroupName": "unknown-blue",
        "applicationName": "unknown",
        "deploymentGroupName": "unknown",
        "currentDeploymentGroupName": "unknown",
    }


def with_names(request: Any, names: dict[str, str]) -> Any:
    """The same request, with these names wherever it names something of the kind."""
    if isinstance(request, list):
        return [with_names(item, names) for item in request]
    if not isinstance(request, dict):
        return request
    return {k: names.get(k) or with_names(v, names) for k, v in request.items()}


@pytest.mark.parametrize(("service", "operation", "member", "code"), list(cases()))
def test_what_there_is_not_is_not_found(
    there: dict[str, str], tally: Tally, service: str, operation: str, member: str, code: str
) -> None:
    shape = operation_model(service, operation).input_shape
    request = with_names(copy.deepcopy(minimal(service, operation)), there)
    if service == "codedeploy":
        given = {name: there[name] for name in there if name in shape.members}
        request = {**given, **request}
    many = shape.members[member].type_name == "list"
    nothing = NOWHERE.get(member.removesuffix("s") if many else member, "nowhere")
    for name in ("Actions", "DefaultActions"):
        if name in request:
            request[name] = [{"Type": "forward", "TargetGroupArn": there["TargetGroupArn"]}]
    if operation == "CreateRule":
        request |= {"Conditions": [{"Field": "path-pattern", "Values": ["/"]}], "Priority": 7}
    with pytest.raises(ClientError) as refused:
        Wire(service).call(operation, {**request, member: [nothing] if many else nothing})
    error = refused.value.response["Error"]
    assert error["Code"] == code, error
    tally.add("requests that name what there is not", operation)
