"""What event source mappings may be told, what they are told if nobody says, and what AWS refuses.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from localstack.aws.api import CommonServiceException
from localstack.services.sqs.models import sqs_stores

from tidegate_localstack.emulated import event_patterns, function_invocations, streams
from tidegate_localstack.emulated.function_invocations import LATEST, arn_of, invalid

QUEUE_DEFAULTS: dict[str, Any] = {
    "BatchSize": 10,
    "MaximumBatchingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
}
STREAM_DEFAULTS: dict[str, Any] = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}
QUEUE_OPTIONS = {*QUEUE_DEFAULTS, "FilterCriteria", "ScalingConfig"}
STREAM_OPTIONS = {
    *STREAM_DEFAULTS,
    "FilterCriteria",
    "StartingPosition",
    "StartingPositionTimestamp",
}
FROM_THE_START = {"StartingPosition", "StartingPositionTimestamp"}
"""What is said once and for all."""
WITHOUT_WINDOW = 10
"""The greatest batch of a queue that needs no batching window."""
YOUNGEST = 60
"""No age in seconds that is less can be the greatest of a record."""


def service_of(source: str) -> str:
    """What a mapping reads, by the ARN of it."""
    service = source.split(":")[2] if source.count(":") >= 5 else ""
    if service not in ("sqs", "kinesis", "dynamodb"):
        raise NotImplementedError(f"events of {source} are not read here")
    return service


def defaults_of(service: str) -> dict[str, Any]:
    """What goes where nothing is said."""
    return dict(QUEUE_DEFAULTS if service == "sqs" else STREAM_DEFAULTS)


def told(service: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """What a request says that is known of such a mapping."""
    known = QUEUE_OPTIONS if service == "sqs" else STREAM_OPTIONS
    for name in (QUEUE_OPTIONS | STREAM_OPTIONS) - known:
        if request.get(name):
            raise invalid(f"{name} is not supported for event sources of {service}")
    return {name: request[name] for name in known if request.get(name) is not None}


def without_empty(options: Mapping[str, Any]) -> dict[str, Any]:
    """Filters and scaling are taken away by naming none."""
    filters = (options.get("FilterCriteria") or {}).get("Filters")
    scaling = options.get("ScalingConfig")
    gone = {"FilterCriteria"} if not filters else set[str]()
    gone |= {"ScalingConfig"} if not scaling else set[str]()
    return {name: value for name, value in options.items() if name not in gone}


def function_arn(account: str, region: str, name: str) -> str:
    """The ARN of a function, version or alias that is there."""
    asked = function_invocations.named(account, region, name, None)
    try:
        function_invocations.find(account, region, name, None)
    except CommonServiceException as error:
        raise invalid("Function does not exist") from error
    return arn_of(asked, asked.qualifier)


def check(source: str, options: Mapping[str, Any]) -> None:
    """Refuse what AWS would not read like this."""
    service = service_of(source)
    if service == "sqs":
        _check_queue(source, options)
    else:
        _check_stream(source, options)
    for each in (options.get("FilterCriteria") or {}).get("Filters") or []:
        try:
            event_patterns.check(json.loads(each.get("Pattern") or ""))
        except ValueError as error:
            raise invalid("Invalid filter pattern definition.") from error


def _check_queue(source: str, options: Mapping[str, Any]) -> None:
    _, _, _, region, account, name = source.split(":")
    queue = sqs_stores[account][region].queues.get(name)
    if queue is None:
        raise invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: "
            "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does "
            "not exist for this wsdl version."
        )
    _, _, _, where, owner, _, function = options["FunctionArn"].split(":", 6)
    target = function_invocations.find(owner, where, function, None)
    if queue.visibility_timeout < target.build.seconds:
        raise invalid(
            f"Queue visibility timeout: {queue.visibility_timeout} seconds is less than Function "
            f"timeout: {target.build.seconds:.0f} seconds"
        )
    size, window = options["BatchSize"], options["MaximumBatchingWindowInSeconds"]
    if name.endswith(".fifo"):
        if window:
            raise invalid("Batching window is not supported for FIFO queues")
        if size > WITHOUT_WINDOW:
            raise invalid(f"Batch size for FIFO queues must be at most {WITHOUT_WINDOW}")
    if size > WITHOUT_WINDOW and not window:
        raise invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10"
        )


def _check_stream(source: str, options: Mapping[str, Any]) -> None:
    try:
        streams.stream_of(source, "").shards()
    except streams.GoneError as error:
        raise invalid(f"Stream not found: {source}") from error
    where = options.get("StartingPosition")
    if where is None:
        raise invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
            "constraint: Member must not be null."
        )
    if where == "AT_TIMESTAMP":
        if service_of(source) == "dynamodb":
            raise invalid(f"Unsupported starting position for arn type: {source}")
        if options.get("StartingPositionTimestamp") is None:
            raise invalid("StartingPositionTimestamp is required for AT_TIMESTAMP")
    if 0 <= options["MaximumRecordAgeInSeconds"] < YOUNGEST:
        raise invalid(f"MaximumRecordAgeInSeconds must be -1, or {YOUNGEST} or more")


def is_of(function: str, asked: str) -> bool:
    """Whether a mapping's function is the one that is asked for."""
    return function == asked or function == asked.removesuffix(f":{LATEST}")
