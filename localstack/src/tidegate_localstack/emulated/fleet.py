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
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

from tidegate_localstack.emulated import members
from tidegate_localstack.emulated.handlers import Handler, refuse


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


PROCESSES = (
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
)


def _create(context: RequestContext, request: Any) -> Any:
    name = request["AutoScalingGroupName"]
    if name in autoscaling_backends[context.account_id][context.region].autoscaling_groups:
        raise refuse(
            "AlreadyExists",
            f"AutoScalingGroup by this name already exists - A group with the name {name} "
            "already exists",
        )
    _check_target_groups(context, request)
    minimum, maximum = int(request["MinSize"]), int(request["MaxSize"])
    desired = request.get("DesiredCapacity")
    _check_bounds(minimum, minimum if desired is None else int(desired), maximum)
    return call_moto(context)


def _check_target_groups(context: RequestContext, request: Any) -> None:
    known = elbv2_backends[context.account_id][context.region].target_groups
    if any(arn not in known for arn in request.get("TargetGroupARNs") or []):
        raise refuse(
            "ValidationError",
            "Provided Target Groups may not be valid. Please ensure they exist and try again.",
        )


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


def _of_a_group(context: RequestContext, request: Any) -> Any:
    """What moto does well enough, once it is sure that everything named is there."""
    group = group_named(context, request["AutoScalingGroupName"])
    mine = {state.instance_id for state in group.instance_states}
    for identifier in request.get("InstanceIds") or []:
        if identifier not in mine:
            raise refuse(
                "ValidationError",
                f"The instance {identifier} is not part of Auto Scaling group {group.name}.",
            )
    for process in request.get("ScalingProcesses") or []:
        if process not in PROCESSES:
            raise refuse(
                "ValidationError",
                f"'{process}' is not a scaling process; there are {', '.join(PROCESSES)}",
            )
    _check_target_groups(context, request)
    return call_moto(context)


def _attach_instances(context: RequestContext, request: Any) -> Any:
    group_named(context, request["AutoScalingGroupName"])
    ec2 = ec2_backends[context.account_id][context.region]
    given = request.get("InstanceIds") or []
    unknown = [identifier for identifier in given if ec2.get_instance_by_id(identifier) is None]
    if unknown:
        raise refuse("ValidationError", f"Invalid Instance ID(s): [{', '.join(unknown)}] specified")
    return call_moto(context)


def _set_instance_health(context: RequestContext, request: Any) -> Any:
    _find(context, request["InstanceId"])
    if request["HealthStatus"] not in ("Healthy", "Unhealthy"):
        raise refuse("ValidationError", "Valid instance health states are: [Healthy, Unhealthy].")
    return call_moto(context)


OPERATIONS: Mapping[str, Handler] = {
    "CreateAutoScalingGroup": _create,
    "UpdateAutoScalingGroup": _update,
    "SetDesiredCapacity": _set_desired,
    "DeleteAutoScalingGroup": _delete,
    "TerminateInstanceInAutoScalingGroup": _terminate,
    "DetachLoadBalancerTargetGroups": _detach_target_groups,
    "CompleteLifecycleAction": _complete_lifecycle_action,
    "AttachInstances": _attach_instances,
    "SetInstanceHealth": _set_instance_health,
    "AttachLoadBalancerTargetGroups": _of_a_group,
    "DeleteLifecycleHook": _of_a_group,
    "DescribeLifecycleHooks": _of_a_group,
    "DescribeLoadBalancerTargetGroups": _of_a_group,
    "DetachInstances": _of_a_group,
    "EnterStandby": _of_a_group,
    "ExitStandby": _of_a_group,
    "PutLifecycleHook": _of_a_group,
    "ResumeProcesses": _of_a_group,
    "SetInstanceProtection": _of_a_group,
    "SuspendProcesses": _of_a_group,
}
