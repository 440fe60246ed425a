"""The states event source mappings pass through, and the pollers that read for them meanwhile.

Each takes a while, as on AWS: what has been asked for goes only once the mapping has come to rest.
One that is being disabled or deleted reads nothing more from the moment it was told, and comes to
rest when the last invocation it began has ended.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from localstack.aws.api import CommonServiceException

from tidegate_localstack.emulated import function_invocations, mappings
from tidegate_localstack.emulated.mappings import EventMapping, Poller
from tidegate_localstack.emulated.queue_poller import QueuePoller
from tidegate_localstack.emulated.settings import SETTINGS
from tidegate_localstack.emulated.shard_poller import ShardPoller

MAPPINGS: dict[str, EventMapping] = {}
"""All there are, by their UUID."""

STOPPING = {mappings.DISABLING, mappings.DELETING}


def enter(mapping: EventMapping, state: str) -> None:
    """Begin to pass through a state."""
    mapping.state, mapping.due = state, time.monotonic() + SETTINGS.mapping_seconds
    mapping.modified = datetime.now(UTC)
    if state in STOPPING and mapping.poller is not None:
        mapping.poller.stop()


def tick(now: float) -> None:
    """Let those come to rest that have passed through a state for long enough."""
    for mapping in list(MAPPINGS.values()):
        if mapping.state in mappings.PASSING and now >= mapping.due:
            _arrive(mapping)


def clear() -> None:
    """Forget all of them at once, whatever they are doing."""
    for mapping in MAPPINGS.values():
        if mapping.poller is not None:
            mapping.poller.abandon()
    MAPPINGS.clear()


def retire(prefix: str) -> list[str]:
    """Disable those whose function belongs to a world, and name them."""
    retired = []
    for mapping in MAPPINGS.values():
        function = mapping.function.split(":")[6]
        if f"{function}-".startswith(f"{prefix}-") and mapping.state != mappings.DELETING:
            mapping.is_wanted = False
            enter(mapping, mappings.DISABLING)
            retired.append(mapping.uuid)
    return retired


def _arrive(mapping: EventMapping) -> None:
    poller = mapping.poller
    if mapping.state in STOPPING:
        if poller is not None and not poller.is_done:
            return
        mapping.poller = None
        if mapping.state == mappings.DELETING:
            del MAPPINGS[mapping.uuid]
            return
    mapping.live = dict(mapping.options)
    if mapping.is_wanted and mapping.poller is None:
        mapping.poller = _poller(mapping)
    mapping.state = mappings.ENABLED if mapping.is_wanted else mappings.DISABLED
    mapping.modified = datetime.now(UTC)


def _poller(mapping: EventMapping) -> Poller:
    return (
        QueuePoller(mapping) if mapping.service == "sqs" else ShardPoller(mapping, _role(mapping))
    )


def _role(mapping: EventMapping) -> str:
    """The role of the function, which records of Kinesis name."""
    try:
        found = function_invocations.find(mapping.account, mapping.region, mapping.function, None)
    except CommonServiceException:
        return ""
    return str(found.function.role)
