"""One LocalStack for the whole test run, on a port of its own, and worlds to use in it."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tidegate_localstack.process.cli import aws_environment
from tidegate_localstack.process.instance import Instance, Record
from tidegate_localstack.worlds.seed import wipe
from tidegate_localstack.worlds.world import Clients, World

_numbers = itertools.count(1)
_counts: dict[str, Counter[str]] = defaultdict(Counter)


class Tally:
    """Counts what generated tests went through, to be told at the end."""

    def add(self, what: str, operation: str) -> None:
        """Count one for an operation."""
        _counts[what][operation] += 1


@pytest.fixture
def tally() -> Tally:
    return Tally()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for what, counted in _counts.items():
        terminalreporter.line(f"{counted.total()} {what}, of {len(counted)} operations")


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    """A running LocalStack, and an environment in which boto3 finds it."""
    instance = Instance(tmp_path_factory.mktemp("localstack"))
    saved = dict(os.environ)
    # A deployment goes through 13 events on each instance, and what they are is not about time.
    os.environ["TIDEGATE_LIFECYCLE_EVENT_SECONDS"] = "0.1"
    os.environ["TIDEGATE_FUNCTION_MINUTE_SECONDS"] = "0.4"
    record, _ = instance.up(0)
    os.environ.update(aws_environment(record))
    try:
        yield record
    finally:
        os.environ.clear()
        os.environ.update(saved)
        instance.down()


@pytest.fixture(scope="module")
def localstack(process: Record) -> Iterator[Record]:
    """The running LocalStack, which each file of tests leaves empty.

    Worlds go on moving when their test is over, and a hundred of them take a processor: the later a
    test came, the longer it had to wait.
    """
    yield process
    wipe(process.endpoint)


@pytest.fixture(scope="session")
def clients() -> dict[str, Any]:
    return {}


@pytest.fixture(scope="module")
def aws(localstack: Record, clients: dict[str, Any]) -> Callable[[str], Any]:
    """Makes AWS clients, one per service."""

    def client(name: str) -> Any:
        if name not in clients:
            clients[name] = boto3.client(name)
        return clients[name]

    return client


@pytest.fixture
def world(localstack: Record) -> dict[str, Any]:
    """A freshly seeded world nobody else uses."""
    return World(Clients.from_environment(), f"world-{next(_numbers)}").seed()


@contextlib.contextmanager
def refused_as(code: str, words: str = "") -> Iterator[None]:
    """What is done in here is refused by the emulator, with this code and these words."""
    with pytest.raises(ClientError, match=re.escape(words) or None) as refused:
        yield
    assert refused.value.response["Error"]["Code"] == code, refused.value


def eventually(condition: Callable[[], Any], within: float = 10.0) -> Any:
    """Wait until the condition holds and return what it returned."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {within} s; last answer: {value!r}")
        time.sleep(0.05)
