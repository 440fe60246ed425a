"""Replays of what an archive has kept, to those rules alone that are named.

LocalStack replays to every rule of the bus, and fails at the times of what it has kept.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api.events import ReplayState

from tidegate_localstack.emulated.settings import SETTINGS

GAP_SECONDS = 0.01
"""Between two events of a replay, which can be cancelled there."""

Event = Mapping[str, Any]

_running: dict[str, threading.Event] = {}
"""What ends each replay that is not over, by its ARN."""


def start(replay: Any, events: Iterable[Event], send: Callable[[Event], None]) -> None:
    """Replay events, the oldest first, from a while from now on."""
    replay.state, replay.replay_start_time = ReplayState.STARTING, datetime.now(UTC)
    ended = _running[replay.arn] = threading.Event()
    ordered = sorted(events, key=lambda event: str(event["time"]))
    name = f"tidegate-replay-{replay.name}"
    threading.Thread(
        target=_run, args=(replay, ordered, send, ended), name=name, daemon=True
    ).start()


def between(events: Iterable[Event], start: datetime, end: datetime) -> list[Event]:
    """The events of a stretch of time, which they tell in whole seconds."""
    first, last = (_aware(each).replace(microsecond=0) for each in (start, end))
    return [each for each in events if first <= _aware(each["time"]) <= last]


def _aware(moment: str | datetime) -> datetime:
    told = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def cancel(replay: Any) -> bool:
    """End a replay that is not over; whether it was not."""
    ended = _running.get(replay.arn)
    if ended is None:
        return False
    replay.state = ReplayState.CANCELLING
    ended.set()
    return True


def clear() -> None:
    """End all of them, as everything is wiped."""
    for ended in _running.values():
        ended.set()
    _running.clear()


def _run(
    replay: Any, events: list[Event], send: Callable[[Event], None], ended: threading.Event
) -> None:
    if not ended.wait(SETTINGS.replay_seconds):
        replay.state = ReplayState.RUNNING
        for event in events:
            if ended.wait(GAP_SECONDS):
                break
            send({**event, "replay-name": replay.name})
            replay.event_last_replayed_time = event["time"]
    # No event is told to have been the last while there may be another.
    is_cancelled = ended.wait(GAP_SECONDS)
    replay.state = ReplayState.CANCELLED if is_cancelled else ReplayState.COMPLETED
    replay.replay_end_time = datetime.now(UTC)
    _running.pop(replay.arn, None)
