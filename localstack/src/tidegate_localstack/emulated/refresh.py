"""Instance refresh: replacing the instances of a group, batch by batch.

moto has none of it. A refresh takes as many instances out as the minimum healthy percentage allows,
or first launches as many more as the maximum allows, counts an instance as replaced once it serves
and is warm, stops at checkpoints and while the process InstanceRefresh is suspended, watches its
alarms, and can be cancelled (which undoes nothing) or rolled back (while it still runs). The group
keeps its own template until the refresh has succeeded, as in AWS.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.services.cloudwatch.models import cloudwatch_stores
from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState, autoscaling_backends

from tidegate_localstack.emulated import members, paging
from tidegate_localstack.emulated.beside import Beside
from tidegate_localstack.emulated.engine import backends
from tidegate_localstack.emulated.fleet import group_named
from tidegate_localstack.emulated.handlers import Handler, refuse
from tidegate_localstack.emulated.paging import Pages
from tidegate_localstack.emulated.settings import SETTINGS

ROLLING = ("InProgress", "Baking", "RollbackInProgress")
ACTIVE = ("Pending", "Cancelling", *ROLLING)
WAIT_LIMIT_SECONDS = 3600.0
DEFAULT_CHECKPOINT_DELAY = 3600
PAGES = Pages("autoscaling", "NextToken", "MaxRecords", "NextToken", "InstanceRefreshes")


@dataclass
class Refresh:
    """One instance refresh of a group, running or over."""

    group: FakeAutoScalingGroup
    preferences: dict[str, Any]
    desired: dict[str, Any] | None
    target: tuple[Any, str]
    """Launch template and version the instances are to have."""
    previous: tuple[Any, str]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Pending"
    reason: str = ""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    begun: float = field(default_factory=time.monotonic)
    since: float = field(default_factory=time.monotonic)
    """When the status, or the checkpoint waited at, was reached."""
    decide_at: float = 0.0
    percent: int = 0
    remaining: int = 0
    checkpoints_passed: int = 0
    waiting_at_checkpoint: bool = False
    rollback: dict[str, Any] | None = None

    def becomes(self, status: str, reason: str = "") -> None:
        """Change the status; a refresh that is over leaves the group to itself."""
        self.status, self.reason, self.since = status, reason, time.monotonic()
        if status not in ACTIVE:
            self.ended = datetime.now(UTC)
            fleet = members.fleet_of(self.group)
            fleet.launch_from, fleet.surplus = None, 0

    def is_outdated(self, state: InstanceState) -> bool:
        """Whether an instance is still to be replaced."""
        record = members.member(state)
        if self.preferences.get("SkipMatching") or self.status == "RollbackInProgress":
            return record.version != self.target[1]
        return record.born < self.begun

    def described(self) -> dict[str, Any]:
        """As DescribeInstanceRefreshes words it."""
        answer: dict[str, Any] = {
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self.group.name,
            "Strategy": "Rolling",
            "Status": self.status,
            "StatusReason": self.reason or None,
            "StartTime": self.started,
            "EndTime": self.ended,
            "PercentageComplete": self.percent,
            "InstancesToUpdate": self.remaining,
            "Preferences": self.preferences,
            "DesiredConfiguration": self.desired,
            "RollbackDetails": self.rollback,
        }
        return {key: value for key, value in answer.items() if value is not None}


_REFRESHES: Beside[list[Refresh]] = Beside(lambda _group: [])


def refreshes_of(group: FakeAutoScalingGroup) -> list[Refresh]:
    """All refreshes of a group, oldest first."""
    return _REFRESHES.of(group)


def _active(group: FakeAutoScalingGroup) -> Refresh | None:
    return next((r for r in refreshes_of(group) if r.status in ACTIVE), None)


def _configuration(group: FakeAutoScalingGroup, desired: dict[str, Any] | None) -> tuple[Any, str]:
    wanted = (desired or {}).get("LaunchTemplate")
    if not wanted:
        return group.ec2_launch_template, members.current_version(group)
    ec2 = group.ec2_backend
    template = (
        ec2.get_launch_template(wanted["LaunchTemplateId"])
        if wanted.get("LaunchTemplateId")
        else ec2.get_launch_template_by_name(wanted["LaunchTemplateName"])
    )
    return template, str(template.get_version(wanted.get("Version") or "$Default").number)


def _check(preferences: dict[str, Any], desired: dict[str, Any] | None) -> None:
    low = preferences.get("MinHealthyPercentage", 90)
    high = preferences.get("MaxHealthyPercentage", 100)
    checkpoints = preferences.get("CheckpointPercentages") or []
    version = str(((desired or {}).get("LaunchTemplate") or {}).get("Version", ""))
    problems = {
        "MinHealthyPercentage must be between 0 and 100": not 0 <= low <= 100,
        "MaxHealthyPercentage must be between 100 and 200": not 100 <= high <= 200,
        "MaxHealthyPercentage requires MinHealthyPercentage": (
            "MaxHealthyPercentage" in preferences and "MinHealthyPercentage" not in preferences
        ),
        "MinHealthyPercentage and MaxHealthyPercentage must not differ by more than 100": (
            high - low > 100
        ),
        "CheckpointPercentages must be unique and in ascending order": (
            checkpoints != sorted(set(checkpoints)) or any(not 1 <= c <= 100 for c in checkpoints)
        ),
        "AutoRollback requires a DesiredConfiguration": (
            bool(preferences.get("AutoRollback")) and not desired
        ),
        "AutoRollback cannot be used with the launch template version $Latest or $Default": (
            bool(preferences.get("AutoRollback")) and version.startswith("$")
        ),
    }
    for problem, there in problems.items():
        if there:
            raise refuse("ValidationError", f"{problem}.")


def _start(context: RequestContext, request: Any) -> Any:
    group = group_named(context, request["AutoScalingGroupName"])
    preferences, desired = (
        dict(request.get("Preferences") or {}),
        request.get("DesiredConfiguration"),
    )
    _check(preferences, desired)
    if (request.get("Strategy") or "Rolling") != "Rolling":
        raise NotImplementedError("only the strategy Rolling is emulated")
    if (desired or {}).get("MixedInstancesPolicy") or group.ec2_launch_template is None:
        raise NotImplementedError("only groups with a launch template are emulated")
    if _active(group):
        raise refuse(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance "
            "Refresh.",
        )
    previous = (group.ec2_launch_template, members.current_version(group))
    refresh = Refresh(group, preferences, desired, _configuration(group, desired), previous)
    refreshes_of(group).append(refresh)
    return {"InstanceRefreshId": refresh.id}


def _describe(context: RequestContext, request: Any) -> Any:
    group = group_named(context, request["AutoScalingGroupName"])
    ids = request.get("InstanceRefreshIds")
    found = [r for r in reversed(refreshes_of(group)) if not ids or r.id in ids]
    described = [refresh.described() for refresh in found]
    return paging.cut(PAGES, request, {"InstanceRefreshes": described})


def _running(context: RequestContext, request: Any) -> Refresh:
    refresh = _active(group_named(context, request["AutoScalingGroupName"]))
    if refresh is None or refresh.status == "Cancelling":
        raise refuse(
            "ActiveInstanceRefreshNotFound",
            "No in progress or pending Instance Refresh found for Auto Scaling group "
            f"{request['AutoScalingGroupName']}",
        )
    return refresh


def _cancel(context: RequestContext, request: Any) -> Any:
    refresh = _running(context, request)
    refresh.becomes("Cancelling", "Cancelled due to user request.")
    if request.get("WaitForTransitioningInstances") is False:
        refresh.becomes("Cancelled", refresh.reason)
    return {"InstanceRefreshId": refresh.id}


def _roll_back(context: RequestContext, request: Any) -> Any:
    refresh = _running(context, request)
    _begin_rollback(refresh, "Rollback due to user request.")
    return {"InstanceRefreshId": refresh.id}


def _begin_rollback(refresh: Refresh, reason: str) -> None:
    problem = _irreversible(refresh)
    if problem:
        raise problem
    refresh.rollback = {
        "RollbackReason": reason,
        "RollbackStartTime": datetime.now(UTC),
        "PercentageCompleteOnRollback": refresh.percent,
        "InstancesToUpdateOnRollback": refresh.remaining,
    }
    refresh.target = refresh.previous
    refresh.waiting_at_checkpoint = False
    refresh.becomes("RollbackInProgress", reason)


def _irreversible(refresh: Refresh) -> CommonServiceException | None:
    if refresh.status == "RollbackInProgress" or not refresh.desired:
        return refuse(
            "IrreversibleInstanceRefresh",
            "The instance refresh can't be rolled back: it has no desired configuration, or is "
            "being rolled back already.",
        )
    return None


def _fail(refresh: Refresh, reason: str) -> None:
    if refresh.status == "RollbackInProgress":
        refresh.becomes("RollbackFailed", reason)
    elif refresh.preferences.get("AutoRollback"):
        _begin_rollback(refresh, reason)
    else:
        refresh.becomes("Failed", reason)


def _firing_alarm(refresh: Refresh) -> str | None:
    group = refresh.group
    known = cloudwatch_stores[group.account_id][group.region].alarms.values()
    watched = (refresh.preferences.get("AlarmSpecification") or {}).get("Alarms") or []
    return next(
        (
            a.alarm["AlarmName"]
            for a in known
            if a.alarm["AlarmName"] in watched and a.alarm["StateValue"] == "ALARM"
        ),
        None,
    )


def _left_alone(refresh: Refresh, state: InstanceState) -> bool:
    """Instances in standby or protected that the preferences say to ignore or wait for."""
    standby = refresh.preferences.get("StandbyInstances", "Wait") != "Terminate"
    protected = refresh.preferences.get("ScaleInProtectedInstances", "Wait") != "Refresh"
    in_standby = state.lifecycle_state == "Standby"
    return (in_standby and standby) or (bool(state.protected_from_scale_in) and protected)


def _must_wait(refresh: Refresh, outdated: list[InstanceState]) -> bool:
    preferences = refresh.preferences
    for state in outdated:
        standby = state.lifecycle_state == "Standby"
        if standby and preferences.get("StandbyInstances", "Wait") == "Wait":
            return True
        if state.protected_from_scale_in and (
            preferences.get("ScaleInProtectedInstances", "Wait") == "Wait"
        ):
            return True
    return False


def _advance(refresh: Refresh, now: float) -> None:
    group = refresh.group
    if refresh.status == "Cancelling":
        if not members.in_state(group, "Pending", "Pending:Wait", "Terminating"):
            refresh.becomes("Cancelled", refresh.reason)
        return
    if refresh.status == "Pending":
        refresh.becomes("InProgress")
    if members.is_suspended(group, "InstanceRefresh"):
        return
    if refresh.status != "RollbackInProgress" and (alarm := _firing_alarm(refresh)):
        _fail(refresh, f"Alarm {alarm} entered the ALARM state.")
    if refresh.status == "Baking":
        if now - refresh.since >= float(refresh.preferences.get("BakeTime") or 0):
            _succeed(refresh)
    elif refresh.status in ROLLING:
        _replace(refresh, now)


def _replace(refresh: Refresh, now: float) -> None:
    group, preferences = refresh.group, refresh.preferences
    warmup = float(preferences.get("InstanceWarmup") or group.health_check_grace_period or 0)
    warmup = min(warmup, SETTINGS.max_warmup_seconds)
    candidates = members.in_state(group, *members.LIVE, "Standby")
    outdated = [s for s in candidates if refresh.is_outdated(s)]
    waiting = _must_wait(refresh, outdated)
    outdated = [s for s in outdated if not _left_alone(refresh, s)]
    fresh = [s for s in candidates if not refresh.is_outdated(s) and members.is_serving(group, s)]
    warm = [s for s in fresh if now - members.member(s).since >= warmup]
    size = int(group.desired_capacity or 0)
    refresh.remaining = max(len(outdated), size - len(warm))
    done = 100 * (size - min(refresh.remaining, size)) // size if size else 100
    if refresh.rollback:
        done = refresh.rollback["PercentageCompleteOnRollback"] * (100 - done) // 100
    refresh.percent = done
    members.fleet_of(group).launch_from = refresh.target
    if waiting and not outdated and now - refresh.since > WAIT_LIMIT_SECONDS:
        _fail(refresh, "Instances in standby or protected from scale in were waited for too long.")
    elif refresh.remaining == 0 and not waiting:
        if refresh.status == "InProgress" and preferences.get("BakeTime"):
            refresh.becomes("Baking")
        else:
            _succeed(refresh)
    elif not _at_checkpoint(refresh, now):
        _take_out(refresh, outdated, warm, size, now)


def _at_checkpoint(refresh: Refresh, now: float) -> bool:
    """Whether the refresh waits at a checkpoint; finishes it after the last one below 100."""
    checkpoints = refresh.preferences.get("CheckpointPercentages") or []
    if refresh.rollback or refresh.checkpoints_passed >= len(checkpoints):
        return False
    if not refresh.waiting_at_checkpoint:
        if refresh.percent < checkpoints[refresh.checkpoints_passed]:
            return False
        refresh.waiting_at_checkpoint, refresh.since = True, now
    delay = refresh.preferences.get("CheckpointDelay", DEFAULT_CHECKPOINT_DELAY)
    if now - refresh.since >= float(delay):
        refresh.waiting_at_checkpoint = False
        refresh.checkpoints_passed += 1
        if refresh.checkpoints_passed == len(checkpoints):
            _succeed(refresh)
    return refresh.waiting_at_checkpoint or refresh.status not in ROLLING


def _take_out(
    refresh: Refresh,
    outdated: list[InstanceState],
    warm: list[InstanceState],
    size: int,
    now: float,
) -> None:
    """Start the next batch."""
    group, preferences = refresh.group, refresh.preferences
    most = size * int(preferences.get("MaxHealthyPercentage", 100)) // 100
    least = math.ceil(size * int(preferences.get("MinHealthyPercentage", 90)) / 100)
    checkpoints = preferences.get("CheckpointPercentages") or []
    allowed = len(outdated)
    if not refresh.rollback and refresh.checkpoints_passed < len(checkpoints):
        wanted = math.ceil(size * checkpoints[refresh.checkpoints_passed] / 100)
        allowed = max(0, wanted - (size - len(outdated)))
    serving = [s for s in outdated if members.counts_as_healthy(group, s)]
    spare = len(serving) + len(warm) - least
    if most == size and len(serving) + len(warm) == size:
        spare = max(spare, 1)  # with no room at all AWS still takes one at a time
    # What does not serve costs nothing to replace.
    idle = [s for s in outdated if s not in serving]
    batch = (idle + serving)[: min(allowed, len(idle) + max(spare, 0))]
    for state in batch:
        members.terminate(state, now)
    members.fleet_of(group).surplus = min(most - size, allowed - len(batch))


def _succeed(refresh: Refresh) -> None:
    group = refresh.group
    if refresh.status == "RollbackInProgress":
        refresh.becomes("RollbackSuccessful", refresh.reason)
        return
    if refresh.desired:
        group.ec2_launch_template, version = refresh.target
        asked = (refresh.desired["LaunchTemplate"] or {}).get("Version") or version
        group.launch_template_version = group.provided_launch_template_version = asked
    refresh.becomes("Successful")


def tick(now: float) -> None:
    """Move every running refresh on."""
    for backend in backends(autoscaling_backends):
        for group in backend.autoscaling_groups.values():
            refresh = _active(group)
            if refresh is not None and now >= refresh.decide_at:
                refresh.decide_at = now + SETTINGS.refresh_seconds
                _advance(refresh, now)


OPERATIONS: Mapping[str, Handler] = {
    "StartInstanceRefresh": _start,
    "DescribeInstanceRefreshes": _describe,
    "CancelInstanceRefresh": _cancel,
    "RollbackInstanceRefresh": _roll_back,
}
