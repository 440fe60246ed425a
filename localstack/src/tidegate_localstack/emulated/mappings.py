"""Event source mappings: what reads a queue or a stream, and gives its records to a function.

moto keeps what it was told of them, and reads nothing.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tidegate_localstack.emulated import function_invocations, function_metrics
from tidegate_localstack.emulated.function_invocations import Target
from tidegate_localstack.emulated.function_pool import ThrottledError
from tidegate_localstack.emulated.function_worker import Outcome

CREATING, ENABLING, ENABLED = "Creating", "Enabling", "Enabled"
DISABLING, DISABLED = "Disabling", "Disabled"
UPDATING, DELETING = "Updating", "Deleting"
PASSING = {CREATING, ENABLING, DISABLING, UPDATING, DELETING}
"""States that end by themselves, and in which a mapping can be changed by nobody."""

NOTHING_YET, WELL, FAILED = "No records processed", "OK", "PROBLEM: Function call failed"
REPORTED = "ReportBatchItemFailures"


@dataclass
class EventMapping:
    """One event source mapping."""

    account: str
    region: str
    source: str
    """The ARN of the queue or stream."""
    options: dict[str, Any]
    """What is told of it, by AWS's names."""
    live: dict[str, Any] = field(default_factory=dict)
    """What goes for it now: a change takes as long as the mapping is `Updating`."""
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = CREATING
    is_wanted: bool = True
    """Whether it shall read once it has come to rest."""
    due: float = 0.0
    """When the state ends that it passes through."""
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))
    result: str = NOTHING_YET
    poller: Poller | None = None
    positions: dict[str, int] = field(default_factory=dict)
    """Up to which record each shard of a stream is done with; kept while it is disabled."""
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def service(self) -> str:
        """What it reads: `sqs`, `kinesis` or `dynamodb`."""
        return self.source.split(":")[2]

    @property
    def function(self) -> str:
        """The ARN of the function, version or alias, as it is told."""
        return str(self.options["FunctionArn"])

    def invoke(self, records: Collection[Mapping[str, Any]]) -> tuple[Target, str, Outcome]:
        """Give records to the function: what they led to, the request, what it came to."""
        target = function_invocations.find(
            self.account, self.region, self.live["FunctionArn"], None
        )
        request, payload = str(uuid.uuid4()), json.dumps({"Records": list(records)})
        try:
            outcome = function_invocations.run(target, payload, request)
        except ThrottledError:
            # The records grow older all the same, and nobody else would tell.
            now = datetime.now(UTC)
            age = function_metrics.age_of_records(payload, now)
            if age is not None:
                function_metrics.publish(target.invoked, {"IteratorAge": age}, now)
            raise
        return target, request, outcome

    def failed_among(self, outcome: Outcome, identifiers: Collection[str]) -> set[str]:
        """Those of a batch that the function failed at: all, unless it is believed to tell."""
        if outcome.failed:
            return set(identifiers)
        if REPORTED not in (self.live.get("FunctionResponseTypes") or ()):
            return set()
        return reported(outcome.payload, identifiers)


def reported(answer: str, identifiers: Collection[str]) -> set[str]:
    """The failures an answer tells; all, where it names what it was not given, or nothing."""
    read = json.loads(answer or "null")
    listed = read.get("batchItemFailures") if isinstance(read, dict) else None
    if read is None or (isinstance(read, dict) and not listed):
        return set()
    try:
        failed = {each["itemIdentifier"] for each in listed or [{}]}
    except (KeyError, TypeError):
        return set(identifiers)
    return failed if failed <= set(identifiers) else set(identifiers)


class Poller:
    """The threads that read for a mapping. They end with the process, whatever they do."""

    def __init__(self, mapping: EventMapping) -> None:
        self.mapping = mapping
        self.stopping = threading.Event()
        """Set when nothing more is to be read; what is in flight ends."""
        self.is_abandoned = False
        """Whether all is gone that it reads from: nothing is left to be ended."""
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    @property
    def is_done(self) -> bool:
        """Whether nothing is in flight any more."""
        with self._lock:
            self._threads = {each for each in self._threads if each.is_alive()}
            return not self._threads

    def stop(self) -> None:
        """Read nothing more."""
        self.stopping.set()

    def abandon(self) -> None:
        """Care for nothing any more, as everything was wiped."""
        self.is_abandoned = True
        self.stop()

    def _begin(self, work: Any, *arguments: Any) -> None:
        name = f"tidegate-mapping-{self.mapping.uuid[:8]}"
        thread = threading.Thread(target=work, args=arguments, name=name, daemon=True)
        with self._lock:
            self._threads = {each for each in self._threads if each.is_alive()} | {thread}
            thread.start()
