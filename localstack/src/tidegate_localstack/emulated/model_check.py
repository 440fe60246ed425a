"""Refuses what breaks the API model, before any service sees it, as AWS does.

Which error AWS answers differs by service. Most have one code for all of it; CodeDeploy has an
error of its own for nearly every member, and its model says which an operation may answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from botocore.model import OperationModel
from localstack.aws.api import CommonServiceException, RequestContext

from tidegate_localstack.emulated.constraints import MISSING, Violation, violations
from tidegate_localstack.emulated.handlers import refuse

GENERAL = {
    "elbv2": "ValidationError",
    "autoscaling": "ValidationError",
    "cloudwatch": "ValidationError",
    "route53": "InvalidInput",
    "codedeploy": "ValidationException",
    "lambda": "ValidationException",
}
"""What each service says of a request that breaks its model and has no error of its own for it."""

MEANT = {
    "includeOnlyStatuses": "DeploymentStatus",
    "ec2TagFilters": "EC2Tag",
    "ec2TagSet": "EC2TagCombination",
    "onPremisesInstanceTagFilters": "Tag",
    "onPremisesTagSet": "OnPremisesTagCombination",
    "zonalConfig": "ZonalDeploymentConfiguration",
    "targetIds": "DeploymentTargetId",
    "targetId": "DeploymentTargetId",
}
"""CodeDeploy's members whose errors are named after something else."""


def check(_chain: Any, context: RequestContext, _response: Any) -> None:
    """Refuse a request that breaks its model; a step of LocalStack's chain of handlers."""
    service = context.service.service_name if context.service is not None else ""
    if service not in GENERAL or context.is_internal_call or context.operation is None:
        return
    problem = problem_with(service, context.operation, context.service_request or {})
    if problem is not None:
        raise problem


def problem_with(
    service: str, operation: OperationModel, request: Any
) -> CommonServiceException | None:
    """The error AWS gives for a request, or None when it breaks nothing of the model."""
    if operation.input_shape is None:
        return None
    found = violations(operation.input_shape, request)
    if not found:
        return None
    code = None
    if service == "codedeploy":
        code = error_of_its_own([error.name for error in operation.error_shapes], found[0])
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
    return refuse(code or GENERAL[service], count + "; ".join(map(str, found)))


def error_of_its_own(listed: Iterable[str], violation: Violation) -> str | None:
    """The error an operation of CodeDeploy lists for just this member, if it has one."""
    for stem in _stems(violation.member):
        if violation.constraint == MISSING and violation.path.count(".") == 0:
            wanted = re.compile(f"{stem}RequiredException")
        else:
            wanted = re.compile(f"Invalid{stem}[A-Za-z]*Exception")
        named = sorted((name for name in listed if wanted.fullmatch(name)), key=len)
        if named:
            return named[0]
    return None


def _stems(member: str) -> Sequence[str]:
    """What the errors about a member may be named after."""
    name = MEANT.get(member) or re.sub("^(current|new)", "", member)
    name = (name[:1].upper() + name[1:]).removesuffix("s")
    return (name, name.replace("Configuration", "Config"))
