"""Time passes here.

Instances start, targets become healthy, deployments progress: each such machine is a function that
looks at the state and moves it on by what is due. One thread calls them all, ten times a second,
under the one lock that guards the state they share with the request handlers. moto's own objects
are that state wherever it has them, and moto locks nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from moto.core.base_backend import BackendDict

LOG = logging.getLogger(__name__)

LOCK = threading.RLock()
"""Held by every handler and machine that reads or changes shared state."""

TICK_SECONDS = 0.1

Machine = Callable[[float], None]

_machines: list[Machine] = []
_started = threading.Event()


def every_tick(machine: Machine) -> Machine:
    """Register a machine; it is called with the monotonic time, holding the lock."""
    if machine not in _machines:
        _machines.append(machine)
    _start()
    return machine


def backends(of: BackendDict[Any]) -> Iterator[Any]:
    """All regional backends of a service that exist so far."""
    for account in list(of.values()):
        yield from list(account.values())


def _start() -> None:
    if not _started.is_set():
        _started.set()
        threading.Thread(target=_run, name="tidegate-engine", daemon=True).start()


def _run() -> None:
    while True:
        for machine in list(_machines):
            try:
                with LOCK:
                    machine(time.monotonic())
            except Exception:
                # One broken machine must not stop time for the others.
                LOG.exception("%s.%s failed", machine.__module__, machine.__qualname__)
        time.sleep(TICK_SECONDS)
