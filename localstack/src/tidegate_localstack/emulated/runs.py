"""A CodeDeploy deployment to instances while it runs: its targets, their events, its end.

moto's deployment is a record that stays `Created`. A `Run` goes with it and holds what happens:
each target goes through its lifecycle events one by one, as many targets at once as the deployment
configuration leaves room for. BlockTraffic really takes an instance out of its target groups and
waits until it has drained; AllowTraffic puts it back and waits until it serves; at ApplicationStart
the program on the instance becomes the one of the revision.

What a revision is like can be told from its name: one that contains `bad` fails ValidateService,
one that contains `errors` starts, but answers 5 % of requests with an error. A line of JSON in the
description of the deployment says more: `{"error_rate": 0.2, "fail_at": "AfterInstall"}`.
"""

from __future__ import annotations

import json
import random
import re
import string
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from moto.autoscaling.models import autoscaling_backends
from moto.codedeploy.models import codedeploy_backends

from tidegate_localstack.emulated import deploy_configs, members
from tidegate_localstack.emulated.beside import Beside
from tidegate_localstack.emulated.engine import backends
from tidegate_localstack.emulated.instances import Behaviour, program_of
from tidegate_localstack.emulated.settings import SETTINGS

ACTIVE = ("Created", "Queued", "InProgress", "Baking", "Ready")
_MOVING = threading.Lock()
BLOCK = ("BeforeBlockTraffic", "BlockTraffic", "AfterBlockTraffic")
INSTALL = (
    "ApplicationStop",
    "DownloadBundle",
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
)
ALLOW = ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
ALLOW_LIMIT_SECONDS = 60.0
"""How long AllowTraffic waits for an instance to serve; AWS waits an hour."""
ERROR_RATE = 0.05


@dataclass
class Event:
    """One lifecycle event on one target."""

    name: str
    status: str = "Pending"
    started: datetime | None = None
    ended: datetime | None = None
    message: str = ""

    def described(self) -> dict[str, Any]:
        """As BatchGetDeploymentTargets words it."""
        answer: dict[str, Any] = {"lifecycleEventName": self.name, "status": self.status}
        answer |= {"startTime": self.started, "endTime": self.ended}
        if self.status == "Failed":
            answer["diagnostics"] = {
                "errorCode": "ScriptFailed",
                "scriptName": f"scripts/{self.name}.sh",
                "message": self.message,
            }
        return {k: v for k, v in answer.items() if v is not None}


@dataclass
class Target:
    """One instance of a deployment, or the one function or service of another platform."""

    id: str
    label: str
    events: list[Event]
    status: str = "Pending"
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    due: float = 0.0

    def plan(self, names: Iterable[str]) -> None:
        """Give it events still to come."""
        self.events += [Event(name) for name in names]

    def skip(self) -> None:
        """Leave the rest out."""
        if self.status in ("Pending", "InProgress", "Ready"):
            self.status = "Skipped"
            for event in self.events:
                if event.status in ("Pending", "InProgress"):
                    event.status = "Skipped"


@dataclass
class Run:
    """What moto's deployment lacks."""

    deployment: Any
    targets: list[Target] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    completed: datetime | None = None
    error: tuple[str, str] | None = None
    rollback_info: dict[str, str] = field(default_factory=dict)
    phase: str = "install"
    since: float = field(default_factory=time.monotonic)
    waiting_for: str | None = None
    green: str | None = None
    """The name of the Auto Scaling group of the replacement environment."""
    traffic_moved: bool = False
    previous_revision: Any = None
    shift: Any = None
    """What moves where, for Lambda and ECS."""

    def become(self, status: str) -> bool:
        """Take on a status, unless it has ended: requests and the engine are threads apart.

        Whoever was told that a deployment is stopped never finds it succeeded afterwards.
        """
        with _MOVING:
            if self.deployment.status not in ACTIVE:
                return False
            self.deployment.status = status
            return True

    @property
    def group(self) -> Any:
        """The deployment group."""
        return self.deployment.deployment_group

    @property
    def platform(self) -> str:
        """Server, Lambda or ECS."""
        return str(self.deployment.application.compute_platform or "Server")

    @property
    def is_blue_green(self) -> bool:
        """Whether instances are replaced rather than updated."""
        return (self.group.deployment_style or {}).get("deploymentType") == "BLUE_GREEN"

    @property
    def is_rollback(self) -> bool:
        """Whether CodeDeploy itself created the deployment, to undo another."""
        return bool(self.deployment.creator == "codeDeployRollback")

    def option(self, name: str) -> dict[str, Any]:
        """One part of the group's blue/green configuration."""
        return dict((self.group.blue_green_deployment_configuration or {}).get(name) or {})

    def asked(self) -> dict[str, Any]:
        """The behaviour of the revision, by its name and the JSON in the description."""
        revision = self.deployment.revision or {}
        s3, github = revision.get("s3Location") or {}, revision.get("gitHubLocation") or {}
        name = github.get("commitId") or PurePosixPath(s3.get("key") or "unknown").stem
        given: dict[str, Any] = {"version": name}
        if "bad" in name:
            given["fail_at"] = "ValidateService"
        if "errors" in name:
            given["error_rate"] = ERROR_RATE
        found = re.search(r"\{.*\}", self.deployment.description or "")
        try:
            return given | (json.loads(found.group()) if found else {})
        except ValueError:
            return given

    def enter(self, phase: str) -> None:
        """Go on to another phase."""
        self.phase, self.since = phase, time.monotonic()

    def waited_minutes(self) -> float:
        """How long the phase has lasted, in CodeDeploy's minutes."""
        return (time.monotonic() - self.since) / SETTINGS.codedeploy_minute_seconds

    def times(self) -> dict[str, datetime]:
        """When it was created, started and completed, as far as it was."""
        all_times = {"createTime": self.created, "startTime": self.started}
        all_times["completeTime"] = self.completed
        return {k: v for k, v in all_times.items() if v is not None}

    def overview(self) -> dict[str, int]:
        """How many targets are in each status."""
        kinds = ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready")
        return {kind: sum(t.status == kind for t in self.targets) for kind in kinds}


