"""Network load balancers: they forward connections, not requests.

The first request of a connection picks a target group by the weights of the listener's default
action and a target in it; what follows on the same connection goes to the same target, whatever
happens to the weights, until the target is gone. The payload is HTTP, because that is what the
gateway speaks, but nothing in it is looked at. AWS's metrics of flows exist per load balancer only:
which target group a flow went to is not to be had from them, here as there.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from moto.elbv2.models import elbv2_backends

from tidegate_localstack.emulated import engine, targets
from tidegate_localstack.emulated.routing import Answer, Forward, forward

NAMESPACE = "AWS/NetworkELB"
IDLE_SECONDS = 10.0
"""A connection that was silent for so long is taken for closed; the gateway does not say."""

FlowKey = tuple[str, str, str]
"""Listener, and the client's address and port."""


@dataclass
class Flow:
    """One connection."""

    balancer: str
    to: Forward
    seen: float


@dataclass
class Counts:
    """What passed through one load balancer since the last publication."""

    new: int = 0
    size: int = 0
    resets: int = 0


_lock = threading.Lock()
_flows: dict[FlowKey, Flow] = {}
_counts: dict[str, Counts] = defaultdict(Counts)


def key_of(listener: Any, client: tuple[str, str]) -> FlowKey:
    """What tells a connection from others."""
    return (listener.arn, *client)


def decide(backend: Any, balancer: Any, listener: Any, client: tuple[str, str]) -> Forward | Answer:
    """The target of a connection: the one it has, or one picked for a new connection."""
    now, key = time.monotonic(), key_of(listener, client)
    with _lock:
        flow = _flows.get(key)
        if flow and now - flow.seen < IDLE_SECONDS and _still_stands(backend, flow.to):
            flow.seen = now
            return flow.to
        decision = forward(backend, listener)
        if isinstance(decision, Forward) and decision.address:
            _flows[key] = Flow(balancer.arn, decision, now)
            _counts[balancer.arn].new += 1
        return decision


def _still_stands(backend: Any, to: Forward) -> bool:
    """Draining targets keep their connections; those that turn unhealthy lose them."""
    if to.group.arn not in backend.target_groups:
        return False
    serving = targets.serving(to.group)
    return any(
        targets.address_of(to.group, target) == to.address
        for target in targets.targets_of(to.group).values()
        if target.state == "draining" or target in serving
    )


def passed(key: FlowKey, size: int, *, closing: bool) -> None:
    """Note what went through a connection, and whether it ends with that."""
    with _lock:
        flow = _flows.pop(key, None) if closing else _flows.get(key)
        if flow:
            _counts[flow.balancer].size += size


def reset(key: FlowKey) -> None:
    """Note that the target ended a connection."""
    with _lock:
        flow = _flows.pop(key, None)
        if flow:
            _counts[flow.balancer].resets += 1


def metric_data() -> list[tuple[Any, Any, dict[str, float]]]:
    """Backend, load balancer and values since the last call; like AWS, only active flows when 0."""
    now = time.monotonic()
    with _lock:
        for key in [k for k, f in _flows.items() if now - f.seen >= IDLE_SECONDS]:
            del _flows[key]
        taken = dict(_counts)
        _counts.clear()
        active: dict[str, int] = defaultdict(int)
        for flow in _flows.values():
            active[flow.balancer] += 1
    found = []
    for backend in engine.backends(elbv2_backends):
        for balancer in backend.load_balancers.values():
            if balancer.type == "network":
                counts = taken.get(balancer.arn, Counts())
                values = {
                    "NewFlowCount": counts.new,
                    "ProcessedBytes": counts.size,
                    "TCP_Target_Reset_Count": counts.resets,
                }
                kept = {name: float(value) for name, value in values.items() if value}
                kept["ActiveFlowCount"] = float(active[balancer.arn])
                found.append((backend, balancer, kept))
    return found
