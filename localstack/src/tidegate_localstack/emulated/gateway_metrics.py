"""The metrics of `AWS/ApiGateway`: by API, and by API and stage.

LocalStack has none. A request that goes to a stage's canary counts for the stage, and for what AWS
says a canary has of its own; that its stage is called `prod/Canary` there, as its log group is, is
a guess.
https://docs.aws.amazon.com/apigateway/latest/developerguide/canary-release.html
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from localstack.services.apigateway.next_gen.execute_api import handlers
from localstack.services.apigateway.next_gen.execute_api.gateway import RestApiGateway

from tidegate_localstack.emulated.beside import Beside

NAMESPACE = "AWS/ApiGateway"
UNITS = {"Latency": "Milliseconds", "IntegrationLatency": "Milliseconds"}
"""All others are counts."""
CANARY = "Canary"

INTEGRATION: Beside[list[float]] = Beside(lambda _context: [])
"""How long the integration of a request took, in milliseconds; nothing where it got to none."""


class CountingGateway(RestApiGateway):
    """LocalStack's way of a request through an API, counted."""

    def __init__(self) -> None:
        super().__init__()
        place = self.request_handlers.index(handlers.integration_handler)
        self.request_handlers[place] = _timed(handlers.integration_handler)

    def process_with_context(self, context: Any, response: Any) -> None:
        """Answer a request, and count what it was answered."""
        began = time.monotonic()
        super().process_with_context(context, response)
        if context.deployment is not None:
            _count(context, response.status_code, (time.monotonic() - began) * 1000)


def _timed(handler: Any) -> Any:
    def handle(chain: Any, context: Any, response: Any) -> None:
        began = time.monotonic()
        try:
            handler(chain, context, response)
        finally:
            INTEGRATION.of(context).append((time.monotonic() - began) * 1000)

    return handle


def _count(context: Any, status: int, milliseconds: float) -> None:
    from tidegate_localstack.emulated.alarms import metric_store  # noqa: PLC0415

    values = {
        "Count": 1.0,
        "4XXError": float(400 <= status < 500),
        "5XXError": float(status >= 500),
        "Latency": milliseconds,
    }
    for took in INTEGRATION.of(context)[:1]:
        values["IntegrationLatency"] = took
    api = {"Name": "ApiName", "Value": context.deployment.rest_api.rest_api["name"]}
    stages = [context.stage, *([f"{context.stage}/{CANARY}"] if context.is_canary else [])]
    cuts = [[api], *([api, {"Name": "Stage", "Value": stage}] for stage in stages)]
    at = datetime.now(UTC)
    data = [
        {
            "MetricName": name,
            "Dimensions": cut,
            "Timestamp": at,
            "Value": value,
            "Unit": UNITS.get(name, "Count"),
        }
        for cut in cuts
        for name, value in values.items()
    ]
    where = context.deployment
    metric_store().add_metric_data(where.account_id, where.region, NAMESPACE, data)
