"""API Gateway's REST APIs: LocalStack's own, with metrics, and canaries checked as on AWS.

It splits requests between a stage and its canary by percentage. It takes any number for one, and a
deployment that is none of the canary's for a stage that has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.apigateway import BadRequestException, NotFoundException
from localstack.services.apigateway.helpers import get_moto_rest_api
from localstack.services.apigateway.models import apigateway_stores
from localstack.services.apigateway.next_gen.execute_api.router import (
    ApiGatewayEndpoint,
    ApiGatewayRouter,
)
from localstack.services.apigateway.next_gen.provider import ApigatewayNextGenProvider
from localstack.services.edge import ROUTER
from localstack.services.moto import call_moto

from tidegate_localstack.emulated.gateway_metrics import CountingGateway

PERCENT = "/canarySettings/percentTraffic"
CANARY = "/canarySettings"
USE_CACHE = "/canarySettings/useStageCache"
UNUSABLE = "Invalid deployment content specified."


class Gateways(ApigatewayNextGenProvider):
    """LocalStack's provider, corrected."""

    def __init__(self) -> None:
        endpoint = ApiGatewayEndpoint(CountingGateway(), store=apigateway_stores)
        super().__init__(ApiGatewayRouter(ROUTER, handler=endpoint))

    def create_stage(self, context: RequestContext, *given: Any, **rest: Any) -> Any:
        """Create a stage, whose canary gets a possible share of requests."""
        (request,) = given  # which LocalStack does not take apart for this operation
        _check_settings(request.get("canarySettings"))
        return super().create_stage(context, request, **rest)

    def update_stage(
        self,
        context: RequestContext,
        rest_api_id: str,
        stage_name: str,
        patch_operations: Any = None,
        **rest: Any,
    ) -> Any:
        """Change a stage, wholly or not at all."""
        operations = [_with_its_type(each) for each in patch_operations or []]
        stage = get_moto_rest_api(context, rest_api_id).stages.get(stage_name)
        if stage is not None:
            _check_patch(operations, has_canary=bool(getattr(stage, "canary_settings", None)))
        return super().update_stage(context, rest_api_id, stage_name, operations, **rest)

    def get_deployment(
        self, context: RequestContext, rest_api_id: str, deployment_id: str, *_: Any, **__: Any
    ) -> Any:
        """Describe a deployment; LocalStack breaks over one that is not there."""
        if deployment_id not in get_moto_rest_api(context, rest_api_id).deployments:
            raise NotFoundException("Invalid Deployment identifier specified")
        return call_moto(context)

    def create_deployment(
        self,
        context: RequestContext,
        rest_api_id: str,
        stage_name: str | None = None,
        *others: Any,
        **rest: Any,
    ) -> Any:
        """Deploy an API; to a stage with a canary, for that alone."""
        stages = get_moto_rest_api(context, rest_api_id).stages
        stage = stages.get(stage_name) if stage_name else None
        canary_settings = rest.get("canary_settings")
        if canary_settings:
            _check_settings(canary_settings)
            if stage_name and stage is None:
                raise BadRequestException(
                    f"{UNUSABLE}Stage {stage_name} must already be created before making a canary "
                    "release deployment"
                )
        elif getattr(stage, "canary_settings", None):
            raise BadRequestException(
                f"{UNUSABLE}Non canary deployment not supported on stage {stage_name} because "
                "Canary is enabled. Provide CanarySettings in deploymentInput."
            )
        name: Any = stage_name
        return super().create_deployment(context, rest_api_id, name, *others, **rest)


def _with_its_type(operation: Mapping[str, Any]) -> dict[str, Any]:
    """A flag as one: LocalStack would keep the text, and answer with it, which no SDK can read."""
    if operation.get("path") != USE_CACHE or operation.get("op") != "replace":
        return dict(operation)
    return {**operation, "value": str(operation.get("value")).lower() == "true"}


def _check_settings(settings: Mapping[str, Any] | None) -> None:
    if settings:
        _check_percent(settings.get("percentTraffic", 0.0))


def _check_percent(given: Any) -> None:
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = -1.0
    if not 0.0 <= number <= 100.0:
        raise BadRequestException(
            f"Invalid value for percentTraffic: {given}. It must be between 0.0 and 100.0"
        )


def _check_patch(operations: Iterable[Mapping[str, Any]], *, has_canary: bool) -> None:
    for each in operations:
        if each.get("path") == PERCENT and each.get("op") == "replace":
            _check_percent(each.get("value"))
        if each.get("path") == CANARY and each.get("op") == "remove":
            if not has_canary:
                raise BadRequestException("Canary does not exist.")
            has_canary = False
        elif str(each.get("path")).startswith(f"{CANARY}/") and each.get("op") == "replace":
            has_canary = True
