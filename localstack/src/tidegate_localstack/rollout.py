"""How a CodeDeploy deployment to EC2 instances goes on over time.

In place, as many instances at once as the configuration allows go through their lifecycle events.
Blue/green copies the Auto Scaling group, deploys to the copy, may wait as `Ready`, moves the target
groups over and may wait again before the old group ends. A deployment fails when too few instances
stay healthy, or when an alarm fires; a rollback is a new deployment of the last revision that
succeeded.

A line of JSON in the description says how the new revision behaves, as user data does for an
instance: `{"error_rate": 0.05}`. There, `"fail_at": "ValidateService"` fails that lifecycle event.
"""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localstack.services.cloudwatch.models import cloudwatch_stores
from moto.autoscaling.models import autoscaling_backends
from moto.codedeploy.models import codedeploy_backends

from tidegate_localstack import members
from tidegate_localstack.engine import backends
from tidegate_localstack.instances import Behaviour, program_of
from tidegate_localstack.settings import SETTINGS

ACTIVE = ("Created", "Queued", "InProgress", "Ready")
CONFIGURATIONS = ("OneAtATime", "HalfAtATime", "AllAtOnce")
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
            answer["diagnostics"] = {"errorCode": "ScriptFailed", "message": self.message}
        return {k: v for k, v in answer.items() if v is not None}


@dataclass
class Target:
    """One instance of a deployment."""

    id: str
    label: str
    events: list[Event]
    status: str = "Pending"
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    due: float = 0.0


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
    """The name of the copied Auto Scaling group."""

    @property
    def is_blue_green(self) -> bool:
        style = self.deployment.deployment_group.deployment_style or {}
        return bool(style.get("deploymentType") == "BLUE_GREEN")

    def option(self, name: str) -> dict[str, Any]:
        """One part of the group's blue/green configuration."""
        group = self.deployment.deployment_group
        return dict((group.blue_green_deployment_configuration or {}).get(name) or {})

    def asked(self) -> dict[str, Any]:
        """The behaviour of the revision: its name, and the JSON in the description."""
        revision = self.deployment.revision or {}
        s3, github = revision.get("s3Location") or {}, revision.get("gitHubLocation") or {}
        given = {"version": github.get("commitId") or s3.get("key") or "unknown"}
        found = re.search(r"\{.*\}", self.deployment.description or "")
        try:
            return given | (json.loads(found.group()) if found else {})
        except ValueError:
            return given

    def enter(self, phase: str) -> None:
        """Go on to another phase."""
        self.phase, self.since = phase, time.monotonic()

    def times(self) -> dict[str, datetime]:
        """When it was created, started and completed, as far as it was."""
        all_times = {"createTime": self.created, "startTime": self.started}
        all_times["completeTime"] = self.completed
        return {k: v for k, v in all_times.items() if v is not None}

    def overview(self) -> dict[str, int]:
        """How many targets are in each status."""
        kinds = ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready")
        return {kind: sum(t.status == kind for t in self.targets) for kind in kinds}


def run_of(deployment: Any) -> Run:
    """The run that goes with one of moto's deployments."""
    found: Run | None = deployment.__dict__.get("tidegate")
    if found is None:
        found = deployment.__dict__["tidegate"] = Run(deployment)
    return found


def _fleets(run: Run) -> list[Any]:
    group = run.deployment.deployment_group
    backend = _backend_of(run)
    known = autoscaling_backends[backend.account_id][backend.region_name].autoscaling_groups
    names = [run.green] if run.green else group.auto_scaling_groups
    return [known[name] for name in names if name in known]


def _backend_of(run: Run) -> Any:
    for backend in backends(codedeploy_backends):
        if backend.deployments.get(run.deployment.deployment_id) is run.deployment:
            return backend
    raise LookupError(f"deployment {run.deployment.deployment_id} belongs to no backend")


