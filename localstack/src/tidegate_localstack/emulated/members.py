"""What happens to the instances of an Auto Scaling group over time.

In moto a group's instances are InService the moment its size is set, and gone the moment it
shrinks. Here setting the size only states a wish, as in AWS. Each tick launches or terminates what
is missing or too many, and leads every instance through Pending, InService (registered with the
target groups) and Terminating (draining first), waiting at lifecycle hooks, replacing what is
unhealthy, and leaving alone whatever the suspended processes cover.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from moto.autoscaling.models import (
    AutoScalingBackend,
    FakeAutoScalingGroup,
    InstanceState,
    autoscaling_backends,
)

from tidegate_localstack.emulated import targets
from tidegate_localstack.emulated.beside import Beside
from tidegate_localstack.emulated.engine import backends
from tidegate_localstack.emulated.instances import program_of, stop_program
from tidegate_localstack.emulated.settings import SETTINGS

LOG = logging.getLogger(__name__)

LIVE = ("Pending", "Pending:Wait", "InService")
LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
RETRY_SECONDS = 5.0


@dataclass
class Member:
    """What moto's instance state lacks: since when, and of which template version."""

    since: float
    version: str = ""
    born: float = field(default_factory=time.monotonic)
    hook_answer: str | None = None
    """CONTINUE or ABANDON, once CompleteLifecycleAction said so."""
    blocked: bool = False
    """Taken out of its target groups by a deployment."""


@dataclass
class Fleet:
    """What moto's group lacks: what a replacement or a deployment asks of it for a while."""

    launch_from: tuple[Any, Any] | None = None
    """Template and version of a running refresh, instead of the group's own."""
    surplus: int = 0
    """Instances beyond the desired capacity."""
    revision: dict[str, Any] | None = None
    """The last revision that was deployed with success, as its behaviour."""
    registered: dict[str, set[str]] = field(default_factory=dict)
    """Which instances the group itself has registered, by target group."""
    retry_at: float = 0.0
    """When to launch again after it could not."""


_MEMBERS = Beside(lambda _state: Member(time.monotonic()))
_FLEETS = Beside(lambda _group: Fleet())


def member(state: InstanceState) -> Member:
    """The record that goes with one of moto's instance states."""
    return _MEMBERS.of(state)


def fleet_of(group: FakeAutoScalingGroup) -> Fleet:
    """The record that goes with one of moto's groups."""
    return _FLEETS.of(group)


def enter(state: InstanceState, lifecycle_state: str, now: float) -> None:
    """Move an instance to another lifecycle state."""
    state.lifecycle_state = lifecycle_state
    member(state).since = now


def current_version(group: FakeAutoScalingGroup) -> str:
    """The number of the launch template version new instances get."""
    template, version = _launch_from(group)
    return str(template.get_version(version).number) if template else ""


def _launch_from(group: FakeAutoScalingGroup) -> tuple[Any, Any]:
    """Template and version to launch from: the group's own, or those of a running refresh."""
    own = (group.ec2_launch_template, getattr(group, "launch_template_version", None))
    return fleet_of(group).launch_from or own


def is_suspended(group: FakeAutoScalingGroup, process: str) -> bool:
    """Whether SuspendProcesses covers this process."""
    return any(p["ProcessName"] == process for p in group.suspended_processes)


def in_state(group: FakeAutoScalingGroup, *lifecycle_states: str) -> list[InstanceState]:
    """The instances in any of these lifecycle states."""
    return [s for s in group.instance_states if s.lifecycle_state in lifecycle_states]


def launch(group: FakeAutoScalingGroup, count: int, now: float) -> None:
    """Launch instances."""
    already = len(group.instance_states)
    own = group.ec2_launch_template, getattr(group, "launch_template_version", "")
    version = current_version(group)
    group.ec2_launch_template, group.launch_template_version = _launch_from(group)
    try:
        group.replace_autoscaling_group_instances(count, group.get_propagated_tags())
    finally:
        group.ec2_launch_template, group.launch_template_version = own
    for state in group.instance_states[already:]:
        _MEMBERS.put(state, Member(now, version))
        if revision := fleet_of(group).revision:
            # As CodeDeploy's lifecycle hook does it.
            program = program_of(state.instance)
            program.behaviour = program.behaviour.changed(revision)
        enter(state, "Pending", now)


