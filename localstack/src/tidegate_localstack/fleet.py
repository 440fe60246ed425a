"""Auto Scaling's operations, where moto checks less than AWS or does at once what takes time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.moto import call_moto
from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState, autoscaling_backends

from tidegate_localstack import members
from tidegate_localstack.handlers import Handler, refuse


def group_named(context: RequestContext, name: str) -> FakeAutoScalingGroup:
    """The group, or the error AWS gives when there is none."""
    backend = autoscaling_backends[context.account_id][context.region]
    group: FakeAutoScalingGroup | None = backend.autoscaling_groups.get(name)
    if group is None:
        raise refuse("ValidationError", f"AutoScalingGroup name not found - no such group: {name}")
    return group


def _check_bounds(minimum: int, desired: int, maximum: int) -> None:
    if minimum > maximum:
        raise refuse(
            "ValidationError",
            f"Max bound, {maximum}, must be greater than or equal to min bound, {minimum}",
        )
    if not minimum <= desired <= maximum:
        raise refuse(
            "ValidationError",
            f"Desired capacity:{desired} must be between the specified min size:{minimum} and "
            f"max size:{maximum}",
        )


def _create(context: RequestContext, request: Any) -> Any:
    minimum, maximum = int(request["MinSize"]), int(request["MaxSize"])
    desired = request.get("DesiredCapacity")
    _check_bounds(minimum, minimum if desired is None else int(desired), maximum)
    return call_moto(context)


def _update(context: RequestContext, request: Any) -> Any:
    group = group_named(context, request["AutoScalingGroupName"])
    minimum = int(request.get("MinSize", group.min_size))
    maximum = int(request.get("MaxSize", group.max_size))
    desired = request.get("DesiredCapacity")
    if desired is None:
        # Raising the minimum above the size raises the size, and so on.
        desired = max(minimum, min(int(group.desired_capacity or 0), maximum))
    _check_bounds(minimum, int(desired), maximum)
    template = request.get("LaunchTemplate") or {}
    answer = call_moto(context)
    group.set_desired_capacity(int(desired))
    if template and group.ec2_launch_template is not None:
        members.current_version(group)  # an unknown version is an error here, not at the launch
    return answer


def _set_desired(context: RequestContext, request: Any) -> Any:
    group = group_named(context, request["AutoScalingGroupName"])
    desired = int(request["DesiredCapacity"])
    for bound, beyond, word in (
        (int(group.max_size or 0), desired > int(group.max_size or 0), "above max"),
        (int(group.min_size or 0), desired < int(group.min_size or 0), "below min"),
    ):
        if beyond:
            raise refuse(
                "ValidationError",
                f"New SetDesiredCapacity value {desired} is {word} value {bound} for the "
                "AutoScalingGroup.",
            )
    return call_moto(context)


def _delete(context: RequestContext, request: Any) -> Any:
    group = group_named(context, request["AutoScalingGroupName"])
    if group.instance_states and not request.get("ForceDelete"):
        raise refuse(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot "
            "instance request(s) still in the group.",
        )
    target_groups = group.autoscaling_backend.elbv2_backend.target_groups
    gone = [state.instance_id for state in group.instance_states]
    for state in list(group.instance_states):
        members.remove(group, state)
    for arn in group.target_group_arns:
        if arn in target_groups:
            target_groups[arn].deregister_terminated_instances(gone)
    return call_moto(context)


def _find(context: RequestContext, instance_id: str) -> tuple[FakeAutoScalingGroup, InstanceState]:
    backend = autoscaling_backends[context.account_id][context.region]
    for group in backend.autoscaling_groups.values():
        for state in group.instance_states:
            if state.instance_id == instance_id:
                return group, state
    raise refuse(
        "ValidationError", f"Instance Id not found - No managed instance found: {instance_id}"
    )


def _terminate(context: RequestContext, request: Any) -> Any:
    group, state = _find(context, request["InstanceId"])
    if request.get("ShouldDecrementDesiredCapacity"):
        smaller = int(group.desired_capacity or 0) - 1
        _check_bounds(int(group.min_size or 0), smaller, int(group.max_size or 0))
        group.set_desired_capacity(smaller)
    members.terminate(state, time.monotonic())
    now = datetime.now(UTC)
    return {
        "Activity": {
            "ActivityId": str(uuid.uuid4()),
            "AutoScalingGroupName": group.name,
            "Description": f"Terminating EC2 instance: {state.instance_id}",
            "Cause": f"At {now:%Y-%m-%dT%H:%M:%SZ} instance {state.instance_id} was taken out of "
            "service in response to a user request.",
            "StartTime": now,
            "StatusCode": "InProgress",
            "Progress": 0,
        }
    }


def _detach_target_groups(context: RequestContext, request: Any) -> Any:
    group = group_named(context, request["AutoScalingGroupName"])
    leaving = request.get("TargetGroupARNs") or []
    # moto fails when an instance is not registered; the tick deregisters those that are.
    group.target_group_arns = [arn for arn in group.target_group_arns if arn not in leaving]
    return {}


def _complete_lifecycle_action(context: RequestContext, request: Any) -> Any:
    _, state = _find(context, request.get("InstanceId", ""))
    if not state.lifecycle_state.endswith(":Wait"):
        raise refuse(
            "ValidationError",
            f"No active Lifecycle Action found with instance ID {state.instance_id}",
        )
    members.member(state).hook_answer = request["LifecycleActionResult"]
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CreateAutoScalingGroup": _create,
    "UpdateAutoScalingGroup": _update,
    "SetDesiredCapacity": _set_desired,
    "DeleteAutoScalingGroup": _delete,
    "TerminateInstanceInAutoScalingGroup": _terminate,
    "DetachLoadBalancerTargetGroups": _detach_target_groups,
    "CompleteLifecycleAction": _complete_lifecycle_action,
}