_RUNS = Beside(Run)


def run_of(deployment: Any) -> Run:
    """The run that goes with one of moto's deployments."""
    return _RUNS.of(deployment)


def register(backend: Any, deployment_id: str) -> Run:
    """Give a new deployment an id of AWS's form, and start it."""
    deployment = backend.deployments.pop(deployment_id)
    random_part = "".join(random.choices(string.ascii_uppercase + string.digits, k=9))
    deployment.deployment_id = f"d-{random_part}"
    good = last_succeeded(backend, deployment.deployment_group)
    backend.deployments[deployment.deployment_id] = deployment
    run = run_of(deployment)
    run.previous_revision = good.revision if good else None
    return run


def last_succeeded(backend: Any, group: Any) -> Any:
    """The last deployment of a group that succeeded, or None."""
    mine = [d for d in backend.deployments.values() if d.deployment_group is group]
    return next((d for d in reversed(mine) if d.status == "Succeeded"), None)


def backend_of(run: Run) -> Any:
    """The backend a deployment belongs to."""
    for backend in backends(codedeploy_backends):
        if backend.deployments.get(run.deployment.deployment_id) is run.deployment:
            return backend
    raise LookupError(f"deployment {run.deployment.deployment_id} belongs to no backend")


def fleets(run: Run, *, label: str) -> list[Any]:
    """The Auto Scaling groups of the `Blue` (original) or `Green` environment, as far as known."""
    backend = backend_of(run)
    known = autoscaling_backends[backend.account_id][backend.region_name].autoscaling_groups
    names = run.group.auto_scaling_groups if label == "Blue" else [run.green]
    return [known[name] for name in names if name in known]


def instances_of(run: Run, label: str, events: Iterable[str]) -> list[Target]:
    """A target for each instance in service; as in AWS, those that do not serve come first.

    Whatever an earlier deployment left out of the target groups costs nobody a request.
    """
    in_service = [
        state
        for fleet in fleets(run, label=label)
        for state in members.in_state(fleet, "InService")
    ]
    in_service.sort(key=lambda state: not members.member(state).blocked)
    found = [Target(state.instance_id, label, []) for state in in_service]
    for target in found:
        target.plan(events)
    return found


def _place(run: Run, target: Target) -> tuple[Any, Any] | None:
    """The Auto Scaling group and the instance of a target; None once it is gone."""
    for fleet in fleets(run, label=target.label):
        for state in fleet.instance_states:
            if state.instance_id == target.id:
                return fleet, state
    return None


def stop(
    run: Run, status: str, error: tuple[str, str], event: str, *, roll_back: bool | None = None
) -> bool:
    """End a deployment before its time, with a rollback if the configuration says so.

    False when it has ended already.
    """
    if not run.become(status):
        return False
    run.error, run.completed, run.waiting_for = error, datetime.now(UTC), None
    for target in run.targets:
        target.skip()
    config = run.deployment.auto_rollback_configuration or run.group.auto_rollback_configuration
    automatic = (config or {}).get("enabled") and event in (config.get("events") or [])
    wanted = roll_back if roll_back is not None else automatic
    if wanted and not run.is_rollback:
        _roll_back(run)
    return True