def terminate(state: InstanceState, now: float) -> None:
    """Begin to terminate an instance; it leaves its target groups and drains first."""
    if state.lifecycle_state not in ("Terminating", "Terminating:Wait", "Terminating:Proceed"):
        enter(state, "Terminating", now)


def health_in_target_groups(group: FakeAutoScalingGroup, instance_id: str) -> list[str]:
    """The instance's state in each target group of its group; empty when not registered."""
    return [
        found.state
        for target_group in _target_groups(group)
        if (found := targets.targets_of(target_group).get(instance_id))
    ]


def is_serving(group: FakeAutoScalingGroup, state: InstanceState) -> bool:
    """InService, and healthy in every target group that is in use."""
    if state.lifecycle_state != "InService" or state.health_status != "Healthy":
        return False
    states = health_in_target_groups(group, state.instance_id)
    registered_everywhere = len(states) == len(list(_target_groups(group)))
    return registered_everywhere and set(states) <= {"healthy", "unused"}


def counts_as_healthy(group: FakeAutoScalingGroup, state: InstanceState) -> bool:
    """InService, and not known to be bad: what Auto Scaling itself calls healthy."""
    bad = "unhealthy" in health_in_target_groups(group, state.instance_id)
    return state.lifecycle_state == "InService" and state.health_status == "Healthy" and not bad


def _target_groups(group: FakeAutoScalingGroup) -> Iterator[Any]:
    known = group.autoscaling_backend.elbv2_backend.target_groups
    return (known[arn] for arn in group.target_group_arns if arn in known)


def _advance(group: FakeAutoScalingGroup, state: InstanceState, now: float) -> None:
    elapsed = now - member(state).since
    if state.lifecycle_state == "Pending" and elapsed >= SETTINGS.launch_seconds:
        enter(state, "Pending:Wait", now)
    if state.lifecycle_state == "Pending:Wait":
        answer = _hook_answer(group, state, LAUNCHING, now)
        if answer == "CONTINUE":
            enter(state, "InService", now)
        elif answer == "ABANDON":
            terminate(state, now)
    elif state.lifecycle_state == "Terminating" and not is_registered(group, state.instance_id):
        enter(state, "Terminating:Wait", now)
    elif state.lifecycle_state == "Terminating:Wait":
        if _hook_answer(group, state, TERMINATING, now):
            enter(state, "Terminating:Proceed", now)
    elif state.lifecycle_state == "Terminating:Proceed" and elapsed >= SETTINGS.terminate_seconds:
        remove(group, state)


def remove(group: FakeAutoScalingGroup, state: InstanceState) -> None:
    """The end of an instance."""
    group.instance_states.remove(state)
    group.ec2_backend.terminate_instances([state.instance_id])
    stop_program(state.instance_id)


def is_registered(group: FakeAutoScalingGroup, instance_id: str) -> bool:
    """Whether the instance is in a target group of its group, if only to drain."""
    return any(
        instance_id in target_group.targets or instance_id in targets.targets_of(target_group)
        for target_group in _target_groups(group)
    )


def _hook_answer(
    group: FakeAutoScalingGroup, state: InstanceState, transition: str, now: float
) -> str | None:
    """How the lifecycle hooks of a transition decide, or None while they wait."""
    hooks = [
        hook
        for hook in group.autoscaling_backend.describe_lifecycle_hooks(group.name)
        if hook.lifecycle_transition == transition
    ]
    record = member(state)
    if not hooks:
        return "CONTINUE"
    if record.hook_answer is None and now - record.since >= max(h.heartbeat_timeout for h in hooks):
        return str(hooks[0].default_result)
    answer, record.hook_answer = record.hook_answer, None
    return answer


