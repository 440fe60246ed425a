"""Asynchronous invocations: events that wait for their function, are tried again, and given up.

An event whose function fails is tried again after one minute and after two more; one that is
throttled as often as its age allows, after one second, two, four and so on up to five minutes. How
long a minute is here, TIDEGATE_FUNCTION_MINUTE_SECONDS says.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from localstack.aws.api import CommonServiceException

from tidegate_localstack.emulated import (
    engine,
    function_deliveries,
    function_invocations,
    function_metrics,
    function_options,
    function_revisions,
)
from tidegate_localstack.emulated.function_deliveries import EXHAUSTED, SUCCESS, TOO_OLD, Ending
from tidegate_localstack.emulated.function_invocations import Target
from tidegate_localstack.emulated.function_options import EventConfig
from tidegate_localstack.emulated.function_pool import ThrottledError
from tidegate_localstack.emulated.function_worker import Outcome
from tidegate_localstack.emulated.settings import SETTINGS

LOG = logging.getLogger(__name__)

AT_ONCE = 16
"""How many events are given to functions at once."""
LONGEST_PAUSE = 5.0
"""Minutes between two attempts that were throttled, at most."""


@dataclass(frozen=True)
class Event:
    """An event that waits for its function."""

    account: str
    region: str
    function: str
    qualifier: str | None
    payload: str
    request_id: str
    received: float = field(default_factory=time.monotonic)
    due: float = 0.0
    attempts: int = 0
    throttles: int = 0
    outcome: Outcome | None = None
    """What the last attempt came to."""


_waiting: list[Event] = []
_lock = threading.Lock()
_givers = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="tidegate-events")


def receive(target: Target, payload: str, request_id: str) -> None:
    """Let an event wait for its function."""
    asked = target.invoked
    event = Event(asked.account, asked.region, asked.function, asked.qualifier, payload, request_id)
    function_metrics.publish(asked, {"AsyncEventsReceived": 1.0}, datetime.now(UTC))
    _givers.submit(_give, event)


def tick(now: float) -> None:
    """Give events to their functions that have waited long enough."""
    with _lock:
        due = [event for event in _waiting if event.due <= now]
        _waiting[:] = [event for event in _waiting if event.due > now]
    for event in due:
        _givers.submit(_give, event)


def clear() -> None:
    """Forget all that wait, when everything is wiped."""
    with _lock:
        _waiting.clear()


def _give(event: Event) -> None:
    try:
        target = function_invocations.find(
            event.account, event.region, event.function, event.qualifier
        )
        with engine.LOCK:
            config = function_options.event_config(
                event.account, event.region, event.function, event.qualifier
            )
    except CommonServiceException:
        return  # the function was deleted meanwhile
    try:
        _try(event, target, config)
    except Exception:
        LOG.exception("an event of %s is lost", target.arn)


def _try(event: Event, target: Target, config: EventConfig) -> None:
    """Invoke the function once, and see what is to be done then."""
    if _age(event) > _longest(config):
        _end(event, target, config, TOO_OLD)
        return
    if target.reserved == 0:
        # That is how somebody stops a function: AWS gives its events up without a retry.
        _end(event, target, config, EXHAUSTED)
        return
    age = {"AsyncEventAge": _age(event) * 1000}
    function_metrics.publish(target.invoked, age, datetime.now(UTC))
    try:
        outcome = function_invocations.run(target, event.payload, event.request_id)
    except ThrottledError:
        pause = min(LONGEST_PAUSE, 2**event.throttles / 60)
        _wait(replace(event, throttles=event.throttles + 1), target, config, pause)
        return
    event = replace(event, attempts=event.attempts + 1, outcome=outcome)
    retries = function_options.RETRIES if config.retries is None else config.retries
    if not outcome.failed:
        _end(event, target, config, SUCCESS)
    elif event.attempts > retries:
        _end(event, target, config, EXHAUSTED)
    else:
        _wait(event, target, config, float(event.attempts))


def _age(event: Event) -> float:
    return time.monotonic() - event.received


def _longest(config: EventConfig) -> float:
    """How old an event may become, in seconds of ours."""
    allowed = function_options.EVENT_SECONDS if config.seconds is None else config.seconds
    return allowed / 60 * SETTINGS.function_minute_seconds


def _wait(event: Event, target: Target, config: EventConfig, minutes: float) -> None:
    """Try again later, unless it will be too late then."""
    pause = minutes * SETTINGS.function_minute_seconds
    if _age(event) + pause > _longest(config):
        _end(event, target, config, TOO_OLD)
        return
    with _lock:
        _waiting.append(replace(event, due=time.monotonic() + pause))


def _end(event: Event, target: Target, config: EventConfig, condition: str) -> None:
    """Tell those who are to be told that this was the last of an event."""
    ending = Ending(condition, event.request_id, event.payload, event.attempts, event.outcome)
    destination = config.destination("OnSuccess" if condition == SUCCESS else "OnFailure")
    if destination:
        function_deliveries.send_record(destination, target, ending)
    if condition == SUCCESS:
        return
    with engine.LOCK:
        dead_letters = function_revisions.KEPT.of(target.function).dead_letters
    if dead_letters:
        function_deliveries.send_dead_letter(dead_letters, target, ending)
    function_metrics.publish(target.invoked, {"AsyncEventsDropped": 1.0}, datetime.now(UTC))