def _plan_targets(run: Run) -> None:
    group = run.deployment.deployment_group
    balanced = (group.deployment_style or {}).get("deploymentOption") == "WITH_TRAFFIC_CONTROL"
    names = list(INSTALL)
    if run.is_blue_green:
        names += ALLOW
    elif balanced:
        names = [*BLOCK, *INSTALL, *ALLOW]
    label = "Green" if run.is_blue_green else "Blue"
    run.targets = [
        Target(state.instance_id, label, [Event(name) for name in names])
        for fleet in _fleets(run)
        for state in members.in_state(fleet, "InService")
    ]


def stop(
    run: Run, status: str, error: tuple[str, str], event: str, *, roll_back: bool | None = None
) -> None:
    """End a deployment before its time, with a rollback if the configuration says so."""
    run.deployment.status, run.error = status, error
    run.completed, run.waiting_for = datetime.now(UTC), None
    for target in run.targets:
        if target.status in ("Pending", "InProgress", "Ready"):
            target.status = "Skipped"
            for one in target.events:
                one.status = "Skipped" if one.status in ("Pending", "InProgress") else one.status
    group = run.deployment.deployment_group
    config = run.deployment.auto_rollback_configuration or group.auto_rollback_configuration or {}
    automatic = config.get("enabled") and event in (config.get("events") or [])
    wanted = roll_back if roll_back is not None else automatic
    if wanted and run.deployment.creator != "codeDeployRollback":
        _roll_back(run)


def _roll_back(run: Run) -> None:
    from tidegate_localstack.deployments import register  # noqa: PLC0415

    backend, deployment = _backend_of(run), run.deployment
    good = [
        d
        for d in backend.deployments.values()
        if d.deployment_group is deployment.deployment_group and d.status == "Succeeded"
    ]
    if not good:
        run.rollback_info = {
            "rollbackMessage": "No deployment succeeded before; nothing to restore"
        }
        return
    created = backend.create_deployment(
        deployment.application_name,
        deployment.deployment_group_name,
        good[-1].revision,
        str(deployment.deployment_config_name),
        good[-1].description,
    )
    again = register(backend, created)
    restored = backend.deployments[again]
    restored.creator = "codeDeployRollback"
    other = run_of(restored)
    other.rollback_info = {"rollbackTriggeringDeploymentId": deployment.deployment_id}
    run.rollback_info = {"rollbackDeploymentId": again}
    if run.is_blue_green:
        # The blue instances still run the last revision: only the traffic goes back to them.
        other.green = run.green
        other.enter("return")


def _firing_alarm(run: Run) -> str | None:
    backend = _backend_of(run)
    group = run.deployment.deployment_group
    config = run.deployment.override_alarm_configuration or group.alarm_configuration or {}
    watched = [a["name"] for a in config.get("alarms") or []] if config.get("enabled") else []
    known = cloudwatch_stores[backend.account_id][backend.region_name].alarms.values()
    firing = [a.alarm["AlarmName"] for a in known if a.alarm["StateValue"] == "ALARM"]
    return next((name for name in firing if name in watched), None)


