"""The execution environments of all functions: who takes a call, and how many there may be at once.

A call goes to a process of its build that has nothing to do, the last to have had, or else to a new
one. What a function may have at once is limited by the concurrency it has reserved, and without
that by what is left to all functions of an account; a call too many is refused before it runs.
"""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from localstack import config

from tidegate_localstack.emulated.function_code import Build
from tidegate_localstack.emulated.function_worker import Call, Outcome, Worker
from tidegate_localstack.emulated.settings import SETTINGS


class ThrottledError(Exception):
    """There are as many executions as there may be."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ClosedError(Exception):
    """LocalStack is being stopped."""


@dataclass
class Place:
    """Where a build's code lies, and its processes."""

    folder: Path
    idle: list[Worker] = field(default_factory=list)
    busy: list[Worker] = field(default_factory=list)
    users: int = 0
    """Calls that run here or are about to."""
    unpacked: threading.Lock = field(default_factory=threading.Lock)
    is_unpacked: bool = False


class Pool:
    """Processes by build, and how many executions each function has."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder, self._endpoint = folder, endpoint
        self._lock = threading.Lock()
        self._places: dict[Build, Place] = {}
        self._of_function: Counter[tuple[str, str, str]] = Counter()
        self._unreserved: Counter[tuple[str, str]] = Counter()
        self._stopped = 0
        """How often everything was ended; what comes back from before then is not kept."""
        self._is_closed = False

    def admit(self, build: Build, reserved: int | None) -> Admission:
        """Take up one of the executions a function may have."""
        shared = build.account, build.region
        with self._lock:
            if reserved is None:
                if self._unreserved[shared] >= SETTINGS.function_concurrency:
                    raise ThrottledError("ConcurrentInvocationLimitExceeded")
                self._unreserved[shared] += 1
            elif self._of_function[build.owner] >= reserved:
                raise ThrottledError("ReservedFunctionConcurrentInvocationLimitExceeded")
            self._of_function[build.owner] += 1
        return Admission(self, build, reserved is not None)

    def leave(self, admission: Admission) -> None:
        """Give back what was taken up."""
        with self._lock:
            self._of_function[admission.build.owner] -= 1
            if not admission.is_reserved:
                self._unreserved[admission.build.account, admission.build.region] -= 1

    def run(self, build: Build, call: Call) -> Outcome:
        """Let a process of this build answer a call."""
        with self._lock:
            if self._is_closed:
                raise ClosedError
            place = self._places.get(build)
            if place is None:
                place = self._places[build] = Place(self._folder / uuid.uuid4().hex)
            place.users += 1
            generation = self._stopped
            worker = self._take_idle(place)
        try:
            worker = worker or self._start(build, place)
            place.busy.append(worker)
            return worker.run(call)
        finally:
            self._put_back(place, worker, generation)

    def tick(self, now: float) -> None:
        """End processes that have had nothing to do for long, and forget builds without any."""
        ended: list[Worker] = []
        left: list[Place] = []
        with self._lock:
            for build, place in list(self._places.items()):
                old = [
                    w for w in place.idle if now - w.idle_since >= SETTINGS.function_idle_seconds
                ]
                ended += old
                place.idle = [worker for worker in place.idle if worker not in old]
                if not place.idle and not place.users:
                    left.append(self._places.pop(build))
        self._end(ended, left)

    def stop_all(self) -> None:
        """End every process; those that run a call end with it."""
        with self._lock:
            self._stopped += 1
            places = list(self._places.values())
            self._places.clear()
            for place in places:
                for worker in place.busy:
                    worker.kill()
        self._end([worker for place in places for worker in place.idle], places)

    def close(self) -> None:
        """End every process for good: LocalStack stops, and waits for those who wait for them."""
        with self._lock:
            self._is_closed = True
        self.stop_all()

    def processes(self) -> list[int]:
        """The processes there are."""
        with self._lock:
            found = [each for place in self._places.values() for each in (*place.idle, *place.busy)]
        return [worker.pid for worker in found]

    def _put_back(self, place: Place, worker: Worker | None, generation: int) -> None:
        with self._lock:
            place.users -= 1
            if worker is None:
                return
            if worker in place.busy:
                place.busy.remove(worker)
            if worker.is_alive and generation == self._stopped:
                worker.idle_since = time.monotonic()
                place.idle.append(worker)
                return
        worker.stop()
        if generation != self._stopped:
            self._end([], [place])

    @staticmethod
    def _take_idle(place: Place) -> Worker | None:
        while place.idle:
            worker = place.idle.pop()
            if worker.is_alive:
                return worker
            worker.stop()
        return None

    def _start(self, build: Build, place: Place) -> Worker:
        code = place.folder / "code"
        with place.unpacked:
            if not place.is_unpacked:
                code.mkdir(parents=True, exist_ok=True)
                build.unpack(code)
                place.is_unpacked = True
        return Worker(code, build.environment(self._endpoint))

    @staticmethod
    def _end(workers: list[Worker], places: list[Place]) -> None:
        for worker in workers:
            worker.stop()
        for place in places:
            if not place.users:
                shutil.rmtree(place.folder, ignore_errors=True)


@dataclass(frozen=True)
class Admission:
    """One execution that a function was allowed."""

    pool: Pool
    build: Build
    is_reserved: bool

    def __enter__(self) -> Admission:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.leave(self)


POOL = Pool(
    Path(config.dirs.tmp) / "functions", f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}"
)
