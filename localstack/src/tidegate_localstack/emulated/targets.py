"""The state of each registered target, as a real load balancer sees it.

moto calls every target healthy at once. Here a target is `unused` until some rule or listener uses
its target group, then `initial` until a health check passes, then `healthy` or `unhealthy` by real
checks over HTTP or TCP, and `draining` for the deregistration delay after it was taken out. moto
keeps the list of registered targets; this module keeps what happens to them.
"""

from __future__ import annotations

import math
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models import ec2_backends
from moto.elbv2.models import FakeTargetGroup, elbv2_backends

from tidegate_localstack.emulated.beside import Beside
from tidegate_localstack.emulated.engine import backends
from tidegate_localstack.emulated.instances import check, program_of
from tidegate_localstack.emulated.settings import SETTINGS

DESCRIPTIONS = {
    "Target.NotInUse": "Target group is not configured to receive traffic from the load balancer",
    "Elb.RegistrationInProgress": "Target registration is in progress",
    "Elb.InitialHealthChecking": "Initial health checks in progress",
    "Target.FailedHealthChecks": "Health checks failed",
    "Target.ResponseCodeMismatch": "Health checks failed with these codes: [{code}]",
    "Target.DeregistrationInProgress": "Target deregistration is in progress",
    "Target.NotRegistered": "Target is not registered to the target group",
    "Target.InvalidState": "Target is in the stopped state",
}


@dataclass
class Target:
    """One registered or draining target."""

    id: str
    port: int
    state: str = "initial"
    reason: str | None = "Elb.RegistrationInProgress"
    code: int = 0
    drained_at: float = math.inf
    next_check: float = 0.0
    checking: bool = False
    passes: int = 0
    failures: int = 0
    answers: list[int] = field(default_factory=list)
    instance: Any = None
    """moto's instance, once it was found."""

    def becomes(self, state: str, reason: str | None = None) -> None:
        """Change state; counting starts anew."""
        self.state, self.reason = state, reason
        self.passes = self.failures = 0

    def described(self, health_check_port: str | None) -> dict[str, Any]:
        """As DescribeTargetHealth words it."""
        health: dict[str, Any] = {"State": self.state}
        if self.reason:
            health["Reason"] = self.reason
            health["Description"] = DESCRIPTIONS[self.reason].format(code=self.code)
        target = {"Id": self.id, "Port": self.port}
        port = health_check_port if health_check_port != "traffic-port" else str(self.port)
        return {"Target": target, "HealthCheckPort": port, "TargetHealth": health}


_TARGETS: Beside[dict[str, Target]] = Beside(lambda _group: {})


def targets_of(group: FakeTargetGroup) -> dict[str, Target]:
    """The targets of a group, by id."""
    return _TARGETS.of(group)


def arns_in(actions: list[Any]) -> list[str]:
    """The target groups a list of actions forwards to."""
    found: list[str] = []
    for action in actions:
        if action.type == "forward":
            config = action.data.get("ForwardConfig") or {}
            found += [entry["TargetGroupArn"] for entry in config.get("TargetGroups", [])]
            if not config.get("TargetGroups") and action.data.get("TargetGroupArn"):
                found.append(action.data["TargetGroupArn"])
    return found


def load_balancers_by_group(backend: Any) -> dict[str, list[str]]:
    """Which load balancers use each target group right now, through any rule."""
    users: dict[str, list[str]] = {}
    for balancer in backend.load_balancers.values():
        for listener in balancer.listeners.values():
            for rule in listener.rules.values():
                for arn in arns_in(rule.actions):
                    if balancer.arn not in users.setdefault(arn, []):
                        users[arn].append(balancer.arn)
    return users


def address_of(group: FakeTargetGroup, target: Target) -> tuple[str, int] | None:
    """Where a target listens: an instance's program, or an IP target's own address."""
    if not target.id.startswith("i-"):
        return (target.id, target.port) if group.target_type == "ip" else None
    if target.instance is None:
        # moto looks through all instances there ever were, which is too slow for every request.
        backend = ec2_backends[group.account_id][group.region_name]
        target.instance = backend.get_instance_by_id(target.id)
    instance = target.instance
    if instance is None or instance.state != "running":
        return None
    return ("127.0.0.1", program_of(instance).port)


