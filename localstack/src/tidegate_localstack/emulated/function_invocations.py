"""Invocations of Lambda functions: which version is meant, and what it answers.

An alias with weights leads to one version or the other at random, for each invocation anew, as it
does on AWS: a share of 10 % of a few invocations may well be none of them.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from moto.awslambda.models import lambda_backends

from tidegate_localstack.emulated import engine, function_metrics
from tidegate_localstack.emulated.function_code import Build, build_of, is_failure
from tidegate_localstack.emulated.function_metrics import Invoked
from tidegate_localstack.emulated.function_pool import POOL, ThrottledError
from tidegate_localstack.emulated.function_worker import Call, Outcome

LATEST = "$LATEST"
"""What code is being written in; no version."""
NAME = re.compile(
    r"(arn:[a-zA-Z-]+:lambda:)?((?P<region>[a-z]+(-[a-z]+)+-\d):)?((?P<account>\d{12}):)?(function:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(:(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)
"""The forms of a function's name: alone, with its account, and as an ARN, each with a qualifier."""


@dataclass(frozen=True)
class Target:
    """What an invocation leads to."""

    invoked: Invoked
    build: Build
    reserved: int | None
    """The concurrency the function has reserved."""
    function: Any
    """The version, or what is being written, as moto has it."""

    @property
    def arn(self) -> str:
        """What was invoked, by its ARN."""
        return arn_of(self.invoked, self.invoked.qualifier)


def arn_of(invoked: Invoked, qualifier: str | None) -> str:
    """The ARN of a function, or of a version or alias of it."""
    arn = f"arn:aws:lambda:{invoked.region}:{invoked.account}:function:{invoked.function}"
    return f"{arn}:{qualifier}" if qualifier else arn


def missing(arn: str) -> CommonServiceException:
    """The error for a function, version or alias that there is not."""
    return CommonServiceException(
        "ResourceNotFoundException", f"Function not found: {arn}", status_code=404
    )


def invalid(message: str) -> CommonServiceException:
    """The error for what an operation cannot do anything with."""
    return CommonServiceException("InvalidParameterValueException", message, status_code=400)


def named(account: str, region: str, name: str, qualifier: str | None) -> Invoked:
    """What a name in any of its forms means, with the version still open."""
    read = NAME.fullmatch(name)
    if read is None:
        raise invalid(f"{name} is not the name of a function")
    within = read["qualifier"]
    if within and qualifier and within != qualifier:
        raise invalid(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    where = read["account"] or account, read["region"] or region
    return Invoked(*where, read["name"], within or qualifier, LATEST)


def function_of(asked: Invoked, qualifier: str | None) -> Any:
    """What moto has as a function, or as what a qualifier of it leads to."""
    functions: Any = lambda_backends[asked.account][asked.region]
    try:
        return functions.get_function(asked.function, qualifier)
    except Exception as error:  # moto's own class for it differs by case
        raise missing(arn_of(asked, qualifier)) from error


def latest_of(context: RequestContext, name: str) -> Any:
    """What moto has as the latest of a function."""
    return function_of(named(context.account_id, context.region, name, None), None)


def find(account: str, region: str, name: str, qualifier: str | None) -> Target:
    """What an invocation leads to; an alias with weights is asked for its choice."""
    asked = named(account, region, name, qualifier)
    with engine.LOCK:
        latest, version, is_weighted = function_of(asked, None), asked.qualifier or LATEST, False
        function = function_of(asked, version)
        if not (version == LATEST or version.isdigit()):
            functions: Any = lambda_backends[asked.account][asked.region]
            version, is_weighted = chosen(functions.get_alias(version, asked.function))
            function = function_of(asked, version)
        build = build_of(function)
        reserved = latest.reserved_concurrency
    invoked = Invoked(
        asked.account,
        asked.region,
        asked.function,
        asked.qualifier,
        build.version,
        is_weighted=is_weighted,
    )
    return Target(invoked, build, None if reserved is None else int(reserved), function)


def chosen(alias: Any) -> tuple[str, bool]:
    """The version an alias leads to this time, and whether there was a choice."""
    weights = (alias.routing_config or {}).get("AdditionalVersionWeights") or {}
    for version, weight in weights.items():
        if random.random() < weight:
            return str(version), True
    return str(alias.function_version), bool(weights)


def run(target: Target, payload: str, request_id: str) -> Outcome:
    """Invoke what was found, and count it; a throttled invocation is counted and raised."""
    began = datetime.now(UTC)
    try:
        admission = POOL.admit(target.build, target.reserved)
    except ThrottledError:
        function_metrics.count_throttle(target.invoked)
        raise
    with admission, function_metrics.running(target.invoked):
        outcome = _outcome(target, payload, request_id)
    function_metrics.count(target.invoked, outcome, payload, began)
    return outcome


def _outcome(target: Target, payload: str, request_id: str) -> Outcome:
    answer = target.build.answer()
    if answer is not None:
        return Outcome(answer, is_failure(answer), 0.0)
    return POOL.run(target.build, Call(request_id, target.arn, payload, target.build.seconds))
