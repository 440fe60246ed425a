"""The processes functions run in: how long they live, and what they end with."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from conftest import eventually
from deployed import packed
from tidegate_localstack.emulated.function_code import Build
from tidegate_localstack.emulated.function_pool import ClosedError, Pool, ThrottledError
from tidegate_localstack.emulated.function_worker import Call, Outcome
from tidegate_localstack.emulated.settings import SETTINGS
from tidegate_localstack.process.instance import process_start

PID = "import os\ndef handler(event, context):\n    return os.getpid()\n"
WAIT = "import time\ndef handler(event, context):\n    time.sleep(60)\n"


def build(source: str, version: str = "1") -> Build:
    return Build(
        account="000000000000",
        region="eu-west-1",
        function="one",
        version=version,
        digest=str(hash(source)),
        handler="index.handler",
        runtime="python3.12",
        seconds=60.0,
        memory=128,
        variables=(),
        code=packed(source),
    )


def call() -> Call:
    return Call("request", "arn", "{}", 60.0)


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path, "http://127.0.0.1:1")


def test_a_process_ends_once_it_has_waited_long_enough_and_its_code_with_it(
    pool: Pool, tmp_path: Path
) -> None:
    pid = int(pool.run(build(PID), call()).payload)
    pool.tick(time.monotonic() + SETTINGS.function_idle_seconds - 5)
    assert pool.processes() == [pid]
    pool.tick(time.monotonic() + SETTINGS.function_idle_seconds)
    assert (pool.processes(), process_start(pid)) == ([], "")
    assert not list(tmp_path.iterdir())


def test_versions_have_processes_of_their_own(pool: Pool) -> None:
    pids = {pool.run(build(PID, version), call()).payload for version in ("1", "2", "1")}
    assert len(pids) == 2
    pool.stop_all()


def test_what_runs_when_everything_is_ended_is_told_so(pool: Pool, tmp_path: Path) -> None:
    outcomes: list[Outcome] = []
    runner = threading.Thread(target=lambda: outcomes.append(pool.run(build(WAIT), call())))
    runner.start()
    (pid,) = eventually(pool.processes)
    pool.stop_all()
    runner.join(10)
    assert "signal: killed" in outcomes[0].payload
    assert not process_start(pid)
    assert not list(tmp_path.iterdir())


def test_nothing_runs_any_more_once_localstack_stops(pool: Pool, tmp_path: Path) -> None:
    pool.run(build(PID), call())
    pool.close()
    with pytest.raises(ClosedError):
        pool.run(build(PID), call())
    assert not list(tmp_path.iterdir())


def test_versions_share_what_their_function_has_reserved(pool: Pool) -> None:
    with pool.admit(build(PID, "1"), 1), pytest.raises(ThrottledError):
        pool.admit(build(PID, "2"), 1)
    pool.admit(build(PID, "2"), 1)


def test_nothing_is_admitted_where_nothing_is_reserved(pool: Pool) -> None:
    with pytest.raises(ThrottledError):
        pool.admit(build(PID), 0)


def test_a_function_ends_with_the_process_that_started_it_however_that_ended(
    tmp_path: Path,
) -> None:
    program = f"""
import os, sys, threading, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_function_processes import WAIT, Pool, build, call
pool = Pool(Path({str(tmp_path)!r}), "http://127.0.0.1:1")
threading.Thread(target=pool.run, args=(build(WAIT), call()), daemon=True).start()
while not pool.processes():
    time.sleep(0.01)
print(pool.processes()[0], flush=True)
os.kill(os.getpid(), 9)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert ended.returncode == -9, ended.stderr
    eventually(lambda: not process_start(int(ended.stdout)))
