"""One execution environment of a function: a process that answers one call at a time.

A process stands for what is a small virtual machine on AWS: the module is loaded once, calls follow
each other in it, and one that takes too long or ends it takes everything in it along.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BOOT = Path(__file__).with_name("function_boot.py")
INIT_SECONDS = 10.0
"""How long AWS lets a module load before it does so again, within the time of the invocation."""
PASSED_ON = ("PATH", "LANG", "LC_ALL")
"""What a function's process has of the environment of this one."""


@dataclass(frozen=True)
class Call:
    """One invocation."""

    id: str
    arn: str
    """What was invoked, with the alias or version if one was named."""
    payload: str
    seconds: float
    """How long the function may take."""


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation."""

    payload: str
    failed: bool
    milliseconds: float
    log: bytes = b""
    init_milliseconds: float | None = None
    """How long loading took, where this invocation had to wait for it."""


class Worker:
    """A function's process."""

    def __init__(self, code: Path, variables: Mapping[str, str]) -> None:
        self._channel, theirs = socket.socketpair()
        self._is_ready = False
        self._is_stopped = False
        self.idle_since = 0.0
        log = code.parent / f"{uuid.uuid4()}.log"
        # In append mode the process goes on at the start once the file is cut to nothing.
        self._log = log.open("a+b")
        log.unlink()
        inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        # A developer's own settings at home have no business in a function.
        inherited |= {"HOME": str(code.parent), "LAMBDA_TASK_ROOT": str(code)}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-u", str(BOOT), str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                cwd=code,
                env=inherited | dict(variables),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # so that what it starts can be ended with it
            )
        self.pid = self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can take another call."""
        return self._process.poll() is None

    def run(self, call: Call) -> Outcome:
        """Answer one call; whatever ended the process is told in the outcome."""
        init = None if self._is_ready else self._load(call)
        if isinstance(init, Outcome):
            return init
        started = time.monotonic()
        message = {"id": call.id, "arn": call.arn, "payload": call.payload, "seconds": call.seconds}
        told = self._ask(json.dumps(message), call.seconds)
        took = (time.monotonic() - started) * 1000
        if told is None:
            if self.is_alive:
                return self._timed_out(call, init)
            return self._ended(call, took, init)
        return Outcome(told["payload"], told["failed"], took, self._take_log(), init)

    def kill(self) -> None:
        """End the process, and all it has started; whoever waits for an answer is told."""
        if not self._is_stopped:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Kill it and let go of what belongs to it."""
        self.kill()
        if self._is_stopped:
            return
        self._is_stopped = True
        self._process.wait()
        self._channel.close()
        self._log.close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _load(self, call: Call) -> float | Outcome:
        """Wait until the module is loaded: how long it took, or what it failed with."""
        started = time.monotonic()
        told = self._ask(None, INIT_SECONDS + call.seconds)
        took = (time.monotonic() - started) * 1000
        if told is None:
            return self._timed_out(call, took) if self.is_alive else self._ended(call, took, took)
        if "broken" in told:
            payload = json.dumps({**told["broken"], "requestId": call.id})
            outcome = Outcome(payload, True, took, self._take_log(), took)
            self.stop()
            return outcome
        self._is_ready = True
        return took

    def _ask(self, message: str | None, seconds: float) -> dict[str, Any] | None:
        """Send a line and wait for one; None where none came in time, or the process has ended."""
        try:
            line = self._exchange(message, time.monotonic() + seconds)
        except TimeoutError:
            return None
        except OSError:
            line = b""
        if not line:
            # The process has closed its end, and is not collected at the same moment.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
            return None
        told: dict[str, Any] = json.loads(line)
        return told

    def _exchange(self, message: str | None, ends: float) -> bytes:
        """The line that comes after one that is sent; nothing where the other end is closed."""
        if message is not None:
            self._channel.settimeout(max(0.001, ends - time.monotonic()))
            self._channel.sendall(message.encode() + b"\n")
        parts: list[bytes] = []
        while not (parts and parts[-1].endswith(b"\n")):
            self._channel.settimeout(max(0.001, ends - time.monotonic()))
            part = self._channel.recv(1 << 16)
            if not part:
                return b""
            parts.append(part)
        return b"".join(parts)

    def _timed_out(self, call: Call, init: float | None) -> Outcome:
        now = datetime.now(UTC)
        stamp = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"
        words = f"{stamp} {call.id} Task timed out after {call.seconds:.2f} seconds"
        log = self._take_log() + words.encode() + b"\n\n"
        self.stop()
        payload = json.dumps({"errorMessage": words})
        return Outcome(payload, True, call.seconds * 1000, log, init)

    def _ended(self, call: Call, took: float, init: float | None) -> Outcome:
        code = self._process.returncode
        if code < 0:
            named = (signal.strsignal(-code) or str(-code)).lower()
            words = f"Runtime exited with error: signal: {named}"
        elif code:
            words = f"Runtime exited with error: exit status {code}"
        else:
            words = "Runtime exited without providing a reason"
        words = f"RequestId: {call.id} Error: {words}"
        log = self._take_log() + words.encode() + b"\nRuntime.ExitError\n"
        self.stop()
        payload = json.dumps({"errorType": "Runtime.ExitError", "errorMessage": words})
        return Outcome(payload, True, took, log, init)

    def _take_log(self) -> bytes:
        """What was printed since this was last asked."""
        number = self._log.fileno()
        printed = os.pread(number, os.fstat(number).st_size, 0)
        os.ftruncate(number, 0)
        return printed
