"""Invocations of Lambda functions, and their aliases. No code is run: that would need Docker.

A function answers what the environment variable TIDEGATE_ANSWER of the invoked version says, and
`null` without one. An answer with `errorMessage` in it is the answer of a function that failed.

moto keeps aliases and checks little of a change of one: not the revision it was made against, and
not what AWS refuses to split requests between.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from moto.awslambda.models import lambda_backends

from tidegate_localstack.emulated.handlers import Handler

ANSWER = "TIDEGATE_ANSWER"
LATEST = "$LATEST"
"""What code is being written in; no version."""


def invoke(context: RequestContext, request: Any) -> dict[str, Any]:
    """Answer as the function would; a dry run only finds it."""
    functions: Any = lambda_backends[context.account_id][context.region]
    name, qualifier = request["FunctionName"], request.get("Qualifier")
    try:
        function = functions.get_function(name, qualifier)
    except Exception as error:
        raise CommonServiceException(
            "ResourceNotFoundException", f"Function not found: {name}", status_code=404
        ) from error
    if request.get("InvocationType") == "DryRun":
        return {"StatusCode": 204}
    answer = function.environment_vars.get(ANSWER, "null")
    version = str(function.version)
    told: dict[str, Any] = {"StatusCode": 200, "Payload": answer, "ExecutedVersion": version}
    if _failed(answer):
        told["FunctionError"] = "Unhandled"
    return told


def _failed(answer: str) -> bool:
    try:
        read = json.loads(answer)
    except ValueError:
        return False
    return isinstance(read, dict) and "errorMessage" in read


def update_alias(context: RequestContext, request: Any) -> dict[str, Any]:
    """Change an alias, unless it is of another revision than the one that is named."""
    functions: Any = lambda_backends[context.account_id][context.region]
    name, alias_name = request["FunctionName"], request["Name"]
    try:
        alias = functions.get_alias(alias_name, name)
    except Exception as error:
        raise CommonServiceException(
            "ResourceNotFoundException",
            f"Cannot find alias arn: {name}:{alias_name}",
            status_code=404,
        ) from error
    revision = request.get("RevisionId")
    if revision and revision != alias.revision_id:
        raise CommonServiceException(
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId of the alias. Call the "
            "GetFunction/GetAlias API to retrieve the latest RevisionId for your resource.",
            status_code=412,
        )
    version = request.get("FunctionVersion") or alias.function_version
    routing = request.get("RoutingConfig", alias.routing_config)
    _check_routing(functions, name, version, (routing or {}).get("AdditionalVersionWeights") or {})
    alias.update(request.get("Description"), version, routing)
    alias.revision_id = str(uuid.uuid4())
    told: dict[str, Any] = alias.to_json()
    return told


def _check_routing(functions: Any, name: str, version: str, weights: dict[str, float]) -> None:
    """Refuse what AWS does not split requests between."""
    for each in (version, *weights):
        if each == LATEST and weights:
            raise _invalid(f"{LATEST} is not supported for an alias with weights")
        try:
            functions.get_function(name, each)
        except Exception as error:
            raise CommonServiceException(
                "ResourceNotFoundException", f"Function not found: {name}:{each}", status_code=404
            ) from error
    if len(weights) > 1:
        raise _invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    if version in weights:
        raise _invalid(f"Invalid function version {version}. It is the version of the alias itself")
    if not all(0.0 <= weight <= 1.0 for weight in weights.values()):
        raise _invalid("A weight lies between 0.0 and 1.0")


def _invalid(message: str) -> CommonServiceException:
    return CommonServiceException("InvalidParameterValueException", message, status_code=400)


OPERATIONS: dict[str, Handler] = {"Invoke": invoke, "UpdateAlias": update_alias}
