"""What becomes of single versions of Lambda functions: they are listed and deleted.

moto deletes a version under the aliases that lead to it, forgets aliases with it, lists versions
and aliases of a function by its name alone (by its ARN there are none), and has one policy for all
versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.services.moto import call_moto
from moto.awslambda.models import lambda_backends

from tidegate_localstack.emulated.function_invocations import (
    LATEST,
    arn_of,
    function_of,
    invalid,
    named,
)
from tidegate_localstack.emulated.function_metrics import Invoked
from tidegate_localstack.emulated.function_provisioning import configs_of, led_to
from tidegate_localstack.emulated.handlers import Handler


def _asked(context: RequestContext, request: Any) -> Invoked:
    return named(
        context.account_id, context.region, request["FunctionName"], request.get("Qualifier")
    )


def _aliases(asked: Invoked) -> Iterator[Any]:
    functions: Any = lambda_backends[asked.account][asked.region]
    yield from functions.list_aliases(asked.function)


def list_aliases(context: RequestContext, request: Any) -> dict[str, Any]:
    """The aliases of a function, by whatever it is named, or those that lead to a version."""
    asked = _asked(context, request)
    function_of(asked, None)
    version = request.get("FunctionVersion")
    found = [each for each in _aliases(asked) if version is None or version in led_to(each)]
    return {"Aliases": [each.to_json() for each in found]}


def list_versions(context: RequestContext, request: Any) -> dict[str, Any]:
    """The latest and the published versions of a function, by whatever it is named."""
    asked = _asked(context, request)
    function_of(asked, None)
    functions: Any = lambda_backends[asked.account][asked.region]
    found = functions.list_versions_by_function(asked.function)
    return {"Versions": [each.get_configuration() for each in found]}


def get_policy(context: RequestContext, request: Any) -> dict[str, Any]:
    """Who may invoke a function, or one version or alias of it: each has a policy of its own."""
    asked = _asked(context, request)
    policy = function_of(asked, asked.qualifier).policy
    arn = arn_of(asked, asked.qualifier)
    statements = [each for each in policy.statements if each.get("Resource") == arn]
    if not statements:
        raise CommonServiceException(
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
            status_code=404,
        )
    document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return {"Policy": json.dumps(document), "RevisionId": policy.revision}


def remove_permission(context: RequestContext, request: Any) -> dict[str, Any]:
    """Take a statement out of the policy of a function, or of one version or alias of it."""
    asked = _asked(context, request)
    policy = function_of(asked, asked.qualifier).policy
    arn, sid = arn_of(asked, asked.qualifier), request.get("StatementId")
    for each in policy.statements:
        if each.get("Resource") == arn and each.get("Sid") == sid:
            policy.statements.remove(each)
            return {}
    raise CommonServiceException(
        "ResourceNotFoundException",
        f"Statement {sid} is not found in resource policy.",
        status_code=404,
    )


def delete_function(context: RequestContext, request: Any) -> Any:
    """Delete a function, or one version of it that no alias leads to."""
    asked = _asked(context, request)
    version = asked.qualifier
    if version is None:
        return call_moto(context)
    if version == LATEST:
        raise invalid("$LATEST version cannot be deleted without deleting the function.")
    found = function_of(asked, version)
    names = [each.name for each in _aliases(asked) if version in led_to(each)]
    if names or not version.isdigit():
        raise CommonServiceException(
            "ResourceConflictException",
            f"The following aliases reference this version: {names}",
            status_code=409,
        )
    functions: Any = lambda_backends[asked.account][asked.region]
    functions._lambdas._functions[asked.function]["versions"].remove(found)
    configs_of(asked).pop(version, None)
    return {}


OPERATIONS: dict[str, Handler] = {
    "GetPolicy": get_policy,
    "ListAliases": list_aliases,
    "ListVersionsByFunction": list_versions,
    "RemovePermission": remove_permission,
    "DeleteFunction": delete_function,
}
