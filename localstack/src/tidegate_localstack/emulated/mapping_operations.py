"""Lambda's operations for event source mappings."""

from __future__ import annotations

from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext

from tidegate_localstack.emulated import mapping_options, mapping_states, mappings
from tidegate_localstack.emulated.function_invocations import arn_of, function_of, named
from tidegate_localstack.emulated.handlers import Handler
from tidegate_localstack.emulated.mapping_states import MAPPINGS
from tidegate_localstack.emulated.mappings import EventMapping


def create_event_source_mapping(context: RequestContext, request: Any) -> Any:
    """Let a function have what comes in a queue or a stream, before long."""
    source = request.get("EventSourceArn") or ""
    service = mapping_options.service_of(source)
    function = mapping_options.function_arn(
        context.account_id, context.region, request["FunctionName"]
    )
    options = mapping_options.defaults_of(service) | mapping_options.told(service, request)
    options = mapping_options.without_empty({**options, "FunctionArn": function})
    mapping_options.check(source, options)
    _check_it_is_the_only_one(source, function)
    mapping = EventMapping(
        context.account_id,
        context.region,
        source,
        options,
        is_wanted=request.get("Enabled") is not False,
        tags=dict(request.get("Tags") or {}),
    )
    MAPPINGS[mapping.uuid] = mapping
    mapping_states.enter(mapping, mappings.CREATING)
    return _described(mapping)


def _check_it_is_the_only_one(source: str, function: str) -> None:
    for each in MAPPINGS.values():
        if (each.source, each.function) == (source, function):
            name = function.split(":")[6]
            if each.service == "sqs":
                pair = (
                    f'An event source mapping with SQS arn (" {source} ") and function (" {name} ")'
                )
            else:
                both = f'arn (" {source} ") and function (" {name} ")'
                pair = f"The event source {both} provided mapping"
            raise CommonServiceException(
                "ResourceConflictException",
                f"{pair} already exists. Please update or delete the existing mapping with UUID "
                f"{each.uuid}",
                status_code=409,
            )


def update_event_source_mapping(context: RequestContext, request: Any) -> Any:
    """Change a mapping in what is named; that it is enabled is a change like others."""
    mapping = _existing(context, request)
    changed = {
        name: value
        for name, value in mapping_options.told(mapping.service, request).items()
        if name not in mapping_options.FROM_THE_START
    }
    if request.get("FunctionName"):
        changed["FunctionArn"] = mapping_options.function_arn(
            context.account_id, context.region, request["FunctionName"]
        )
    options = mapping_options.without_empty({**mapping.options, **changed})
    mapping_options.check(mapping.source, options)
    _check_is_free(mapping, "update")
    was_wanted = mapping.is_wanted
    mapping.options = options
    mapping.is_wanted = bool(request.get("Enabled", was_wanted))
    if mapping.is_wanted is was_wanted:
        state = mappings.UPDATING
    else:
        state = mappings.ENABLING if mapping.is_wanted else mappings.DISABLING
    mapping_states.enter(mapping, state)
    return _described(mapping)


def delete_event_source_mapping(context: RequestContext, request: Any) -> Any:
    """Read nothing more, and forget the mapping before long."""
    mapping = _existing(context, request)
    _check_is_free(mapping, "delete")
    mapping_states.enter(mapping, mappings.DELETING)
    return _described(mapping)


def get_event_source_mapping(context: RequestContext, request: Any) -> Any:
    """Describe a mapping."""
    return _described(_existing(context, request))


def list_event_source_mappings(context: RequestContext, request: Any) -> Any:
    """Describe all mappings, or those of a function or source."""
    source, name = request.get("EventSourceArn"), request.get("FunctionName")
    function = None
    if name:
        asked = named(context.account_id, context.region, name, None)
        function_of(asked, asked.qualifier)
        function = arn_of(asked, asked.qualifier)
    found = [
        _described(each)
        for each in MAPPINGS.values()
        if (each.account, each.region) == (context.account_id, context.region)
        and source in (None, each.source)
        and (function is None or mapping_options.is_of(each.function, function))
    ]
    return {"EventSourceMappings": found}


def _existing(context: RequestContext, request: Any) -> EventMapping:
    found = MAPPINGS.get(request["UUID"])
    here = (context.account_id, context.region)
    if found is None or (found.account, found.region) != here:
        raise CommonServiceException(
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
            status_code=404,
        )
    return found


def _check_is_free(mapping: EventMapping, doing: str) -> None:
    if mapping.state in mappings.PASSING:
        raise CommonServiceException(
            "ResourceInUseException",
            f"Cannot {doing} the event source mapping because it is in use.",
            status_code=400,
        )


def _described(mapping: EventMapping) -> dict[str, Any]:
    where = f"{mapping.region}:{mapping.account}"
    told = {
        **mapping.options,
        "UUID": mapping.uuid,
        "EventSourceArn": mapping.source,
        "EventSourceMappingArn": f"arn:aws:lambda:{where}:event-source-mapping:{mapping.uuid}",
        "LastModified": mapping.modified,
        "State": mapping.state,
        "StateTransitionReason": "USER_INITIATED",
    }
    if mapping.service != "sqs":
        told["LastProcessingResult"] = mapping.result
    return told


OPERATIONS: dict[str, Handler] = {
    "CreateEventSourceMapping": create_event_source_mapping,
    "UpdateEventSourceMapping": update_event_source_mapping,
    "DeleteEventSourceMapping": delete_event_source_mapping,
    "GetEventSourceMapping": get_event_source_mapping,
    "ListEventSourceMappings": list_event_source_mappings,
}
