"""The programs that run on the simulated instances.

Each EC2 instance answers HTTP on a loopback port of its own, so that health checks and the load
balancer's requests are real ones. How it behaves follows from its user data, as in a real launch
template: a line of JSON such as `{"version": "2", "error_rate": 0.05, "latency_ms": 20}`, where
`healthy: false` makes its health check fail. One event loop in one thread serves them all.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import random
import re
import socket
import threading
import time
from dataclasses import dataclass, fields, replace
from typing import Any

HEALTH_PATH = "/health"
TOOK = "X-Program-Seconds"
"""A header with how long the program took itself, whatever else the machine is busy with."""
_JSON_OBJECT = re.compile(r"\{.*\}")


@dataclass(frozen=True)
class Behaviour:
    """How the program on an instance answers."""

    version: str = "unknown"
    error_rate: float = 0.0
    latency_ms: float = 0.0
    healthy: bool = True

    def changed(self, given: dict[str, Any]) -> Behaviour:
        """The same with the known fields of `given` taken over."""
        known = {f.name: type(getattr(self, f.name)) for f in fields(self)}
        return replace(self, **{k: known[k](v) for k, v in given.items() if k in known})

    @staticmethod
    def from_user_data(encoded: str | None) -> Behaviour:
        """Read user data; anything without a line of JSON leaves the defaults."""
        text = str(encoded or "")
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            text = base64.b64decode(text, validate=True).decode()
        with contextlib.suppress(ValueError, TypeError):
            found = _JSON_OBJECT.search(text)
            if found:
                return Behaviour().changed(json.loads(found.group()))
        return Behaviour()


class Program:
    """One running program: its port, its behaviour, and how to stop it."""

    def __init__(self, instance_id: str, behaviour: Behaviour) -> None:
        self.instance_id = instance_id
        self.behaviour = behaviour
        self._counts = (0, 0)
        # Bound here and not on the loop: whoever starts an instance holds the engine's lock and
        # must not wait for another thread.
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.Server | None = None
        self.connections: set[asyncio.Transport] = set()
        _loop().call_soon_threadsafe(lambda: _loop().create_task(self._serve()))

    async def _serve(self) -> None:
        self._server = await _loop().create_server(lambda: _Connection(self), sock=self._socket)

    def stop(self) -> None:
        """Close the port and every connection, as a terminated instance does."""
        _loop().call_soon_threadsafe(self._close)

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for transport in list(self.connections):
            transport.abort()

    def answer(self, path: str) -> tuple[int, dict[str, str]]:
        """Status and body for one request."""
        who = {"version": self.behaviour.version, "instance": self.instance_id}
        if path.partition("?")[0] == HEALTH_PATH:
            return (200 if self.behaviour.healthy else 503), who
        failed = random.random() < self.behaviour.error_rate
        self._counts = (self._counts[0] + 1, self._counts[1] + failed)
        return (500 if failed else 200), who

    def take_counts(self) -> tuple[int, int]:
        """Requests and errors since this was last asked."""
        taken, self._counts = self._counts, (0, 0)
        return taken


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, and no more of it than a load balancer sends."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._program.connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._program.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = re.search(rb"(?i)\r\ncontent-length:\s*(\d+)", head)
            body_size = int(length.group(1)) if length else 0
            if len(rest) < body_size:
                return
            self._buffer = rest[body_size:]
            path = head.split(b" ", 2)[1].decode("latin-1")
            latency = self._program.behaviour.latency_ms / 1000
            if latency > 0:
                _loop().call_later(latency, self._reply, path, latency)
            else:
                self._reply(path, latency)

    def _reply(self, path: str, latency: float) -> None:
        begun = time.thread_time()
        status, body = self._program.answer(path)
        payload = json.dumps(body).encode()
        took = latency + time.thread_time() - begun
        reason = "OK" if status == 200 else "Error"
        head = (
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\n{TOOK}: {took:.6f}\r\n\r\n"
        )
        self._transport.write(head.encode() + payload)


_programs: dict[str, Program] = {}


def program_of(instance: Any) -> Program:
    """The program on one of moto's instances, started when first asked for."""
    program = _programs.get(instance.id)
    if program is None:
        program = Program(instance.id, Behaviour.from_user_data(instance.user_data))
        _programs[instance.id] = program
    return program


def stop_program(instance_id: str) -> None:
    """Stop the program of an instance that is gone."""
    program = _programs.pop(instance_id, None)
    if program is not None:
        program.stop()


def stop_all() -> None:
    """Stop every program, when all state is wiped."""
    for instance_id in list(_programs):
        stop_program(instance_id)


async def _status_of(address: tuple[str, int], path: str | None) -> int:
    reader, writer = await asyncio.open_connection(*address)
    try:
        if path is None:
            return 200
        request = f"GET {path} HTTP/1.1\r\nHost: {address[0]}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        return int((await reader.readline()).split(b" ")[1])
    finally:
        writer.close()


def check(address: tuple[str, int], path: str | None, timeout: float, into: list[int]) -> None:
    """GET a path, or only connect, without waiting; `into` gets the status, 0 for no answer."""

    async def ask() -> None:
        try:
            into.append(await asyncio.wait_for(_status_of(address, path), timeout))
        except (OSError, TimeoutError, ValueError, IndexError):
            into.append(0)

    asyncio.run_coroutine_threadsafe(ask(), _loop())


_loop_lock = threading.Lock()
_running_loop: asyncio.AbstractEventLoop | None = None


def _loop() -> asyncio.AbstractEventLoop:
    global _running_loop  # noqa: PLW0603
    with _loop_lock:
        if _running_loop is None:
            _running_loop = asyncio.new_event_loop()
            threading.Thread(
                target=_running_loop.run_forever, name="tidegate-instances", daemon=True
            ).start()
        return _running_loop
