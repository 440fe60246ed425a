"""Tags of event source mappings, which moto does not know here; those of functions are moto's."""

from __future__ import annotations

from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.services.moto import call_moto

from tidegate_localstack.emulated.handlers import Handler
from tidegate_localstack.emulated.mapping_states import MAPPINGS
from tidegate_localstack.emulated.mappings import EventMapping

MAPPING = ":event-source-mapping:"
"""What the ARN of a mapping has in it."""


def list_tags(context: RequestContext, request: Any) -> Any:
    """The tags of a mapping or a function."""
    mapping = _mapping(context, request)
    return call_moto(context) if mapping is None else {"Tags": dict(mapping.tags)}


def tag_resource(context: RequestContext, request: Any) -> Any:
    """Set some, and leave the others."""
    mapping = _mapping(context, request)
    if mapping is None:
        return call_moto(context)
    mapping.tags.update(request["Tags"])
    return {}


def untag_resource(context: RequestContext, request: Any) -> Any:
    """Remove some, whether they are there or not."""
    mapping = _mapping(context, request)
    if mapping is None:
        return call_moto(context)
    for key in request["TagKeys"]:
        mapping.tags.pop(key, None)
    return {}


def _mapping(context: RequestContext, request: Any) -> EventMapping | None:
    """The mapping that is asked about; none where it is something else."""
    arn = str(request["Resource"])
    if MAPPING not in arn:
        return None
    found = MAPPINGS.get(arn.rpartition(":")[2])
    if found is None or (found.account, found.region) != (context.account_id, context.region):
        raise CommonServiceException(
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
            status_code=404,
        )
    return found


OPERATIONS: dict[str, Handler] = {
    "ListTags": list_tags,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