def _roll_back(run: Run) -> None:
    backend, deployment = backend_of(run), run.deployment
    good = last_succeeded(backend, run.group)
    if good is None and run.shift is None:
        run.rollback_info = {
            "rollbackMessage": "No deployment succeeded before; there is nothing to roll back to"
        }
        return
    created = backend.create_deployment(
        deployment.application_name,
        deployment.deployment_group_name,
        (good or deployment).revision,
        str(deployment.deployment_config_name),
        (good or deployment).description,
    )
    other = register(backend, created)
    other.deployment.creator = "codeDeployRollback"
    other.rollback_info = {"rollbackTriggeringDeploymentId": deployment.deployment_id}
    run.rollback_info = {"rollbackDeploymentId": other.deployment.deployment_id}
    other.green, other.traffic_moved = run.green, run.traffic_moved
    other.shift = run.shift.reversed() if run.shift else None


def succeed(run: Run, *, label: str) -> None:
    """End well; instances launched from now on get this revision, too."""
    if not run.become("Succeeded"):
        return
    run.completed = datetime.now(UTC)
    for fleet in fleets(run, label=label):
        members.fleet_of(fleet).revision = run.asked()


def _begin(run: Run, target: Target, event: Event) -> None:
    event.status, event.started = "InProgress", datetime.now(UTC)
    target.status = "InProgress"
    place = _place(run, target)
    if place and event.name in ("BlockTraffic", "AllowTraffic"):
        members.member(place[1]).blocked = event.name == "BlockTraffic"


def _is_over(run: Run, target: Target, event: Event) -> bool | None:
    """Whether the event is done; None when it failed."""
    if run.shift is not None:
        over: bool | None = run.shift.is_over(run, event)
        return over
    place = _place(run, target)
    if place is None:
        return True
    fleet, state = place
    if event.name == "BlockTraffic":
        return not members.is_registered(fleet, target.id)
    if event.name == "AllowTraffic" and not members.is_serving(fleet, state):
        assert event.started is not None
        waited = (datetime.now(UTC) - event.started).total_seconds()
        return None if waited > ALLOW_LIMIT_SECONDS else False
    if event.name == run.asked().get("fail_at"):
        return None
    if event.name == "ApplicationStart":
        program_of(state.instance).behaviour = Behaviour().changed(run.asked())
    return True


def work_on(run: Run, target: Target, until: tuple[str, ...], now: float) -> None:
    """Move a target through its events, one each time it is due."""
    if now < target.due:
        return
    target.due = now + SETTINGS.lifecycle_event_seconds
    current = next((e for e in target.events if e.status == "InProgress"), None)
    if current is not None:
        over = _is_over(run, target, current)
        if over is False:
            return
        current.ended = target.updated = datetime.now(UTC)
        if over is None:
            current.status, target.status = "Failed", "Failed"
            current.message = f"the script of {current.name} failed with exit code 1"
            for event in target.events:
                event.status = "Skipped" if event.status == "Pending" else event.status
            return
        current.status = "Succeeded"
    following = next((e for e in target.events if e.status == "Pending"), None)
    if following is not None and following.name in until:
        _begin(run, target, following)
    elif following is None:
        target.status = "Succeeded"
    elif current is not None:
        target.status = "Ready"


def deploy(
    run: Run, targets: list[Target], until: tuple[str, ...], done: tuple[str, ...], now: float
) -> bool:
    """Work on the targets as the configuration allows; true once all are through these events."""
    name = str(run.deployment.deployment_config_name)
    least = deploy_configs.least_healthy(backend_of(run), name, len(targets))

    def count(*statuses: str) -> int:
        return sum(target.status in statuses for target in targets)

    room = len(targets) - least - count("Failed", "InProgress")
    working = [t for t in targets if t.status == "InProgress"]
    waiting = [t for t in targets if t.status not in ("InProgress", "Failed", *done)]
    for target in working + waiting[: max(0, room)]:
        work_on(run, target, until, now)
    over = count("Failed", *done) == len(targets)
    too_few = len(targets) - count("Failed") < max(1, least)
    stuck = bool(waiting) and not working and room <= 0
    if stuck or (over and too_few):
        code = "HEALTH_CONSTRAINTS" if count("Failed") else "HEALTH_CONSTRAINTS_INVALID"
        message = (
            "The overall deployment failed because too many individual instances failed "
            "deployment, too few healthy instances are available for deployment, or some instances "
            "in your deployment group are experiencing problems."
        )
        stop(run, "Failed", (code, message), "DEPLOYMENT_FAILURE")
        return False
    return over
