"""CodeDeploy's deployment configurations: the predefined ones, and those people create.

For instances a configuration says how many must stay healthy, which decides how many are worked on
at once; for Lambda and ECS it says how traffic moves.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import RequestContext
from moto.codedeploy.models import codedeploy_backends

from tidegate_localstack.emulated.beside import Beside
from tidegate_localstack.emulated.handlers import Handler, refuse

Config = dict[str, Any]

PREFIX = "CodeDeployDefault."
ALL_AT_ONCE = {"type": "AllAtOnce"}


def _canary(percent: int, minutes: int) -> Config:
    how = {"canaryPercentage": percent, "canaryInterval": minutes}
    return {"type": "TimeBasedCanary", "timeBasedCanary": how}


def _linear(percent: int, minutes: int) -> Config:
    how = {"linearPercentage": percent, "linearInterval": minutes}
    return {"type": "TimeBasedLinear", "timeBasedLinear": how}


def _predefined() -> dict[str, Config]:
    hosts = {
        "OneAtATime": {"type": "HOST_COUNT", "value": 1},
        "HalfAtATime": {"type": "FLEET_PERCENT", "value": 50},
        "AllAtOnce": {"type": "FLEET_PERCENT", "value": 0},
    }
    shifts = {"LambdaAllAtOnce": ALL_AT_ONCE, "ECSAllAtOnce": ALL_AT_ONCE}
    for minutes in (5, 10, 15, 30):
        shifts[f"LambdaCanary10Percent{minutes}Minutes"] = _canary(10, minutes)
    for minutes in (1, 2, 3, 10):
        unit = "Minute" if minutes == 1 else "Minutes"
        shifts[f"LambdaLinear10PercentEvery{minutes}{unit}"] = _linear(10, minutes)
    for minutes in (5, 15):
        shifts[f"ECSCanary10Percent{minutes}Minutes"] = _canary(10, minutes)
    for minutes in (1, 3):
        shifts[f"ECSLinear10PercentEvery{minutes}Minutes"] = _linear(10, minutes)
    found: dict[str, Config] = {
        f"{PREFIX}{name}": {"computePlatform": "Server", "minimumHealthyHosts": healthy}
        for name, healthy in hosts.items()
    }
    for name, shift in shifts.items():
        platform = "ECS" if name.startswith("ECS") else "Lambda"
        found[f"{PREFIX}{name}"] = {"computePlatform": platform, "trafficRoutingConfig": shift}
    return found


PREDEFINED = _predefined()


_CUSTOM: Beside[dict[str, Config]] = Beside(lambda _backend: {})


def _custom(backend: Any) -> dict[str, Config]:
    return _CUSTOM.of(backend)


def config_named(backend: Any, name: str) -> Config:
    """The configuration, or the error AWS gives when there is none."""
    found = _custom(backend).get(name) or PREDEFINED.get(name)
    if found is None:
        raise refuse(
            "DeploymentConfigDoesNotExistException",
            f"No deployment configuration found for name: {name}",
        )
    return found


def least_healthy(backend: Any, name: str, count: int) -> int:
    """How many of so many instances must stay healthy."""
    healthy = config_named(backend, name).get("minimumHealthyHosts") or {}
    value = int(healthy.get("value", 0))
    if name == f"{PREFIX}OneAtATime":
        return max(0, count - 1)
    if name == f"{PREFIX}HalfAtATime":
        return min(math.ceil(count / 2), max(0, count - 1))
    return math.ceil(count * value / 100) if healthy.get("type") == "FLEET_PERCENT" else value


def _backend(context: RequestContext) -> Any:
    return codedeploy_backends[context.account_id][context.region]


def _create(context: RequestContext, request: Any) -> Any:
    backend, name = _backend(context), request["deploymentConfigName"]
    if name in _custom(backend) or name.startswith(PREFIX):
        raise refuse(
            "DeploymentConfigAlreadyExistsException",
            f"A deployment configuration named {name} already exists",
        )
    platform = request.get("computePlatform") or "Server"
    if platform == "Server" and not request.get("minimumHealthyHosts"):
        raise refuse(
            "InvalidMinimumHealthyHostValueException", "The minimum healthy hosts must be specified"
        )
    identifier = str(uuid.uuid4())
    _custom(backend)[name] = {
        "deploymentConfigId": identifier,
        "createTime": datetime.now(UTC),
        "computePlatform": platform,
        **{k: request[k] for k in ("minimumHealthyHosts", "trafficRoutingConfig") if k in request},
    }
    return {"deploymentConfigId": identifier}


def _get(context: RequestContext, request: Any) -> Any:
    name = request["deploymentConfigName"]
    found = config_named(_backend(context), name)
    return {"deploymentConfigInfo": {"deploymentConfigName": name, **found}}


def _list(context: RequestContext, _request: Any) -> Any:
    return {"deploymentConfigsList": [*PREDEFINED, *_custom(_backend(context))]}


def _delete(context: RequestContext, request: Any) -> Any:
    backend, name = _backend(context), request["deploymentConfigName"]
    if name in PREDEFINED:
        raise refuse(
            "InvalidOperationException", f"{name} is a predefined configuration, which stays"
        )
    groups = [group for of in backend.deployment_groups.values() for group in of.values()]
    if any(group.deployment_config_name == name for group in groups):
        raise refuse(
            "DeploymentConfigInUseException", f"The deployment configuration {name} is in use"
        )
    _custom(backend).pop(name, None)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CreateDeploymentConfig": _create,
    "GetDeploymentConfig": _get,
    "ListDeploymentConfigs": _list,
    "DeleteDeploymentConfig": _delete,
}
