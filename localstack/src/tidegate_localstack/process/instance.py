"""Starts, finds and stops one LocalStack process.

Each instance owns a state folder: the record of its process, its log and every file LocalStack
would otherwise share between instances (metrics database, caches). Several instances on several
ports thus run side by side, and only the recorded process is ever signalled.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tidegate_localstack.errors import LocalAwsError
from tidegate_localstack.process import environment

REGION = "eu-west-1"
DEFAULT_PORT = 4566
START_TIMEOUT_SECONDS = 90.0
STOP_TIMEOUT_SECONDS = 20.0
LOG_LINES_SHOWN = 40


@dataclass(frozen=True)
class Record:
    """What is written down about a running instance."""

    pid: int
    port: int
    started_at: float
    process_start: str
    """When the kernel says the process started, so that a reused pid is not mistaken for ours."""
    state_dir: str = ""
    """The folder it was started in, so that a copied folder does not stop another's process."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Instance:
    """One LocalStack, identified by its state folder."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.record_path = state_dir / "instance.json"
        self.log_path = state_dir / "localstack.log"

    def running(self) -> Record | None:
        """The record of the process, if that very process is alive."""
        try:
            record = Record(**json.loads(self.record_path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        ours = record.state_dir in ("", str(self.state_dir))
        return record if ours and process_start(record.pid) == record.process_start else None

    def up(self, port: int) -> tuple[Record, bool]:
        """Start unless running, and wait until healthy; returns the record and whether new."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        with self._lock():
            record = self.running()
            if record is not None:
                if port not in (0, record.port):
                    raise LocalAwsError(
                        f"LocalStack already runs on port {record.port} with state in "
                        f"{self.state_dir}. Stop it with `down`, or give another --state-dir."
                    )
                self._wait_until_healthy(record, None)
                return record, False
            process, record = self._start(port or free_port())
            self._wait_until_healthy(record, process)
            return record, True

    def down(self) -> Record | None:
        """Stop the recorded process and wait until it is gone; returns what was stopped."""
        if not self.state_dir.exists():
            return None
        with self._lock():
            record = self.running()
            if record is not None:
                _stop(record)
            self.record_path.unlink(missing_ok=True)
            return record

    def log_tail(self) -> str:
        """The last lines of the log."""
        try:
            lines = self.log_path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "(there is no log)"
        return "\n".join(lines[-LOG_LINES_SHOWN:])

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One `up` or `down` at a time, however many tests call them at once."""
        with (self.state_dir / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _start(self, port: int) -> tuple[subprocess.Popen[bytes], Record]:
        if not _port_is_free(port):
            raise LocalAwsError(
                f"port {port} is taken by a process this command did not start. "
                "Choose another with --port, or --port 0 for any free one."
            )
        private_home = self.state_dir / "home"
        # plux caches the list of plugins below HOME. One left by a half-installed environment
        # makes LocalStack say "No component plugins found", so every start begins without.
        shutil.rmtree(private_home / ".cache" / "plux", ignore_errors=True)
        private_home.mkdir(exist_ok=True)
        files = self.state_dir / "files"
        shutil.copytree(
            environment.prepared(), files / environment.STATIC_FILES, dirs_exist_ok=True
        )
        with self.log_path.open("wb") as log:
            process = subprocess.Popen(
                [str(environment.python()), "-m", "tidegate_localstack.process.launch"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.state_dir,
                env=_child_environment(port, private_home, files),
                start_new_session=True,  # a Ctrl-C meant for the caller must not reach it
            )
        started = process_start(process.pid)
        record = Record(process.pid, port, time.time(), started, str(self.state_dir))
        partial = self.record_path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(record)))
        partial.replace(self.record_path)
        return process, record

    def _wait_until_healthy(self, record: Record, process: subprocess.Popen[bytes] | None) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not _is_healthy(record.endpoint):
            exited = process is not None and process.poll() is not None
            if exited or time.monotonic() > deadline:
                if not exited:
                    _stop(record)
                self.record_path.unlink(missing_ok=True)
                what = "stopped while starting" if exited else "did not become healthy in time"
                raise LocalAwsError(
                    f"LocalStack {what}. The end of {self.log_path}:\n{self.log_tail()}"
                )
            time.sleep(0.1)


def _child_environment(port: int, private_home: Path, files: Path) -> dict[str, str]:
    # A developer's own AWS settings have no business in the local AWS.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    return {
        # Quiet and self-contained; a caller's own setting of these wins.
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        "PROVIDER_OVERRIDE_APIGATEWAY": "tidegate",
        "PROVIDER_OVERRIDE_CLOUDWATCH": "tidegate",
        "PROVIDER_OVERRIDE_DYNAMODB": "tidegate",
        "PROVIDER_OVERRIDE_DYNAMODBSTREAMS": "tidegate",
        "PROVIDER_OVERRIDE_EVENTS": "tidegate",
        "PROVIDER_OVERRIDE_KINESIS": "tidegate",
        "PROVIDER_OVERRIDE_LAMBDA": "tidegate",
        "PROVIDER_OVERRIDE_ROUTE53": "tidegate",
        "PROVIDER_OVERRIDE_SQS": "tidegate",
        "DNS_ADDRESS": "0",  # no DNS server of its own, which would want port 53
        **inherited,
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "HOME": str(private_home),
        **environment.files_below(files),
        "PYTHONUNBUFFERED": "1",
    }


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _is_healthy(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_localstack/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def process_start(pid: int) -> str:
    """The start time of a process as the kernel words it, or nothing when it is gone."""
    if sys.platform.startswith("linux"):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        # Of what follows the name, field 1 is the state (Z: dead, not yet collected), 20 the start.
        return "" if fields[0] == "Z" else fields[19]
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], check=False, capture_output=True, text=True
    )
    return answer.stdout.strip()


def _stop(record: Record) -> None:
    for sign, patience in ((signal.SIGTERM, STOP_TIMEOUT_SECONDS), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, sign)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(record.pid, os.WNOHANG)
            if process_start(record.pid) != record.process_start:
                return
            time.sleep(0.05)
    raise LocalAwsError(
        f"process {record.pid} does not stop; end it by hand, then run `down` again"
    )
