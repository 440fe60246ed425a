"""Seeds one world of a kind, prints it as a line of JSON."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import urllib.request

from tidegate_localstack.errors import LocalAwsError
from tidegate_localstack.worlds.api import ApiWorld
from tidegate_localstack.worlds.codedeploy import CodeDeployWorld
from tidegate_localstack.worlds.dns import DnsWorld
from tidegate_localstack.worlds.events import BusWorld, EventWorld, StreamWorld
from tidegate_localstack.worlds.network import NetworkWorld
from tidegate_localstack.worlds.rolling import RollingWorld
from tidegate_localstack.worlds.shift import EcsWorld, LambdaWorld
from tidegate_localstack.worlds.world import Clients, World

KINDS: dict[str, type[World]] = {
    "alb": World,
    "api": ApiWorld,
    "codedeploy": CodeDeployWorld,
    "ecs": EcsWorld,
    "event-bus": BusWorld,
    "event-driven": EventWorld,
    "lambda": LambdaWorld,
    "nlb": NetworkWorld,
    "rolling": RollingWorld,
    "route53": DnsWorld,
    "stream": StreamWorld,
}
PREFIXES = {"alb": "checkout", "event-bus": "checkout-bus", "event-driven": "checkout-events"}
"""Those that are not made from the name of the kind; the latter would be too long."""


def default_prefix(kind: str) -> str:
    """The prefix of a world of this kind when none is given."""
    return PREFIXES.get(kind, f"checkout-{kind}")


def prefix(text: str) -> str:
    """A name any resource can begin with: AWS wants 3 characters of some, 32 at most of others."""
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9-]{2,19}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a letter and 2 to 19 more letters, digits or hyphens"
        )
    return text


def wipe(endpoint: str) -> None:
    """Empty every service of a running LocalStack."""
    request = urllib.request.Request(f"{endpoint}/_tidegate/reset", method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def main() -> None:
    """Seed one world and print it."""
    parser = argparse.ArgumentParser(description="Seed one world of the local AWS.")
    parser.add_argument("--kind", choices=sorted(KINDS), default="alb")
    parser.add_argument("--prefix", type=prefix)
    parser.add_argument("--wipe-first", action="store_true")
    options = parser.parse_args()
    started = time.monotonic()
    clients = Clients.from_environment()
    if options.wipe_first:
        wipe(clients.elbv2.meta.endpoint_url)
    try:
        name = options.prefix or default_prefix(options.kind)
        world = KINDS[options.kind](clients, name).seed()
    except LocalAwsError as error:
        sys.exit(f"tide-aws: {error}")
    print(json.dumps(world))
    print(f"tide-aws: seeded in {time.monotonic() - started:.2f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