def serving(group: FakeTargetGroup) -> list[Target]:
    """The targets requests go to: the healthy ones, or all when none is (fail-open)."""
    registered = [t for t in targets_of(group).values() if t.state not in ("draining", "unused")]
    healthy = [t for t in registered if t.state == "healthy"]
    return healthy or registered


def drain_seconds(group: FakeTargetGroup) -> float:
    """The deregistration delay, within the limit the settings give."""
    wanted = float(str(group.attributes.get("deregistration_delay.timeout_seconds", 300)))
    return min(wanted, SETTINGS.max_drain_seconds)


def synchronise(group: FakeTargetGroup, *, used: bool, now: float) -> None:
    """Bring the targets in line with what is registered, used and due."""
    known = targets_of(group)
    for target_id, registered in group.targets.items():
        target = known.get(target_id)
        if target is None or target.state == "draining":
            known[target_id] = Target(target_id, int(registered["Port"] or 0))
    for target in list(known.values()):
        if target.id not in group.targets:
            if target.state == "unused" or now >= target.drained_at:
                del known[target.id]
            elif target.state != "draining":
                target.becomes("draining", "Target.DeregistrationInProgress")
                target.drained_at = now + drain_seconds(group)
        elif not used:
            target.becomes("unused", "Target.NotInUse")
        elif target.state == "unused":
            target.becomes("initial", "Elb.RegistrationInProgress")


def _judge(group: FakeTargetGroup, target: Target, now: float) -> None:
    """Take the answer of the last health check, and start the next when it is due."""
    if target.checking and target.answers:
        target.checking = False
        code = target.answers.pop()
        matcher = getattr(group, "matcher", None) or {}  # moto has none for TCP checks
        passed = _matches(code, matcher.get("HttpCode", "200"))
        if passed:
            target.passes, target.failures = target.passes + 1, 0
        else:
            target.passes, target.failures = 0, target.failures + 1
            target.code = code
        # A new target needs one passed check, one that failed needs the whole threshold again.
        enough = 1 if target.state == "initial" else int(group.healthy_threshold_count)
        if target.state != "healthy" and target.passes >= enough:
            target.becomes("healthy")
        elif target.failures >= int(group.unhealthy_threshold_count):
            target.becomes(
                "unhealthy",
                "Target.ResponseCodeMismatch" if target.code else "Target.FailedHealthChecks",
            )
        elif target.state == "initial":
            target.reason = "Elb.InitialHealthChecking"
    if not target.checking and now >= target.next_check:
        address = address_of(group, target)
        interval = SETTINGS.health_check_seconds or float(group.health_check_interval_seconds)
        # Spread, or those that were once due together would be for ever, and wait for each other.
        target.next_check = now + interval * random.uniform(0.75, 1.25)
        target.checking = True
        if address is None:
            target.answers.append(0)
        else:
            timeout = float(group.health_check_timeout_seconds)
            by_connecting = group.health_check_protocol not in ("HTTP", "HTTPS")
            path = None if by_connecting else group.health_check_path or "/"
            check(address, path, timeout, target.answers)


def _matches(code: int, wanted: str) -> bool:
    """Whether a status is among those of a matcher such as `200,202` or `200-299`."""
    for part in str(wanted).split(","):
        low, _, high = re.sub(r"\s", "", part).partition("-")
        if int(low) <= code <= int(high or low):
            return True
    return False


def tick(now: float) -> None:
    """Move every target on."""
    for backend in backends(elbv2_backends):
        users = load_balancers_by_group(backend)
        for group in list(backend.target_groups.values()):
            used = group.arn in users
            synchronise(group, used=used, now=now)
            if used:
                for target in targets_of(group).values():
                    if target.state != "draining":
                        _judge(group, target, now)


def refresh(backend: Any) -> None:
    """Synchronise one backend now, so that an answer shows what the last call did."""
    users = load_balancers_by_group(backend)
    for group in backend.target_groups.values():
        synchronise(group, used=group.arn in users, now=time.monotonic())
