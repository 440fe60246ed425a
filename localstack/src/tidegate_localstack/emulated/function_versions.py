"""What becomes of single versions of Lambda functions: they are deleted, and kept warm.

moto deletes a version under the aliases that lead to it, forgets aliases with it, lists versions
and aliases of a function by its name alone (by its ARN there are none), has one policy for all
versions, and knows no provisioned concurrency.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.services.moto import call_moto
from moto.awslambda.models import lambda_backends

from tidegate_localstack.emulated.beside import Beside
from tidegate_localstack.emulated.function_invocations import (
    LATEST,
    arn_of,
    function_of,
    invalid,
    named,
)
from tidegate_localstack.emulated.function_metrics import Invoked
from tidegate_localstack.emulated.handlers import Handler
from tidegate_localstack.emulated.settings import SETTINGS


@dataclass(frozen=True)
class Provisioned:
    """Environments that are kept ready for a version or alias."""

    requested: int
    since: float = field(default_factory=time.monotonic)
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))

    def described(self) -> dict[str, Any]:
        """The configuration, as far as AWS has come with it."""
        is_ready = time.monotonic() - self.since >= SETTINGS.provisioning_seconds
        ready = self.requested if is_ready else 0
        return {
            "RequestedProvisionedConcurrentExecutions": self.requested,
            "AvailableProvisionedConcurrentExecutions": ready,
            "AllocatedProvisionedConcurrentExecutions": ready,
            "Status": "READY" if is_ready else "IN_PROGRESS",
            "LastModified": self.modified.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        }


PROVISIONED: Beside[dict[str, Provisioned]] = Beside(lambda _latest: {})
"""By qualifier, beside what moto has as the latest of a function."""


def _asked(context: RequestContext, request: Any) -> Invoked:
    return named(
        context.account_id, context.region, request["FunctionName"], request.get("Qualifier")
    )


def _aliases(asked: Invoked) -> Iterator[Any]:
    functions: Any = lambda_backends[asked.account][asked.region]
    yield from functions.list_aliases(asked.function)


def _led_to(alias: Any) -> set[str]:
    """The versions that an alias leads to, whatever it gives them."""
    others = (alias.routing_config or {}).get("AdditionalVersionWeights") or {}
    return {alias.function_version, *others}


def list_aliases(context: RequestContext, request: Any) -> dict[str, Any]:
    """The aliases of a function, by whatever it is named, or those that lead to a version."""
    asked = _asked(context, request)
    function_of(asked, None)
    version = request.get("FunctionVersion")
    found = [each for each in _aliases(asked) if version is None or version in _led_to(each)]
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


def delete_function(context: RequestContext, request: Any) -> Any:
    """Delete a function, or one version of it that no alias leads to."""
    asked = _asked(context, request)
    version = asked.qualifier
    if version is None:
        return call_moto(context)
    if version == LATEST:
        raise invalid("$LATEST version cannot be deleted without deleting the function.")
    found = function_of(asked, version)
    names = [each.name for each in _aliases(asked) if version in _led_to(each)]
    if names or not version.isdigit():
        raise CommonServiceException(
            "ResourceConflictException",
            f"The following aliases reference this version: {names}",
            status_code=409,
        )
    functions: Any = lambda_backends[asked.account][asked.region]
    functions._lambdas._functions[asked.function]["versions"].remove(found)
    _configs(asked).pop(version, None)
    return {}


def _configs(asked: Invoked) -> dict[str, Provisioned]:
    return PROVISIONED.of(function_of(asked, None))


def put_provisioned_concurrency(context: RequestContext, request: Any) -> dict[str, Any]:
    """Keep so many environments of a version or alias ready."""
    asked = _asked(context, request)
    qualifier = asked.qualifier
    if not qualifier or qualifier == LATEST:
        raise invalid("Provisioned Concurrency Configs cannot be applied to unpublished versions.")
    function_of(asked, qualifier)
    for alias in _aliases(asked):
        if alias.name == qualifier and len(_led_to(alias)) > 1:
            raise invalid("Alias with weights can not be used with Provisioned Concurrency")
    config = Provisioned(int(request["ProvisionedConcurrentExecutions"]))
    _configs(asked)[qualifier] = config
    return config.described()


def get_provisioned_concurrency(context: RequestContext, request: Any) -> dict[str, Any]:
    """How many environments of a version or alias are kept ready."""
    asked = _asked(context, request)
    config = _configs(asked).get(asked.qualifier or LATEST)
    if config is None:
        raise CommonServiceException(
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
            status_code=404,
        )
    return config.described()


def list_provisioned_concurrency(context: RequestContext, request: Any) -> dict[str, Any]:
    """The same of everything of a function."""
    asked = _asked(context, request)
    listed = [
        {"FunctionArn": arn_of(asked, qualifier), **config.described()}
        for qualifier, config in sorted(_configs(asked).items())
    ]
    return {"ProvisionedConcurrencyConfigs": listed}


def delete_provisioned_concurrency(context: RequestContext, request: Any) -> dict[str, Any]:
    """Keep none ready; where none was, that is fine."""
    asked = _asked(context, request)
    _configs(asked).pop(asked.qualifier or LATEST, None)
    return {}


OPERATIONS: dict[str, Handler] = {
    "GetPolicy": get_policy,
    "ListAliases": list_aliases,
    "ListVersionsByFunction": list_versions,
    "DeleteFunction": delete_function,
    "PutProvisionedConcurrencyConfig": put_provisioned_concurrency,
    "GetProvisionedConcurrencyConfig": get_provisioned_concurrency,
    "ListProvisionedConcurrencyConfigs": list_provisioned_concurrency,
    "DeleteProvisionedConcurrencyConfig": delete_provisioned_concurrency,
}
