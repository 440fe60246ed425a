"""What a roll-out may change where events are handled or an API is asked, for the snapshot.

Event source mappings, rules of buses and stages of REST APIs, each by names that stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tidegate_localstack.worlds.world import Clients

Ours = Callable[[str], bool]
"""Whether a name belongs to what is described."""

CHANGED = (
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "FilterCriteria",
    "ScalingConfig",
    "MaximumRetryAttempts",
)
"""What of a mapping a roll-out may change, beside its function and whether it is enabled."""


def mappings(aws: Clients, ours: Ours) -> Iterator[tuple[str, Any]]:
    """By what they read, and by the function."""
    functions = getattr(aws, "lambda")
    for page in functions.get_paginator("list_event_source_mappings").paginate():
        for each in page["EventSourceMappings"]:
            function = each["FunctionArn"].partition(":function:")[2]
            if ours(function.partition(":")[0]):
                source = each["EventSourceArn"].split(":", 5)[5]
                kept = {name: each[name] for name in CHANGED if name in each}
                yield f"{source} -> {function}", {**kept, "state": each["State"]}


def mapping_tags(aws: Clients, ours: Ours) -> Iterator[tuple[str, list[str]]]:
    """The keys of what mappings are tagged with, by what they read and the function."""
    functions = getattr(aws, "lambda")
    for page in functions.get_paginator("list_event_source_mappings").paginate():
        for each in page["EventSourceMappings"]:
            function = each["FunctionArn"].partition(":function:")[2]
            if ours(function.partition(":")[0]):
                source = each["EventSourceArn"].split(":", 5)[5]
                tags = functions.list_tags(Resource=each["EventSourceMappingArn"])["Tags"]
                yield f"{source} -> {function}", list(tags)


def bus_rules(aws: Clients, ours: Ours) -> Iterator[tuple[str, Any]]:
    """By bus and rule."""
    for bus, rule in _rules(aws, ours):
        at = {"Rule": rule["Name"], "EventBusName": bus}
        targets = aws.events.list_targets_by_rule(**at)["Targets"]
        kept = {"state": rule["State"], "pattern": rule.get("EventPattern")}
        found = sorted(targets, key=lambda each: str(each["Id"]))
        yield f"{bus}/{rule['Name']}", {**kept, "targets": found}


def rule_arns(aws: Clients, ours: Ours) -> Iterator[tuple[str, str]]:
    """The ARNs by which rules are tagged, by bus and rule."""
    for bus, rule in _rules(aws, ours):
        yield f"{bus}/{rule['Name']}", rule["Arn"]


def _rules(aws: Clients, ours: Ours) -> Iterator[tuple[str, Any]]:
    for bus in aws.events.list_event_buses()["EventBuses"]:
        for page in aws.events.get_paginator("list_rules").paginate(EventBusName=bus["Name"]):
            for rule in page["Rules"]:
                if ours(rule["Name"]):
                    yield bus["Name"], rule


def stages(aws: Clients, ours: Ours) -> Iterator[tuple[str, Any]]:
    """By API and stage."""
    for page in aws.apigateway.get_paginator("get_rest_apis").paginate():
        for api in page["items"]:
            if not ours(api["name"]):
                continue
            for stage in aws.apigateway.get_stages(restApiId=api["id"])["item"]:
                kept = {
                    "deployment": stage["deploymentId"],
                    "variables": stage.get("variables") or {},
                    "canary": stage.get("canarySettings"),
                }
                yield f"{api['name']}/{stage['stageName']}", kept


def stage_arns(aws: Clients, ours: Ours) -> Iterator[tuple[str, str]]:
    """The ARNs by which stages are tagged, by API and stage."""
    region = aws.apigateway.meta.region_name
    for page in aws.apigateway.get_paginator("get_rest_apis").paginate():
        for api in page["items"]:
            if ours(api["name"]):
                for stage in aws.apigateway.get_stages(restApiId=api["id"])["item"]:
                    path = f"/restapis/{api['id']}/stages/{stage['stageName']}"
                    name = f"{api['name']}/{stage['stageName']}"
                    yield name, f"arn:aws:apigateway:{region}::{path}"