def _at_once(run: Run) -> tuple[int, int]:
    """How many targets may be worked on together, and how many must stay or become healthy."""
    count = len(run.targets)
    name = str(run.deployment.deployment_config_name).rpartition(".")[2]
    if run.is_blue_green or name == "AllAtOnce":
        return count, 1
    if name == "HalfAtATime":
        return max(1, count // 2), math.ceil(count / 2)
    return 1, count - 1


def _work_on(run: Run, target: Target, until: tuple[str, ...], now: float) -> None:
    """Move a target through its events, one each time it is due."""
    if now < target.due:
        return
    target.due, target.updated = now + SETTINGS.lifecycle_event_seconds, datetime.now(UTC)
    current = next((e for e in target.events if e.status == "InProgress"), None)
    if current is not None:
        current.ended = datetime.now(UTC)
        asked = run.asked()
        if current.name == asked.get("fail_at"):
            current.status, target.status = "Failed", "Failed"
            current.message = f"the script of {current.name} failed with exit code 1"
            return
        current.status = "Succeeded"
        if current.name == "Install":
            instance = _backend_instance(run, target.id)
            if instance is not None:
                program_of(instance).behaviour = Behaviour().changed(asked)
    following = next((e for e in target.events if e.status == "Pending"), None)
    if following is not None and following.name in until:
        following.status, following.started = "InProgress", datetime.now(UTC)
        target.status = "InProgress"
    elif following is None:
        target.status = "Succeeded"
    elif current is not None:
        target.status = "Ready"


def _backend_instance(run: Run, instance_id: str) -> Any:
    return next(
        (
            s.instance
            for f in _fleets(run)
            for s in f.instance_states
            if s.instance_id == instance_id
        ),
        None,
    )


def _deploy(run: Run, events: tuple[str, ...], done: tuple[str, ...], now: float) -> bool:
    """Work on the targets; true once all are through these events."""
    together, healthy = _at_once(run)
    working = [t for t in run.targets if t.status == "InProgress"]
    waiting = [t for t in run.targets if t.status not in ("InProgress", "Failed", *done)]
    for target in working + waiting[: max(0, together - len(working))]:
        _work_on(run, target, events, now)
    failed = sum(t.status == "Failed" for t in run.targets)
    if failed and len(run.targets) - failed < max(healthy, 1):
        message = "Too many individual instances failed deployment, or too few are healthy"
        stop(run, "Failed", ("HEALTH_CONSTRAINTS", message), "DEPLOYMENT_FAILURE")
        return False
    return all(t.status in (*done, "Failed") for t in run.targets)


def _succeed(run: Run) -> None:
    run.deployment.status, run.completed = "Succeeded", datetime.now(UTC)


def _advance(run: Run, now: float) -> None:
    deployment = run.deployment
    if deployment.status == "Created":
        deployment.status = "Queued"
    elif deployment.status == "Queued":
        deployment.status, run.started = "InProgress", datetime.now(UTC)
        if run.phase != "return":
            run.enter("provision" if run.is_blue_green else "install")
            if not run.is_blue_green:
                _plan_targets(run)
    elif (alarm := _firing_alarm(run)) and deployment.creator != "codeDeployRollback":
        error = ("ALARM_ACTIVE", f"One or more alarms have been activated: {alarm}")
        stop(run, "Stopped", error, "DEPLOYMENT_STOP_ON_ALARM")
    elif run.is_blue_green:
        _PHASES[run.phase](run, now)
    elif not run.targets:
        message = "The deployment failed because no instances were found for your deployment group"
        stop(run, "Failed", ("NO_INSTANCES", message), "DEPLOYMENT_FAILURE")
    elif _deploy(run, (*BLOCK, *INSTALL, *ALLOW), ("Succeeded",), now):
        _succeed(run)


def _provision(run: Run, _now: float) -> None:
    deployment = run.deployment
    if run.green is None:
        blue = _fleets(run)[0]
        name = f"CodeDeploy_{deployment.deployment_group_name}_{deployment.deployment_id}"
        template = {"LaunchTemplateId": blue.ec2_launch_template.id}
        blue.autoscaling_backend.create_auto_scaling_group(
            name=name,
            availability_zones=[],
            desired_capacity=blue.desired_capacity,
            max_size=blue.max_size,
            min_size=blue.min_size,
            launch_config_name="",
            launch_template={**template, "Version": members.current_version(blue)},
            vpc_zone_identifier=blue.vpc_zone_identifier,
            default_cooldown=blue.default_cooldown,
            health_check_period=blue.health_check_grace_period,
            health_check_type=blue.health_check_type,
            load_balancers=[],
            target_group_arns=[],
            placement_group=None,
            termination_policies=[],
            tags=[],
        )
        run.green = name
    fleet = _fleets(run)[0]
    if len(members.in_state(fleet, "InService")) >= int(fleet.desired_capacity or 0):
        _plan_targets(run)
        run.enter("install")


def _install(run: Run, now: float) -> None:
    if _deploy(run, INSTALL, ("Ready",), now):
        option = run.option("deploymentReadyOption")
        if option.get("actionOnTimeout") == "STOP_DEPLOYMENT":
            run.deployment.status, run.waiting_for = "Ready", "READY_WAIT"
        run.enter("ready")


def _ready(run: Run, now: float) -> None:
    limit = 60.0 * float(run.option("deploymentReadyOption").get("waitTimeInMinutes") or 60)
    if run.waiting_for is None:
        run.deployment.status = "InProgress"
        _move_target_groups(run, to_green=True)
        run.enter("reroute")
    elif now - run.since > limit:
        error = ("TIMEOUT", "The deployment timed out while waiting for the reroute")
        stop(run, "Stopped", error, "DEPLOYMENT_FAILURE")


def _reroute(run: Run, now: float) -> None:
    fleet = _fleets(run)[0]
    if all(members.is_serving(fleet, s) for s in members.in_state(fleet, "InService")) and _deploy(
        run, (*INSTALL, *ALLOW), ("Succeeded",), now
    ):
        _move_target_groups(run, to_green=True, finish=True)
        option = run.option("terminateBlueInstancesOnDeploymentSuccess")
        if option.get("action", "TERMINATE") == "TERMINATE":
            run.waiting_for = "TERMINATION_WAIT"
            run.enter("terminate")
        else:
            _finish(run)


def _terminate_blue(run: Run, now: float) -> None:
    option = run.option("terminateBlueInstancesOnDeploymentSuccess")
    minutes = float(option.get("terminationWaitTimeInMinutes") or 0)
    if now - run.since < SETTINGS.max_drain_seconds:
        return  # requests under way end first
    if run.waiting_for is None or now - run.since >= 60.0 * minutes:
        run.waiting_for = None
        group = run.deployment.deployment_group
        known = _fleets(run)[0].autoscaling_backend.autoscaling_groups
        for name in group.auto_scaling_groups:
            for state in list(known[name].instance_states):
                members.remove(known[name], state)
            del known[name]
        _finish(run)


def _finish(run: Run) -> None:
    run.deployment.deployment_group.auto_scaling_groups = [run.green]
    _succeed(run)


def _return(run: Run, _now: float) -> None:
    _move_target_groups(run, to_green=False, finish=True)
    _succeed(run)


def _move_target_groups(run: Run, *, to_green: bool, finish: bool = False) -> None:
    """Attach the target groups to one side, and when finishing detach them from the other."""
    group = run.deployment.deployment_group
    green = next(iter(_fleets(run)), None)
    if green is None:
        return
    known = green.autoscaling_backend.autoscaling_groups
    blues = [known[name] for name in group.auto_scaling_groups if name in known]
    wanted = group.load_balancer_info.get("targetGroupInfoList") or []
    names = {entry["name"] for entry in wanted}
    all_groups = green.autoscaling_backend.elbv2_backend.target_groups.values()
    arns = [t.arn for t in all_groups if t.name in names]
    gaining, losing = ([green], blues) if to_green else (blues, [green])
    for fleet in gaining:
        fleet.target_group_arns = [*dict.fromkeys([*fleet.target_group_arns, *arns])]
    for fleet in losing if finish else []:
        fleet.target_group_arns = [arn for arn in fleet.target_group_arns if arn not in arns]


_PHASES = {
    "provision": _provision,
    "install": _install,
    "ready": _ready,
    "reroute": _reroute,
    "terminate": _terminate_blue,
    "return": _return,
}


def tick(now: float) -> None:
    """Move every active deployment on."""
    for backend in backends(codedeploy_backends):
        for deployment in list(backend.deployments.values()):
            if deployment.status in ACTIVE:
                _advance(run_of(deployment), now)
