"""Writes coverage.md: what each AWS operation does here.

The page is derived from the code, never by hand: which handlers this package supplies, which
methods moto or LocalStack implement, and what is left of the API model. `--check` fails when the
page in the repository no longer says so, and a test runs it.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore import xform_name
from localstack.aws.spec import load_service

from tidegate_localstack.emulated import (
    alarms,
    buses,
    deployments,
    dns,
    fleet,
    function_code,
    functions,
    gateways,
    load_balancers,
    model_check,
    queues,
    refresh,
    settings,
)
from tidegate_localstack.process import environment

PAGE = environment.ROOT / "coverage.md"

MACHINES = {
    "elbv2": "target health by real checks, draining; requests by rule, weight and cookie, "
    "connections by weight; metrics",
    "autoscaling": "instances launch, register, drain and terminate over time; lifecycle hooks; "
    "suspended processes; replacement of the unhealthy; instance refresh",
    "codedeploy": "deployments to EC2 instances, in place and blue/green, and to Lambda and ECS as "
    "moving weights, with their rollbacks",
    "lambda": "functions in Python run, a process for each execution there is at once, and aliases "
    "split invocations by weight; events are tried again, and go to destinations and dead-letter "
    "queues; event source mappings read queues of SQS and streams of Kinesis and DynamoDB; metrics "
    "by function, alias and executed version; a function with the environment "
    f"variable `{function_code.ANSWER}` runs nothing and answers what that says",
    "sqs": "metrics of each queue every second, with the age of the oldest message; what moves "
    "back from a dead-letter queue arrives as a new message",
    "events": "rules send while they are enabled; targets are tried again, and have dead-letter "
    "queues; replays go to the rules they name and take a while; metrics by rule",
    "apigateway": "requests are split between a stage and its canary by percentage (LocalStack's "
    "own); metrics by API and stage, and by canary",
    "kinesis": "records stay in their shard when it is split or merged",
    "route53": "changes become INSYNC; five requests a second for an account",
    "cloudwatch": "alarms and composites evaluated every second; percentiles; exact dimensions; "
    "every change of a state is an event on EventBridge's default bus (LocalStack's own)",
}
"""What goes on between the calls, for the services where something does."""


RENAMED = dict.fromkeys(
    ("ListTagsForResource", "ChangeTagsForResource"), "list_or_change_tags_for_resource_request"
)
"""Methods of moto's that serve two operations under a name of their own."""


@dataclass(frozen=True)
class Source:
    """Where the operations of a service come from."""

    service: str
    supplied: frozenset[str]
    fallback: str
    """Who answers the others: a class, as module:name."""


def _overridden(service: str, cls: type[Any]) -> frozenset[str]:
    """Operations a provider subclass answers itself."""
    names = set(vars(cls))
    operations = load_service(service).operation_names
    return frozenset(o for o in operations if xform_name(o) in names)


def sources() -> list[Source]:
    """Every service this package changes or adds."""
    return [
        Source("elbv2", _names(load_balancers.OPERATIONS), "moto.elbv2.responses:ELBV2Response"),
        Source(
            "autoscaling",
            _names({**fleet.OPERATIONS, **refresh.OPERATIONS}),
            "moto.autoscaling.responses:AutoScalingResponse",
        ),
        Source(
            "cloudwatch",
            _overridden("cloudwatch", alarms.Alarms),
            "localstack.services.cloudwatch.provider_v2:CloudwatchProvider",
        ),
        Source("route53", _overridden("route53", dns.Records), "moto.route53.responses:Route53"),
        Source(
            "codedeploy",
            _names(deployments.OPERATIONS),
            "moto.codedeploy.responses:CodeDeployResponse",
        ),
        Source(
            "lambda",
            _names({**functions.OPERATIONS, **functions.WAITING}),
            "moto.awslambda.responses:LambdaResponse",
        ),
        Source(
            "sqs",
            _overridden("sqs", queues.Queues),
            "localstack.services.sqs.provider:SqsProvider",
        ),
        Source(
            "events",
            _overridden("events", buses.Buses),
            "localstack.services.events.provider:EventsProvider",
        ),
        Source(
            "apigateway",
            _overridden("apigateway", gateways.Gateways),
            "localstack.services.apigateway.next_gen.provider:ApigatewayNextGenProvider",
        ),
        Source("kinesis", frozenset(), "moto.kinesis.responses:KinesisResponse"),
        Source("dynamodb", frozenset(), "moto.dynamodb.responses:DynamoHandler"),
        Source(
            "dynamodbstreams",
            frozenset(),
            "moto.dynamodbstreams.responses:DynamoDBStreamsHandler",
        ),
        Source("ecs", frozenset(), "moto.ecs.responses:EC2ContainerServiceResponse"),
    ]


def _names(operations: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(operations)


def page() -> str:
    """The whole page."""
    parts = [
        "# What the local AWS covers",
        "Generated by `python -m tidegate_localstack.process.coverage`; a test checks that it is "
        "current.",
        "**Emulated**: supplied or corrected by this package. **As shipped**: answered by moto "
        "(or, for CloudWatch, SQS, EventBridge and API Gateway, LocalStack) unchanged. "
        "**Absent**: answers 501.",
        "Before any of that, requests to "
        + ", ".join(sorted(model_check.GENERAL))
        + " are checked against the API model; and what lists in pages does so by botocore's "
        "model of pages, whoever answers.",
    ]
    for source in sources():
        parts += _section(source)
    parts.append(_settings_table())
    return "\n\n".join(parts) + "\n"


def _settings_table() -> str:
    """The settings with their defaults and the text that follows each in the source."""
    rows = ["## Settings", "", "| variable | default | what it is |", "|---|---|---|"]
    cls = ast.parse(inspect.getsource(settings.Settings)).body[0]
    assert isinstance(cls, ast.ClassDef)
    for assigned, text in itertools.pairwise(cls.body):
        if isinstance(assigned, ast.AnnAssign) and isinstance(text, ast.Expr):
            name = ast.unparse(assigned.target)
            default = getattr(settings.Settings, name)
            rows.append(
                f"| `TIDEGATE_{name.upper()}` | {default:g} | {ast.literal_eval(text.value)} |"
            )
    return "\n".join(rows)


def _section(source: Source) -> list[str]:
    module, _, name = source.fallback.partition(":")
    shipped = vars(getattr(importlib.import_module(module), name))
    operations = sorted(load_service(source.service).operation_names)
    kinds: dict[str, list[str]] = {"Emulated": [], "As shipped": [], "Absent": []}
    for operation in operations:
        if operation in source.supplied:
            kinds["Emulated"].append(operation)
        elif {xform_name(operation), RENAMED.get(operation)} & shipped.keys():
            kinds["As shipped"].append(operation)
        else:
            kinds["Absent"].append(operation)
    lines = [f"## {source.service}"]
    if source.service in MACHINES:
        lines.append(f"Between the calls: {MACHINES[source.service]}.")
    lines.append(
        "\n".join(
            f"- {kind} ({len(found)}): {', '.join(found) or 'none'}"
            for kind, found in kinds.items()
        )
    )
    return lines


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description="Write coverage.md from the code.")
    parser.add_argument("--check", action="store_true", help="fail if it is not current")
    wanted = page()
    if not parser.parse_args().check:
        PAGE.write_text(wanted)
    elif not PAGE.exists() or PAGE.read_text() != wanted:
        sys.exit("coverage.md is not current; run: python -m tidegate_localstack.process.coverage")


if __name__ == "__main__":
    main()
