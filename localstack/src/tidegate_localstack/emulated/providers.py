"""The services LocalStack's free edition lacks, as LocalStack finds them.

LocalStack loads each service through the entry-point group `localstack.aws.provider`, which
pyproject.toml fills. A service is a table from operation name to handler. Each table starts with
moto behind every operation of the API model, and a service module then replaces the operations
where moto is not honest enough. An operation moto lacks answers 501, never a made-up success.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import ServiceModel
from localstack.aws.api import RequestContext
from localstack.aws.skeleton import Skeleton
from localstack.aws.spec import load_service
from localstack.runtime.shutdown import SHUTDOWN_HANDLERS
from localstack.services.moto import call_moto
from localstack.services.plugins import Service, aws_provider

from tidegate_localstack.emulated import engine, paging
from tidegate_localstack.emulated.handlers import Handler


def _moto(context: RequestContext, _request: Any) -> Any:
    return call_moto(context)


def _locked(handler: Handler) -> Handler:
    """moto's models are not safe for threads, and the engine moves them on meanwhile."""

    def handle(context: RequestContext, request: Any) -> Any:
        with engine.LOCK:
            return handler(context, request)

    return handle


def service_on_moto(
    name: str,
    supplied: Mapping[str, Handler] | None = None,
    waiting: Mapping[str, Handler] | None = None,
) -> Service:
    """A service that answers every operation through moto, except those in `supplied`.

    Those in `waiting` take long, and take the lock themselves for what they read.
    """
    model = load_service(name)
    table: dict[str, Handler] = dict.fromkeys(model.operation_names, _locked(_moto))
    for operation, handler in (supplied or {}).items():
        if operation not in table:
            raise ValueError(f"{name} has no operation {operation}; check the spelling")
        table[operation] = _locked(handler)
    table |= waiting or {}
    return Service(name=name, skeleton=Skeleton(model, _in_pages(model, table)))


def _in_pages(model: ServiceModel, table: Mapping[str, Handler]) -> dict[str, Handler]:
    """The same table, in which what lists answers page by page."""
    pages = {name: paging.pages_of(model, name) for name in table}
    return {
        name: paging.paged(handler, found) if (found := pages[name]) else handler
        for name, handler in table.items()
    }


@aws_provider(api="elbv2")
def elbv2() -> Service:
    """Elastic Load Balancing v2: load balancers, listeners, rules and target groups."""
    from tidegate_localstack.emulated import load_balancers, targets  # noqa: PLC0415

    engine.every_tick(targets.tick)
    return service_on_moto("elbv2", load_balancers.OPERATIONS)


@aws_provider(api="autoscaling")
def autoscaling() -> Service:
    """EC2 Auto Scaling: groups and their instances."""
    from tidegate_localstack.emulated import app_metrics, fleet, members, refresh  # noqa: PLC0415

    members.take_over_from_moto()
    engine.every_tick(refresh.tick)
    engine.every_tick(members.tick)
    engine.every_tick(app_metrics.tick)
    return service_on_moto("autoscaling", {**fleet.OPERATIONS, **refresh.OPERATIONS})


@aws_provider(api="cloudwatch", name="tidegate")
def cloudwatch() -> Service:
    """CloudWatch: LocalStack's own provider with alarms that behave."""
    from tidegate_localstack.emulated.alarms import Alarms  # noqa: PLC0415

    provider = Alarms()
    engine.every_tick(provider.tick)
    return Service.for_provider(provider)


@aws_provider(api="route53", name="tidegate")
def route53() -> Service:
    """Route 53: LocalStack's own provider with changes that take time and are checked."""
    from localstack.services.moto import MotoFallbackDispatcher  # noqa: PLC0415

    from tidegate_localstack.emulated.dns import Records  # noqa: PLC0415

    def table(provider: Any) -> Any:
        return _in_pages(load_service("route53"), MotoFallbackDispatcher(provider))

    return Service.for_provider(Records(), dispatch_table_factory=table)


@aws_provider(api="codedeploy")
def codedeploy() -> Service:
    """CodeDeploy: applications, deployment groups and deployments."""
    from tidegate_localstack.emulated import deployments, rollout  # noqa: PLC0415

    engine.every_tick(rollout.tick)
    return service_on_moto("codedeploy", deployments.OPERATIONS)


@aws_provider(api="ecs")
def ecs() -> Service:
    """ECS: clusters, services and task definitions."""
    return service_on_moto("ecs")


@aws_provider(api="lambda", name="tidegate")
def functions() -> Service:
    """Lambda: LocalStack's own needs Docker, and moto's never runs a function."""
    from tidegate_localstack.emulated import (  # noqa: PLC0415
        function_events,
        function_metrics,
        function_pool,
        function_revisions,
        mapping_states,
    )
    from tidegate_localstack.emulated import functions as operations  # noqa: PLC0415

    function_revisions.repair()
    # In this order, so that nobody takes for failures what is ended with LocalStack.
    SHUTDOWN_HANDLERS.register(mapping_states.clear)
    SHUTDOWN_HANDLERS.register(function_pool.POOL.close)
    engine.every_tick(function_events.tick)
    engine.every_tick(function_metrics.tick)
    engine.every_tick(function_pool.POOL.tick)
    engine.every_tick(mapping_states.tick)
    return service_on_moto("lambda", operations.OPERATIONS, operations.WAITING)


@aws_provider(api="kinesis", name="tidegate")
def kinesis() -> Service:
    """Kinesis: LocalStack's own fetches a server, and that forgets nothing at a reset."""
    from tidegate_localstack.emulated import streams  # noqa: PLC0415

    streams.repair()
    return service_on_moto("kinesis")


@aws_provider(api="dynamodb", name="tidegate")
def dynamodb() -> Service:
    """DynamoDB: LocalStack's own fetches a server that needs Java."""
    return service_on_moto("dynamodb")


@aws_provider(api="dynamodbstreams", name="tidegate")
def dynamodb_streams() -> Service:
    """DynamoDB Streams, of the tables of the above."""
    return service_on_moto("dynamodbstreams")


@aws_provider(api="sqs", name="tidegate")
def sqs() -> Service:
    """SQS: LocalStack's own provider, with metrics, and messages that move as on AWS."""
    from tidegate_localstack.emulated import queue_metrics  # noqa: PLC0415
    from tidegate_localstack.emulated.queues import Queues  # noqa: PLC0415

    engine.every_tick(queue_metrics.tick)
    return Service.for_provider(Queues())


@aws_provider(api="events", name="tidegate")
def events() -> Service:
    """EventBridge: LocalStack's own provider, with rules that can be disabled."""
    from tidegate_localstack.emulated.buses import Buses  # noqa: PLC0415

    return Service.for_provider(Buses())


@aws_provider(api="apigateway", name="tidegate")
def apigateway() -> Service:
    """API Gateway's REST APIs: LocalStack's own provider, with metrics."""
    from localstack.services.moto import MotoFallbackDispatcher  # noqa: PLC0415

    from tidegate_localstack.emulated.gateways import Gateways  # noqa: PLC0415

    return Service.for_provider(Gateways(), dispatch_table_factory=MotoFallbackDispatcher)
