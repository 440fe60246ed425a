"""How events are treated that wait for a function: retries, greatest age, destinations.

moto keeps one configuration for all versions and aliases of a function, and shows the first that
was ever put.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from moto.awslambda.models import lambda_backends

from tidegate_localstack.emulated.beside import Beside
from tidegate_localstack.emulated.function_invocations import LATEST, arn_of, function_of, named
from tidegate_localstack.emulated.function_metrics import Invoked
from tidegate_localstack.emulated.handlers import Handler

RETRIES = 2
EVENT_SECONDS = 21_600
"""How long AWS tries at most, by default."""


@dataclass(frozen=True)
class EventConfig:
    """How events are treated that wait to be given to a function, version or alias."""

    retries: int | None = None
    seconds: int | None = None
    """How old an event may become."""
    destinations: Mapping[str, Any] = field(default_factory=dict)
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))

    def destination(self, outcome: str) -> str:
        """Where the record of an event goes, by `OnSuccess` or `OnFailure`; nowhere when empty."""
        return str((self.destinations.get(outcome) or {}).get("Destination") or "")


EVENT_CONFIGS: Beside[dict[str, EventConfig]] = Beside(lambda _latest: {})
"""By qualifier, beside what moto has as the latest of a function."""


def event_config(account: str, region: str, name: str, qualifier: str | None) -> EventConfig:
    """What goes for the events given to a function, version or alias."""
    functions: Any = lambda_backends[account][region]
    return EVENT_CONFIGS.of(functions.get_function(name)).get(qualifier or LATEST, EventConfig())


def _asked(context: RequestContext, request: Any) -> Invoked:
    return named(
        context.account_id, context.region, request["FunctionName"], request.get("Qualifier")
    )


def _arn(context: RequestContext, request: Any) -> str:
    asked = _asked(context, request)
    return arn_of(asked, asked.qualifier or LATEST)


def _configs(context: RequestContext, request: Any) -> tuple[dict[str, EventConfig], str]:
    """The configurations of a function, and the qualifier that is meant."""
    asked = _asked(context, request)
    return EVENT_CONFIGS.of(function_of(asked, None)), asked.qualifier or LATEST


def _existing(context: RequestContext, request: Any) -> EventConfig:
    configs, qualifier = _configs(context, request)
    if qualifier not in configs:
        arn = _arn(context, request)
        raise CommonServiceException(
            "ResourceNotFoundException",
            f"The function {arn} doesn't have an EventInvokeConfig",
            status_code=404,
        )
    return configs[qualifier]


def _described(arn: str, config: EventConfig) -> dict[str, Any]:
    told: dict[str, Any] = {
        "FunctionArn": arn,
        "LastModified": config.modified,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}, **config.destinations},
    }
    if config.retries is not None:
        told["MaximumRetryAttempts"] = config.retries
    if config.seconds is not None:
        told["MaximumEventAgeInSeconds"] = config.seconds
    return told


def put_event_invoke_config(context: RequestContext, request: Any) -> Any:
    """Set how events are treated, forgetting what went before."""
    return _put(context, request, EventConfig())


def update_event_invoke_config(context: RequestContext, request: Any) -> Any:
    """Change how events are treated, in what is named alone."""
    return _put(context, request, _existing(context, request))


def _put(context: RequestContext, request: Any, before: EventConfig) -> Any:
    configs, qualifier = _configs(context, request)
    function_of(_asked(context, request), qualifier)  # which may be nothing that there is
    given = request.get("DestinationConfig") or {}
    configs[qualifier] = EventConfig(
        retries=request.get("MaximumRetryAttempts", before.retries),
        seconds=request.get("MaximumEventAgeInSeconds", before.seconds),
        destinations={**before.destinations, **given},
    )
    return _described(_arn(context, request), configs[qualifier])


def get_event_invoke_config(context: RequestContext, request: Any) -> Any:
    """How events are treated."""
    return _described(_arn(context, request), _existing(context, request))


def list_event_invoke_configs(context: RequestContext, request: Any) -> Any:
    """All configurations of a function."""
    configs, _ = _configs(context, request)
    listed = [
        _described(_arn(context, {**request, "Qualifier": qualifier}), config)
        for qualifier, config in sorted(configs.items())
    ]
    return {"FunctionEventInvokeConfigs": listed}


def delete_event_invoke_config(context: RequestContext, request: Any) -> Any:
    """Treat events as they are by default."""
    _existing(context, request)
    configs, qualifier = _configs(context, request)
    del configs[qualifier]
    return {}


OPERATIONS: dict[str, Handler] = {
    "PutFunctionEventInvokeConfig": put_event_invoke_config,
    "UpdateFunctionEventInvokeConfig": update_event_invoke_config,
    "GetFunctionEventInvokeConfig": get_event_invoke_config,
    "ListFunctionEventInvokeConfigs": list_event_invoke_configs,
    "DeleteFunctionEventInvokeConfig": delete_event_invoke_config,
}
