"""Aliases of Lambda functions. moto keeps them and checks little of a change of one.

It looks neither at the revision a change was made against, nor at what AWS refuses to split
invocations between.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.services.moto import call_moto
from moto.awslambda.models import lambda_backends

from tidegate_localstack.emulated.function_invocations import LATEST, invalid, named
from tidegate_localstack.emulated.function_provisioning import configs_of
from tidegate_localstack.emulated.handlers import Handler


def create_alias(context: RequestContext, request: Any) -> Any:
    """Create an alias that leads where an alias may lead."""
    functions: Any = lambda_backends[context.account_id][context.region]
    _check_routing(
        functions, request["FunctionName"], request["FunctionVersion"], _weights_of(request)
    )
    return call_moto(context)


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
    weights = _weights_of({"RoutingConfig": routing})
    _check_routing(functions, name, version, weights)
    asked = named(context.account_id, context.region, name, alias_name)
    if weights and alias_name in configs_of(asked):
        raise invalid("Alias with Provisioned Concurrency can not be used with weights")
    alias.update(request.get("Description"), version, routing)
    alias.revision_id = str(uuid.uuid4())
    told: dict[str, Any] = alias.to_json()
    return told


def _weights_of(request: Mapping[str, Any]) -> dict[str, float]:
    return (request.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}


def _check_routing(functions: Any, name: str, version: str, weights: dict[str, float]) -> None:
    """Refuse what AWS does not split invocations between."""
    for each in (version, *weights):
        if each == LATEST and weights:
            raise invalid(f"{LATEST} is not supported for an alias pointing to more than 1 version")
        try:
            functions.get_function(name, each)
        except Exception as error:
            raise CommonServiceException(
                "ResourceNotFoundException", f"Function not found: {name}:{each}", status_code=404
            ) from error
    if len(weights) > 1:
        raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    if version in weights:
        raise invalid(f"Invalid function version {version}. It is the version of the alias itself")
    if not all(0.0 <= weight <= 1.0 for weight in weights.values()):
        raise invalid("A weight lies between 0.0 and 1.0")


OPERATIONS: dict[str, Handler] = {"CreateAlias": create_alias, "UpdateAlias": update_alias}
