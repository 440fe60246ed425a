"""Executions of Lambda functions that are kept ready, and how many there may be.

moto knows no provisioned concurrency, and no settings of an account. A version whose environment
variable TIDEGATE_PROVISIONING_FAILS says why never gets any ready, for that reason.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
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

FAILS = "TIDEGATE_PROVISIONING_FAILS"
KEPT_FREE = 100
"""What an account has to keep for functions that neither reserve nor provision anything."""


@dataclass(frozen=True)
class Provisioned:
    """Environments that are kept ready for a version or alias."""

    requested: int
    fails: str | None = None
    """Why there will never be any."""
    since: float = field(default_factory=time.monotonic)
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))

    def described(self) -> dict[str, Any]:
        """The configuration, as far as AWS has come with it."""
        is_over = time.monotonic() - self.since >= SETTINGS.provisioning_seconds
        ready = self.requested if is_over and self.fails is None else 0
        told: dict[str, Any] = {
            "RequestedProvisionedConcurrentExecutions": self.requested,
            "AvailableProvisionedConcurrentExecutions": ready,
            "AllocatedProvisionedConcurrentExecutions": ready,
            "Status": "READY" if is_over else "IN_PROGRESS",
            "LastModified": self.modified.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        }
        if is_over and self.fails is not None:
            told |= {"Status": "FAILED", "StatusReason": self.fails}
        return told


PROVISIONED: Beside[dict[str, Provisioned]] = Beside(lambda _latest: {})
"""By qualifier, beside what moto has as the latest of a function."""


def _asked(context: RequestContext, request: Any) -> Invoked:
    return named(
        context.account_id, context.region, request["FunctionName"], request.get("Qualifier")
    )


def configs_of(asked: Invoked) -> dict[str, Provisioned]:
    """What a function has, by qualifier."""
    return PROVISIONED.of(function_of(asked, None))


def led_to(alias: Any) -> set[str]:
    """The versions that an alias leads to, whatever it gives them."""
    others = (alias.routing_config or {}).get("AdditionalVersionWeights") or {}
    return {alias.function_version, *others}


def unreserved(account: str, region: str) -> int:
    """What no function of an account has reserved."""
    functions: Any = lambda_backends[account][region]
    reserved = [each.reserved_concurrency or 0 for each in functions.list_functions()]
    return int(SETTINGS.account_concurrency) - sum(int(each) for each in reserved)


def _check_room(asked: Invoked, executions: int, others: int) -> None:
    """Refuse more than a function has reserved, or than an account has left."""
    reserved = function_of(asked, None).reserved_concurrency
    if reserved is not None:
        if executions + others > int(reserved):
            raise invalid(
                "Requested Provisioned Concurrency should not be greater than the "
                f"reservedConcurrentExecution for function ({int(reserved)})."
            )
    elif executions + others > unreserved(asked.account, asked.region) - KEPT_FREE:
        raise invalid(
            "Specified ConcurrentExecutions for function decreases account's "
            f"UnreservedConcurrentExecution below its minimum value of [{KEPT_FREE}]."
        )


def put(context: RequestContext, request: Any) -> dict[str, Any]:
    """Keep so many environments of a version or alias ready."""
    asked = _asked(context, request)
    qualifier = asked.qualifier
    if not qualifier or qualifier == LATEST:
        raise invalid("Provisioned Concurrency Configs cannot be applied to unpublished versions.")
    found = function_of(asked, qualifier)
    functions: Any = lambda_backends[asked.account][asked.region]
    for alias in functions.list_aliases(asked.function):
        if alias.name == qualifier and len(led_to(alias)) > 1:
            raise invalid("Alias with weights can not be used with Provisioned Concurrency")
    configs = configs_of(asked)
    executions = int(request["ProvisionedConcurrentExecutions"])
    others = sum(each.requested for name, each in configs.items() if name != qualifier)
    _check_room(asked, executions, others)
    fails = (found.environment_vars or {}).get(FAILS)
    configs[qualifier] = Provisioned(executions, fails)
    return configs[qualifier].described()


def get(context: RequestContext, request: Any) -> dict[str, Any]:
    """How many environments of a version or alias are kept ready."""
    asked = _asked(context, request)
    function_of(asked, asked.qualifier)
    config = configs_of(asked).get(asked.qualifier or LATEST)
    if config is None:
        raise CommonServiceException(
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
            status_code=404,
        )
    return config.described()


def listed(context: RequestContext, request: Any) -> dict[str, Any]:
    """The same of everything of a function."""
    asked = _asked(context, request)
    told = [
        {"FunctionArn": arn_of(asked, qualifier), **config.described()}
        for qualifier, config in sorted(configs_of(asked).items())
    ]
    return {"ProvisionedConcurrencyConfigs": told}


def delete(context: RequestContext, request: Any) -> dict[str, Any]:
    """Keep none ready; where none was, that is fine."""
    asked = _asked(context, request)
    configs_of(asked).pop(asked.qualifier or LATEST, None)
    return {}


def account_settings(context: RequestContext, _: Any) -> dict[str, Any]:
    """What an account may have at once, and how much of it no function has reserved."""
    functions: Any = lambda_backends[context.account_id][context.region]
    every = functions.list_functions()
    return {
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": int(SETTINGS.account_concurrency),
            "UnreservedConcurrentExecutions": unreserved(context.account_id, context.region),
        },
        "AccountUsage": {
            "TotalCodeSize": sum(int(each.code_size or 0) for each in every),
            "FunctionCount": len(every),
        },
    }


OPERATIONS: dict[str, Handler] = {
    "GetAccountSettings": account_settings,
    "PutProvisionedConcurrencyConfig": put,
    "GetProvisionedConcurrencyConfig": get,
    "ListProvisionedConcurrencyConfigs": listed,
    "DeleteProvisionedConcurrencyConfig": delete,
}
