"""Functions and their versions as they change: what moto does not keep of them, and does not check.

It knows neither a dead-letter queue nor a revision, publishes whatever there is, and the first
version twice.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.moto import call_moto
from moto.awslambda.exceptions import PreconditionFailedException, UnknownFunctionException
from moto.awslambda.models import LambdaFunction, LambdaStorage, lambda_backends

from tidegate_localstack.emulated.beside import Beside
from tidegate_localstack.emulated.function_invocations import LATEST, invalid, latest_of
from tidegate_localstack.emulated.handlers import Handler


@dataclass(frozen=True)
class Kept:
    """What moto does not keep of a function, or of a version of it."""

    dead_letters: str = ""
    """The ARN of a queue or topic."""
    revision: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Another one after every change."""

    def changed(self, given: Mapping[str, Any]) -> Kept:
        """What is kept after a change."""
        config = given.get("DeadLetterConfig")
        return Kept(self.dead_letters if config is None else str(config.get("TargetArn") or ""))


KEPT = Beside(lambda _function: Kept())


def repair() -> None:
    """Let moto's functions have a dead-letter queue and a revision, wherever they are changed."""
    make, describe = LambdaFunction.__init__, LambdaFunction.get_configuration
    configure, replace_code = (
        LambdaFunction.update_configuration,
        LambdaFunction.update_function_code,
    )
    publish = LambdaStorage.publish_version

    def __init__(
        self: LambdaFunction, account_id: str, spec: dict[str, Any], *rest: Any, **named: Any
    ) -> None:
        make(self, account_id, spec, *rest, **named)
        KEPT.put(self, KEPT.of(self).changed(spec))

    def get_configuration(self: LambdaFunction, on_create: bool = False) -> dict[str, Any]:
        kept = kept_of(self)
        told = {**describe(self, on_create), "RevisionId": kept.revision}
        if target := kept.dead_letters:
            told["DeadLetterConfig"] = {"TargetArn": target}
        return told

    def update_configuration(self: LambdaFunction, given: dict[str, Any]) -> dict[str, Any]:
        check_revision(self, given)
        KEPT.put(self, KEPT.of(self).changed(given))
        told: dict[str, Any] = configure(self, given)
        return told

    def update_function_code(self: LambdaFunction, given: dict[str, Any]) -> dict[str, Any]:
        check_revision(self, given)
        # moto makes the change once more to the version it publishes, which is of another revision.
        given.pop("RevisionId", None)
        KEPT.put(self, KEPT.of(self).changed({}))
        told: dict[str, Any] = replace_code(self, given)
        return told

    def publish_version(self: LambdaStorage, name_or_arn: str, description: str = "") -> Any:
        latest = self.get_function_by_name_or_arn_forbid_qualifier(name_or_arn)
        before = list(self.list_versions_by_function(latest.function_name))
        version = publish(self, name_or_arn, description)
        if not any(version is each for each in before):
            KEPT.put(version, KEPT.of(latest).changed({}))
        # moto leaves it standing with the first version, and then publishes that a second time.
        latest.code_or_config_updated = False
        return version

    for owner, method in (
        (LambdaFunction, __init__),
        (LambdaFunction, get_configuration),
        (LambdaFunction, update_configuration),
        (LambdaFunction, update_function_code),
        (LambdaStorage, publish_version),
    ):
        setattr(owner, method.__name__, method)


def kept_of(function: Any) -> Kept:
    """What is kept of a function; moto lists copies of what is being written."""
    if function.version == LATEST:
        functions: Any = lambda_backends[function.account_id][function.region]
        with contextlib.suppress(UnknownFunctionException):
            return KEPT.of(functions.get_function(function.function_name))
    return KEPT.of(function)


def check_revision(function: Any, given: Mapping[str, Any]) -> None:
    """Refuse a change that was made against another revision than there is."""
    revision = given.get("RevisionId")
    if revision and revision != KEPT.of(function).revision:
        raise PreconditionFailedException(
            "The RevisionId provided does not match the latest RevisionId of the function. Call "
            "the GetFunction/GetAlias API to retrieve the latest RevisionId for your resource."
        )


def publish_version(context: RequestContext, request: Any) -> Any:
    """Publish a version, unless it is not of the code or the revision that was meant."""
    latest = latest_of(context, request["FunctionName"])
    meant = request.get("CodeSha256")
    if meant and meant != latest.code_sha_256:
        raise invalid(
            f"CodeSHA256 ({meant}) is different from current CodeSHA256 in $LATEST "
            f"({latest.code_sha_256}). Please try again with the CodeSHA256 in $LATEST."
        )
    check_revision(latest, request)
    return call_moto(context)


OPERATIONS: dict[str, Handler] = {"PublishVersion": publish_version}
