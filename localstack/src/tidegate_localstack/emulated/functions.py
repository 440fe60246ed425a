"""Invocations of Lambda functions. No code is run: that would need Docker.

A function answers what the environment variable TIDEGATE_ANSWER of the invoked version says, and
`null` without one. An answer with `errorMessage` in it is the answer of a function that failed.
"""

from __future__ import annotations

import json
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from moto.awslambda.models import lambda_backends

from tidegate_localstack.emulated.handlers import Handler

ANSWER = "TIDEGATE_ANSWER"


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


OPERATIONS: dict[str, Handler] = {"Invoke": invoke}
