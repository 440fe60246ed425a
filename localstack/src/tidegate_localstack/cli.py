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

from tidegate_localstack import environment
from tidegate_localstack.errors import LocalAwsError
from tidegate_localstack.instance import DEFAULT_PORT, REGION, Instance, Record

KINDS = ("alb", "codedeploy", "nlb", "rolling", "route53")
"""The kinds of worlds, as seed.py knows them, which this module must not import."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code is 0 on success, 1 on a failure that was explained."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.run not in (_test,):
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


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--port", type=int, help=f"default {DEFAULT_PORT}; 0 takes any free port")
    shared.add_argument("--state-dir", type=Path, help="default localstack/.state/<port>")
    world = argparse.ArgumentParser(add_help=False)
    world.add_argument("--prefix", default="checkout", help="name of the world (default: checkout)")

    parser = argparse.ArgumentParser(prog="tide-aws", description="A local AWS for tidegate.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(
        name: str,
        run: Callable[[argparse.Namespace], int],
        text: str,
        *parents: argparse.ArgumentParser,
    ) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text, parents=list(parents))
        added.set_defaults(run=run)
        return added

    verb("up", _up, "start LocalStack unless it runs, wait until healthy", shared)
    verb("down", _down, "stop LocalStack, wait until it is gone", shared)
    verb("status", _status, "say whether LocalStack runs, and where", shared)
    verb("env", _env, "print the exports that point AWS tools at LocalStack", shared)
    kind = argparse.ArgumentParser(add_help=False)
    kind.add_argument("--kind", choices=KINDS, default="alb", help="of which kind (alb)")
    kind.add_argument("--prefix", help="name of the world (checkout, or checkout-KIND)")
    verb("seed", _seed, "create one world unless it exists; prints its ARNs", shared, kind)
    verb("reset", _reset, "empty the local AWS, then seed one world", shared, kind)
    errors = verb("emit-errors", _emit_errors, "publish bad metric data", shared, world)
    errors.add_argument("--for", dest="seconds", type=float, default=30.0, help="how long (30)")
    errors.add_argument("--until-alarm", action="store_true", help="stop once the alarm fires")
    errors.add_argument("--metric", choices=("5xx", "latency"), default="5xx")
    release = verb("release", _release, "prepare a new version on one side", shared, world)
    release.add_argument("--side", choices=("blue", "green"), default="green")
    release.add_argument("--version", default="2")
    release.add_argument("--error-rate", type=float, default=0.0, help="0 to 1 (0)")
    release.add_argument("--latency-ms", type=float, default=0.0)
    release.add_argument("--unhealthy", action="store_true", help="fails its health check")
    load = verb("load", _load, "send users' requests until told to stop", shared, world)
    load.add_argument("--rate", type=float, default=100.0, help="requests a second (100)")
    load.add_argument("--for", dest="seconds", type=float, default=600.0, help="at most (600)")
    snapshot = verb("snapshot", _snapshot, "print what a roll-out may change, as JSON", shared)
    snapshot.add_argument("--prefix", help="only what is named so, or begins so (everything)")
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


def _in_environment(record: Record, module: str, *arguments: str) -> int:
    command = [str(environment.python()), "-m", f"tidegate_localstack.{module}", *arguments]
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    return subprocess.run(command, check=False, env=env | aws_environment(record)).returncode


def _seed(options: argparse.Namespace, *more: str) -> int:
    prefix = ["--prefix", options.prefix] if options.prefix else []
    return _in_environment(_running(options), "seed", "--kind", options.kind, *prefix, *more)


def _reset(options: argparse.Namespace) -> int:
    return _seed(options, "--wipe-first")


def _emit_errors(options: argparse.Namespace) -> int:
    arguments = ["--prefix", options.prefix, "--for", str(options.seconds)]
    arguments += ["--metric", options.metric]
    arguments += ["--until-alarm"] if options.until_alarm else []
    return _in_environment(_running(options), "bad_metrics", *arguments)


def _release(options: argparse.Namespace) -> int:
    arguments = ["--prefix", options.prefix, "--side", options.side]
    arguments += ["--version", options.version, "--error-rate", str(options.error_rate)]
    arguments += ["--latency-ms", str(options.latency_ms)]
    arguments += ["--unhealthy"] if options.unhealthy else []
    return _in_environment(_running(options), "release", *arguments)


def _load(options: argparse.Namespace) -> int:
    # This process becomes the load, so that a signal to it reaches the load.
    record = _running(options)
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    arguments = ["--prefix", options.prefix, "--rate", str(options.rate)]
    arguments += ["--for", str(options.seconds)]
    command = [str(environment.python()), "-m", "tidegate_localstack.load", *arguments]
    os.execve(command[0], command, env | aws_environment(record))


def _snapshot(options: argparse.Namespace) -> int:
    prefix = ["--prefix", options.prefix] if options.prefix else []
    return _in_environment(_running(options), "snapshot", *prefix)


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
