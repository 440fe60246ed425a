"""What a roll-out may change where events are handled or an API is asked, for the snapshot.

Event source mappings, rules of buses and stages of REST APIs, each by names that stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tidegate_localstack.worlds.lists import Lists

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


def mappings(lists: Lists, ours: Ours) -> Iterator[tuple[str, Any]]:
    """By what they read, and by the function."""
    for name, each in _mappings(lists, ours):
        kept = {name: each[name] for name in CHANGED if name in each}
        yield name, {**kept, "state": each["State"]}


def mapping_tags(lists: Lists, ours: Ours) -> Iterator[tuple[str, list[str]]]:
    """The keys of what mappings are tagged with, by what they read and the function."""
    functions = getattr(lists.aws, "lambda")
    for name, each in _mappings(lists, ours):
        yield name, list(functions.list_tags(Resource=each["EventSourceMappingArn"])["Tags"])


def _mappings(lists: Lists, ours: Ours) -> Iterator[tuple[str, Any]]:
    for each in lists.of("lambda", "list_event_source_mappings", "EventSourceMappings"):
        function = each["FunctionArn"].partition(":function:")[2]
        if ours(function.partition(":")[0]):
            source = each["EventSourceArn"].split(":", 5)[5]
            yield f"{source} -> {function}", each


def bus_rules(lists: Lists, ours: Ours) -> Iterator[tuple[str, Any]]:
    """By bus and rule."""
    for bus, rule in _rules(lists, ours):
        at = {"Rule": rule["Name"], "EventBusName": bus}
        targets = lists.aws.events.list_targets_by_rule(**at)["Targets"]
        kept = {"state": rule["State"], "pattern": rule.get("EventPattern")}
        found = sorted(targets, key=lambda each: str(each["Id"]))
        yield f"{bus}/{rule['Name']}", {**kept, "targets": found}


def rule_arns(lists: Lists, ours: Ours) -> Iterator[tuple[str, str]]:
    """The ARNs by which rules are tagged, by bus and rule."""
    for bus, rule in _rules(lists, ours):
        yield f"{bus}/{rule['Name']}", rule["Arn"]


def _rules(lists: Lists, ours: Ours) -> Iterator[tuple[str, Any]]:
    for bus in lists.aws.events.list_event_buses()["EventBuses"]:
        for rule in lists.of("events", "list_rules", "Rules", EventBusName=bus["Name"]):
            if ours(rule["Name"]):
                yield bus["Name"], rule


def stages(lists: Lists, ours: Ours) -> Iterator[tuple[str, Any]]:
    """By API and stage."""
    for name, _, stage in _stages(lists, ours):
        kept = {
            "deployment": stage["deploymentId"],
            "variables": stage.get("variables") or {},
            "canary": stage.get("canarySettings"),
        }
        yield name, kept


def stage_arns(lists: Lists, ours: Ours) -> Iterator[tuple[str, str]]:
    """The ARNs by which stages are tagged, by API and stage."""
    region = lists.aws.apigateway.meta.region_name
    for name, api, stage in _stages(lists, ours):
        path = f"/restapis/{api}/stages/{stage['stageName']}"
        yield name, f"arn:aws:apigateway:{region}::{path}"


def _stages(lists: Lists, ours: Ours) -> Iterator[tuple[str, str, Any]]:
    """With the API's id."""
    for api in lists.of("apigateway", "get_rest_apis", "items"):
        if ours(api["name"]):
            for stage in lists.aws.apigateway.get_stages(restApiId=api["id"])["item"]:
                yield f"{api['name']}/{stage['stageName']}", api["id"], stage
