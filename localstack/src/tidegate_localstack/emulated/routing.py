"""Which target a request goes to: the decision a load balancer makes, without any network.

Rules are tried by priority. A forward picks a target group by weight, unless the client carries the
cookie of group stickiness, and then the next of the group's targets in turn.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import itertools
import random
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate_localstack.emulated import targets
from tidegate_localstack.emulated.beside import Beside
from tidegate_localstack.emulated.load_balancers import actions_in_effect

STICKY_COOKIES = ("AWSALBTG", "AWSALBTGCORS")
_TURNS = Beside(lambda _group: itertools.count())
"""Where among its targets a target group goes on."""


@dataclass(frozen=True)
class Seen:
    """What the rules look at in a request."""

    host: str
    path: str
    query: str
    method: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    source_ip: str


@dataclass(frozen=True)
class Forward:
    """Send the request to one target of a group."""

    group: Any
    address: tuple[str, int] | None
    """None when the group has no target to send it to."""
    set_cookie: str | None


@dataclass(frozen=True)
class Answer:
    """Answer the request here."""

    status: int
    body: str
    headers: dict[str, str]


def pick_rule(listener: Any, seen: Seen) -> Any:
    """The first rule, by priority, whose conditions all hold."""
    numbered = [rule for rule in listener.rules.values() if not rule.is_default]
    for rule in sorted(numbered, key=lambda rule: int(rule.priority)):
        if all(_holds(condition, seen) for condition in rule.conditions):
            return rule
    return next(rule for rule in listener.rules.values() if rule.is_default)


def _values(condition: Mapping[str, Any], config: str) -> list[Any]:
    given = condition.get(config) or {}
    return list(given.get("Values") or condition.get("Values") or [])


def _like(text: str, pattern: str) -> bool:
    # In AWS only * and ? are special.
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def _any_like(text: str, patterns: list[str]) -> bool:
    return any(_like(text.lower(), pattern.lower()) for pattern in patterns)


def _query_holds(condition: Mapping[str, Any], seen: Seen) -> bool:
    pairs = urllib.parse.parse_qsl(seen.query, keep_blank_values=True)
    return any(
        _any_like(text, [wanted["Value"]]) and _any_like(key, [wanted.get("Key", "*")])
        for wanted in _values(condition, "QueryStringConfig")
        for key, text in pairs
    )


def _source_holds(condition: Mapping[str, Any], seen: Seen) -> bool:
    source = ipaddress.ip_address(seen.source_ip)
    networks = _values(condition, "SourceIpConfig")
    return any(source in ipaddress.ip_network(network, strict=False) for network in networks)


def _header_holds(condition: Mapping[str, Any], seen: Seen) -> bool:
    config = condition["HttpHeaderConfig"]
    name = config["HttpHeaderName"].lower()
    return any(_any_like(v, config["Values"]) for k, v in seen.headers.items() if k.lower() == name)


_CONDITIONS: Mapping[str, Callable[[Mapping[str, Any], Seen], bool]] = {
    "path-pattern": lambda condition, seen: any(
        _like(seen.path, value) for value in _values(condition, "PathPatternConfig")
    ),
    "host-header": lambda condition, seen: _any_like(
        seen.host.partition(":")[0], _values(condition, "HostHeaderConfig")
    ),
    "http-request-method": lambda condition, seen: (
        seen.method in _values(condition, "HttpRequestMethodConfig")
    ),
    "http-header": _header_holds,
    "query-string": _query_holds,
    "source-ip": _source_holds,
}


def _holds(condition: Mapping[str, Any], seen: Seen) -> bool:
    return _CONDITIONS[condition["Field"]](condition, seen)


def forward(backend: Any, listener: Any) -> Forward | Answer:
    """What becomes of a connection, of which nothing is looked at."""
    default = next(rule for rule in listener.rules.values() if rule.is_default)
    nothing = Seen("", "", "", "", {}, {}, "")
    for action in actions_in_effect(default):
        return _forward(backend, action.data, nothing)
    return Answer(503, "no action applies", {})


def decide(backend: Any, listener: Any, seen: Seen) -> Forward | Answer:
    """What becomes of a request."""
    for action in actions_in_effect(pick_rule(listener, seen)):
        if action.type == "forward":
            return _forward(backend, action.data, seen)
        if action.type == "fixed-response":
            fixed = action.data["FixedResponseConfig"]
            kind = {"Content-Type": fixed.get("ContentType") or "text/plain"}
            return Answer(int(fixed["StatusCode"]), fixed.get("MessageBody") or "", kind)
        if action.type == "redirect":
            return _redirect(action.data["RedirectConfig"], seen)
        # Authentication is not modelled: whoever asks is let through to the next action.
    return Answer(503, "no action applies", {})


def _redirect(config: Mapping[str, str], seen: Seen) -> Answer:
    template = "{protocol}://{host}:{port}/{path}?{query}".format(
        protocol=config.get("Protocol", "#{protocol}").lower(),
        host=config.get("Host", "#{host}"),
        port=config.get("Port", "#{port}"),
        path=config.get("Path", "/#{path}").lstrip("/"),
        query=config.get("Query", "#{query}"),
    )
    host, _, port = seen.host.partition(":")
    actual = {
        "protocol": "http",
        "host": host,
        "port": port or "80",
        "path": seen.path.lstrip("/"),
        "query": seen.query,
    }
    location = re.sub(r"#\{(\w+)\}", lambda found: actual.get(found.group(1), ""), template)
    status = 301 if config.get("StatusCode") == "HTTP_301" else 302
    return Answer(status, "", {"Location": location.rstrip("?")})


def _forward(backend: Any, data: Mapping[str, Any], seen: Seen) -> Forward | Answer:
    config = data.get("ForwardConfig") or {}
    entries = config.get("TargetGroups") or [{"TargetGroupArn": data.get("TargetGroupArn")}]
    weights = {e["TargetGroupArn"]: int(e.get("Weight", 1)) for e in entries}
    weights = {arn: weight for arn, weight in weights.items() if arn in backend.target_groups}
    sticky = config.get("TargetGroupStickinessConfig") or {}
    arn, cookie = None, None
    if sticky.get("Enabled") in (True, "true"):
        arn = _pinned(weights, seen)
        if arn is None and any(weights.values()):
            arn = _by_weight(weights)
            seconds = int(sticky.get("DurationSeconds") or 3600)
            value = f"{arn.rpartition('/')[2]}-{int(time.time()) + seconds}"
            cookie = f"{STICKY_COOKIES[0]}={value}; Max-Age={seconds}; Path=/"
    elif any(weights.values()):
        arn = _by_weight(weights)
    if arn is None:
        return Answer(503, "no target group has any weight", {})
    group = backend.target_groups[arn]
    return Forward(group, next(_addresses_in_turn(group), None), cookie)


def _by_weight(weights: Mapping[str, int]) -> str:
    return random.choices(list(weights), weights=list(weights.values()))[0]


def _pinned(weights: Mapping[str, int], seen: Seen) -> str | None:
    """The group a client is pinned to. It stays pinned at weight 0, as far as is known of AWS."""
    for name in STICKY_COOKIES:
        identifier, _, expiry = seen.cookies.get(name, "").rpartition("-")
        if expiry.isdigit() and int(expiry) > time.time():
            for arn in weights:
                if arn.rpartition("/")[2] == identifier:
                    return arn
    return None


def _addresses_in_turn(group: Any) -> Iterator[tuple[str, int]]:
    turn = _TURNS.of(group)
    serving = targets.serving(group)
    start = next(turn)
    for offset in range(len(serving)):
        address = targets.address_of(group, serving[(start + offset) % len(serving)])
        if address is not None:
            yield address