def _register(group: FakeAutoScalingGroup) -> None:
    """Keep the target groups to the instances in service, however the group came to change."""
    wanted = {s.instance_id for s in in_state(group, "InService") if not member(s).blocked}
    frozen = is_suspended(group, "AddToLoadBalancer")
    registered = fleet_of(group).registered
    known = group.autoscaling_backend.elbv2_backend.target_groups
    for arn in list(registered.keys() | set(group.target_group_arns)):
        target_group = known.get(arn)
        ours = registered.setdefault(arn, set())
        attached = arn in group.target_group_arns
        if target_group is None:
            del registered[arn]
            continue
        leaving = ours - wanted if attached else set(ours)
        target_group.deregister([{"Id": i} for i in leaving if i in target_group.targets])
        ours -= leaving
        joining = wanted - ours if attached and not frozen else set()
        target_group.register([{"Id": i, "Port": target_group.port} for i in joining])
        ours |= joining


def _replace_unhealthy(group: FakeAutoScalingGroup, now: float) -> None:
    for state in in_state(group, "InService"):
        grace = float(group.health_check_grace_period or 0)
        if (
            group.health_check_type == "ELB"
            and not is_suspended(group, "HealthCheck")
            and now - member(state).since > grace
            and "unhealthy" in health_in_target_groups(group, state.instance_id)
        ):
            state.health_status = "Unhealthy"
        if state.health_status != "Healthy" and not is_suspended(group, "ReplaceUnhealthy"):
            terminate(state, now)


def _size(group: FakeAutoScalingGroup, now: float) -> None:
    live = in_state(group, *LIVE)
    wanted = int(group.desired_capacity or 0) + fleet_of(group).surplus
    if len(live) < wanted and not is_suspended(group, "Launch"):
        launch(group, wanted - len(live), now)
    elif len(live) > wanted and not is_suspended(group, "Terminate"):
        removable = [s for s in live if not s.protected_from_scale_in]
        # As the default termination policy: instances of an outdated template go first. Among
        # equals, those not in service yet cost nothing.
        current = current_version(group)
        removable.sort(
            key=lambda s: (
                member(s).version == current,
                s.lifecycle_state == "InService",
                member(s).since,
            )
        )
        for state in removable[: len(live) - wanted]:
            terminate(state, now)


def tick(now: float) -> None:
    """Move every group on."""
    for backend in backends(autoscaling_backends):
        for group in list(backend.autoscaling_groups.values()):
            for state in list(group.instance_states):
                _advance(group, state, now)
            _replace_unhealthy(group, now)
            if now >= fleet_of(group).retry_at:
                try:
                    _size(group, now)
                except Exception:
                    # A template nobody can launch from must not stop the other groups.
                    LOG.warning("group %s cannot launch instances", group.name, exc_info=True)
                    fleet_of(group).retry_at = now + RETRY_SECONDS
            _register(group)


def take_over_from_moto() -> None:
    """Replace the places where moto moves instances itself, so that only the tick does."""

    def set_desired_capacity(self: FakeAutoScalingGroup, new_capacity: int | None) -> None:
        self.desired_capacity = self.min_size if new_capacity is None else new_capacity

    def nothing(_self: AutoScalingBackend, _group_name: str) -> None:
        """The tick registers instances once they are in service."""

    def notify_terminate_instances(self: AutoScalingBackend, instance_ids: list[str]) -> None:
        """EC2 terminated them behind the group's back; the tick launches others."""
        for group in self.autoscaling_groups.values():
            group.instance_states = [
                s for s in group.instance_states if s.instance_id not in instance_ids
            ]
        for instance_id in instance_ids:
            stop_program(instance_id)

    def launch_template(self: InstanceState) -> dict[str, Any] | None:
        """The version the instance was launched from; moto shows the template's default."""
        template = self.auto_scaling_group.ec2_launch_template
        if template is None:
            return None
        version = member(self).version or current_version(self.auto_scaling_group)
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "Version": version,
        }

    for owner, name, replacement in (
        (FakeAutoScalingGroup, "set_desired_capacity", set_desired_capacity),
        (AutoScalingBackend, "update_attached_target_groups", nothing),
        (AutoScalingBackend, "notify_terminate_instances", notify_terminate_instances),
        (InstanceState, "launch_template", property(launch_template)),
    ):
        if not hasattr(owner, name):
            raise RuntimeError(f"moto's {owner.__name__} has no {name} any more; see members.py")
        setattr(owner, name, replacement)
