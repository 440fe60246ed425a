"""The command line of `tide-aws`.

It runs on the bare Python of a fresh machine: what needs boto3 (seeding, metrics) is handed to the
environment's own Python, after making sure that there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tidegate_localstack.errors import LocalAwsError
from tidegate_localstack.process import environment
from tidegate_localstack.process.instance import DEFAULT_PORT, REGION, Instance, Record


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code is 0 on success, 1 on a failure that was explained."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.run not in (_test, _forward, _reset):
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except LocalAwsError as error:
        print(f"tide-aws: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


FORWARDED = {
    "seed": ("seed", "create one world unless it exists; prints its ARNs"),
    "emit-errors": ("bad_metrics", "publish bad metric data"),
    "release": ("release", "prepare a new version on one side"),
    "load": ("load", "send users' requests until told to stop"),
    "snapshot": ("snapshot", "print what a roll-out may change, as JSON"),
}
"""Verbs that a module in the environment carries out; it has a parser of its own."""


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    shared.add_argument("--port", type=int, help=f"default {DEFAULT_PORT}; 0 takes any free port")
    shared.add_argument("--state-dir", type=Path, help="default localstack/.state/<port>")
    parser = argparse.ArgumentParser(prog="tide-aws", description="A local AWS for tidegate.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(
        name: str,
        run: Callable[[argparse.Namespace], int],
        text: str,
        *parents: argparse.ArgumentParser,
    ) -> None:
        # The help of a forwarded verb is its module's.
        own_help = run is not _forward
        added = verbs.add_parser(
            name,
            help=text,
            description=text,
            parents=list(parents),
            add_help=own_help,
            allow_abbrev=False,
        )
        added.set_defaults(run=run)

    verb("up", _up, "start LocalStack unless it runs, wait until healthy", shared)
    verb("down", _down, "stop LocalStack, wait until it is gone", shared)
    verb("status", _status, "say whether LocalStack runs, and where", shared)
    verb("env", _env, "print the exports that point AWS tools at LocalStack", shared)
    for name, (_, text) in FORWARDED.items():
        verb(name, _forward, text, shared)
    verb("reset", _reset, "empty the local AWS, then seed one world", shared)
    verb("install", _install, "create or update the environment, start nothing")
    verb("test", _test, "run this package's tests and lints; further arguments go to pytest")
    return parser


def _instance(options: argparse.Namespace) -> Instance:
    chosen: Path | None = options.state_dir
    if chosen is None:
        if options.port == 0:
            raise LocalAwsError("--port 0 needs --state-dir, so that the instance is found again")
        chosen = environment.ROOT / ".state" / str(options.port or DEFAULT_PORT)
    return Instance(chosen.resolve())


def _running(options: argparse.Namespace) -> Record:
    record = _instance(options).running()
    if record is None:
        raise LocalAwsError("LocalStack does not run here. Start it with `tide-aws up`.")
    return record


def _up(options: argparse.Namespace) -> int:
    environment.install()
    instance = _instance(options)
    port = options.port
    if port is None:
        # An explicit state folder names a running instance well enough, whatever its port.
        port = 0 if options.state_dir and instance.running() else DEFAULT_PORT
    started = time.monotonic()
    record, is_new = instance.up(port)
    took = f"healthy after {time.monotonic() - started:.1f} s" if is_new else "already running"
    print(f"tide-aws: {took}, process {record.pid}, log {instance.log_path}", file=sys.stderr)
    print(record.endpoint)
    return 0


def _down(options: argparse.Namespace) -> int:
    record = _instance(options).down()
    what = f"stopped process {record.pid}" if record else "nothing was running"
    print(f"tide-aws: {what}", file=sys.stderr)
    return 0


def _status(options: argparse.Namespace) -> int:
    record = _instance(options).running()
    if record is None:
        print("stopped")
        return 1
    print(f"running at {record.endpoint}, process {record.pid}")
    return 0


def _env(options: argparse.Namespace) -> int:
    for name, value in aws_environment(_running(options)).items():
        print(f"export {name}={value}")
    return 0


def aws_environment(record: Record) -> dict[str, str]:
    """What points AWS tools and SDKs at an instance."""
    return {
        "AWS_ENDPOINT_URL": record.endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def _forward(options: argparse.Namespace) -> int:
    module, _ = FORWARDED[options.verb]
    return _become(options, module, *options.rest)


def _reset(options: argparse.Namespace) -> int:
    return _become(options, "seed", "--wipe-first", *options.rest)


def _become(options: argparse.Namespace, module: str, *arguments: str) -> int:
    """Go on as a module of the environment, so that a signal to this process reaches it."""
    record = _running(options)
    command = [str(environment.python()), "-m", f"tidegate_localstack.worlds.{module}", *arguments]
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    os.execve(command[0], command, env | aws_environment(record))


def _install(_options: argparse.Namespace) -> int:
    changed = environment.install()
    what = "installed" if changed else "already up to date"
    print(json.dumps({"environment": str(environment.home()), "state": what}))
    return 0


def _test(options: argparse.Namespace) -> int:
    environment.install()
    python = str(environment.python())
    commands = [
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "pytest", *options.rest],
    ]
    codes = [
        subprocess.run(command, check=False, cwd=environment.ROOT).returncode
        for command in commands
    ]
    return 1 if any(codes) else 0
