"""Sends users' requests through a world's load balancer and tells what they got.

A rehearsal means something when traffic flows: the weights split it, the targets answer it, the
alarms see it. This sends it at a steady rate until it is told to stop, and counts by minute and
version, so that a roll-out's cost to users can be read off afterwards. Through a network load
balancer every request has a connection of its own, since that is what the weights split. Where the
world is a DNS name, every request comes from a user who has just resolved it, by the weights as
they were when the TTL last ran out. Where it is a function, an alias of it is invoked; where it is
an API, a stage of it is asked; and where it handles events, they are sent and looked for.
"""

from __future__ import annotations

import argparse
import functools
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3

from tidegate_localstack.worlds import invocations
from tidegate_localstack.worlds.publishing import Publishing
from tidegate_localstack.worlds.tally import Tally, summary

WORKERS = 8


def main() -> None:
    """Send requests until SIGTERM or the time is up, then print one JSON line."""
    parser = argparse.ArgumentParser(description="Send traffic through a world's load balancer.")
    parser.add_argument("--prefix", default="checkout")
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--for", dest="seconds", type=float, default=600.0)
    parser.add_argument(
        "--returning", type=float, default=0.0, help="share of requests that keep their cookies"
    )
    parser.add_argument("--path", default="/", help="what is asked for")
    parser.add_argument(
        "--record", help="where the world is a zone: ask for this name, not the weighted one"
    )
    parser.add_argument("--alias", help="invoke this alias of the function PREFIX instead")
    parser.add_argument("--payload", default="{}", help="the event of each invocation, as JSON")
    parser.add_argument("--stage", help="ask this stage of the REST API PREFIX instead")
    parser.add_argument(
        "--events", action="store_true", help="send events to the bus or stream PREFIX instead"
    )
    parser.add_argument(
        "--settle",
        type=float,
        default=240.0,
        help="seconds without an event being handled, after which those left count as lost",
    )
    options = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    if options.events:
        publishing = Publishing(options.prefix, options.rate, stop)
        print(json.dumps(publishing.run(options.seconds, options.settle)))
        return
    tally = Tally()
    gap = WORKERS / options.rate
    if options.alias:
        way = Way({})
        sender = invocations.sender(options.prefix, options.alias, options.payload, WORKERS)
    else:
        way = _stage_of(options) if options.stage else _find_way(options.prefix, options.record)
        way.returning = options.returning
        way.path = options.path if not options.stage else f"/{options.stage}{options.path}"
        sender = functools.partial(_send, way)
    workers = [
        threading.Thread(target=sender, args=(gap, i * gap / WORKERS, tally, stop))
        for i in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    end = time.monotonic() + options.seconds
    while not (tally.flowing.wait(0.1) or stop.is_set() or time.monotonic() >= end):
        pass
    # Whoever changes the world under these users may wait for this line first.
    print("tide-aws: users are answered", file=sys.stderr, flush=True)
    while not stop.wait(max(0.0, min(way.ttl, end - time.monotonic()))):
        if time.monotonic() >= end:
            break
        way.look_up()
    stop.set()
    for worker in workers:
        worker.join()
    print(json.dumps(summary(tally, options.prefix)))


@dataclass
class Way:
    """How users get to a world: host names with weights, and how long they remember these."""

    shares: dict[str, int]
    headers: dict[str, str] = field(default_factory=dict)
    ttl: float = 3600.0
    zone: str | None = None
    record: str | None = None
    """The name that is resolved; the weighted one of the zone without it."""
    returning: float = 0.0
    """The share of requests that come from somebody who was here before."""
    path: str = "/"

    def look_up(self) -> None:
        """Ask Route 53 for the weights, unless there is but one name."""
        if self.zone is not None:
            answer = boto3.client("route53").list_resource_record_sets(HostedZoneId=self.zone)
            records = [r for r in answer["ResourceRecordSets"] if self._is_asked(r)]
            self.shares = {r["ResourceRecords"][0]["Value"]: r.get("Weight", 1) for r in records}
            self.ttl = float(records[0]["TTL"])

    def _is_asked(self, record: dict[str, Any]) -> bool:
        return record["Name"] == self.record if self.record else "Weight" in record

    def next_headers(self) -> dict[str, str]:
        """The headers of one request."""
        hosts, weights = list(self.shares), list(self.shares.values())
        # All-zero weights mean equal ones in Route 53.
        chosen = random.choices(hosts, weights if any(weights) else None)[0]
        return {"Host": chosen, **self.headers}


@dataclass
class Cookies:
    """What one user's browser has kept."""

    kept: dict[str, str] = field(default_factory=dict)

    def keep(self, given: list[str]) -> None:
        """Take in what an answer sets."""
        for cookie in given:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.kept[name] = value

    def sent(self) -> dict[str, str]:
        """The header to send them back with, if there are any."""
        pairs = "; ".join(f"{name}={value}" for name, value in self.kept.items())
        return {"Cookie": pairs} if pairs else {}


def _find_way(name: str, record: str | None = None) -> Way:
    """The load balancer of this name, or else the zone of the world of this name."""
    elbv2 = boto3.client("elbv2")
    try:
        found = elbv2.describe_load_balancers(Names=[name])["LoadBalancers"][0]
    except elbv2.exceptions.LoadBalancerNotFoundException:
        wanted = f"{name}.example.com."
        answer = boto3.client("route53").list_hosted_zones_by_name(DNSName=wanted, MaxItems="1")
        zones = [zone["Id"] for zone in answer["HostedZones"] if zone["Name"] == wanted]
        if not zones:
            sys.exit(f"tide-aws: there is no load balancer {name} and no zone {wanted}")
        way = Way({}, zone=zones[0], record=record)
        way.look_up()
        return way
    # A connection each, because that is what a network load balancer splits.
    headers = {"Connection": "close"} if found["Type"] == "network" else {}
    return Way({f"{name}.elb.localhost.localstack.cloud": 1}, headers)


def _stage_of(options: argparse.Namespace) -> Way:
    """The way to a stage of the REST API of this name."""
    for page in boto3.client("apigateway").get_paginator("get_rest_apis").paginate():
        for api in page["items"]:
            if api["name"] == options.prefix:
                return Way({f"{api['id']}.execute-api.localhost.localstack.cloud": 1})
    sys.exit(f"tide-aws: there is no REST API {options.prefix}")


def _send(way: Way, gap: float, delay: float, tally: Tally, stop: threading.Event) -> None:
    endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    host, port = endpoint.hostname or "127.0.0.1", endpoint.port or 80
    due = time.monotonic() + delay
    connection = http.client.HTTPConnection(host, port, timeout=10)
    cookies = Cookies()
    while not stop.wait(max(0.0, due - time.monotonic())):
        due = max(due + gap, time.monotonic() - 1.0)
        try:
            is_known = random.random() < way.returning
            connection.request(
                "GET", way.path, headers=way.next_headers() | (cookies.sent() if is_known else {})
            )
            answer = connection.getresponse()
            if is_known:
                cookies.keep(answer.headers.get_all("Set-Cookie", []))
            version = _version(answer.read())
            tally.count(version, answer.status < 500)
        except (OSError, http.client.HTTPException):
            tally.count("nobody", good=False)
            connection.close()
            connection = http.client.HTTPConnection(host, port, timeout=10)


def _version(body: bytes) -> str:
    try:
        return str(json.loads(body)["version"])
    except (ValueError, KeyError, TypeError):
        return "nobody"


if __name__ == "__main__":
    main()
