"""Blue/green deployments to instances, phase by phase.

The replacement environment is a copy of the Auto Scaling group, or one that exists already. The
revision is installed there, the deployment may wait as `Ready`, then the replacement instances join
the target group and the original ones leave it, and in the end the originals may be terminated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tidegate_localstack.emulated import members
from tidegate_localstack.emulated.runs import (
    ALLOW,
    BLOCK,
    INSTALL,
    Run,
    Target,
    deploy,
    fleets,
    instances_of,
    stop,
    succeed,
)


def begin(run: Run) -> None:
    """The first phase of a deployment, or of one that undoes another."""
    run.enter("return" if run.is_rollback else "provision")


def _labelled(run: Run, label: str) -> list[Target]:
    return [target for target in run.targets if target.label == label]


def _provision(run: Run, _now: float) -> None:
    if run.green is None:
        if run.option("greenFleetProvisioningOption").get("action") == "DISCOVER_EXISTING":
            named = (run.deployment.target_instances or {}).get("autoScalingGroups") or []
            run.green = named[0] if named else ""
        else:
            run.green = _copy(run, fleets(run, label="Blue")[0])
    green = next(iter(fleets(run, label="Green")), None)
    if green is None or not green.desired_capacity:
        message = "The deployment failed because no instances were found for your deployment group"
        stop(run, "Failed", ("NO_INSTANCES", message), "DEPLOYMENT_FAILURE")
    elif len(members.in_state(green, "InService")) >= int(green.desired_capacity):
        run.targets = instances_of(run, "Green", (*INSTALL, *ALLOW))
        run.targets += instances_of(run, "Blue", BLOCK)
        run.enter("install")


def _copy(run: Run, blue: Any) -> str:
    deployment = run.deployment
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
    return name


def _install(run: Run, now: float) -> None:
    if deploy(run, _labelled(run, "Green"), INSTALL, ("Ready",), now):
        if run.option("deploymentReadyOption").get("actionOnTimeout") == "STOP_DEPLOYMENT":
            run.waiting_for = "READY_WAIT" if run.become("Ready") else None
        run.enter("ready")


def _ready(run: Run, _now: float) -> None:
    limit = float(run.option("deploymentReadyOption").get("waitTimeInMinutes") or 60)
    if run.waiting_for is None:
        if not run.become("InProgress"):
            return
        _attach(run, "Green")
        run.traffic_moved = True
        run.enter("reroute")
    elif run.waited_minutes() > limit:
        error = ("TIMEOUT", "The deployment timed out while waiting for the traffic rerouting")
        stop(run, "Stopped", error, "DEPLOYMENT_FAILURE")


def _reroute(run: Run, now: float) -> None:
    if not deploy(run, _labelled(run, "Green"), (*INSTALL, *ALLOW), ("Succeeded",), now):
        return
    if not deploy_all(run, "Blue", BLOCK, now):
        return
    _detach(run, "Blue")
    option = run.option("terminateBlueInstancesOnDeploymentSuccess")
    if option.get("action", "TERMINATE") == "TERMINATE":
        run.waiting_for = "TERMINATION_WAIT"
        run.deployment.instance_termination_wait_time_started = True
        run.enter("terminate")
    else:
        _finish(run)


def deploy_all(run: Run, label: str, until: tuple[str, ...], now: float) -> bool:
    """Work on targets one of a kind, of which none can fail; an empty side is done."""
    targets = _labelled(run, label)
    return not targets or deploy(run, targets, until, ("Succeeded",), now)


def _terminate_blue(run: Run, _now: float) -> None:
    option = run.option("terminateBlueInstancesOnDeploymentSuccess")
    minutes = float(option.get("terminationWaitTimeInMinutes") or 0)
    if run.waiting_for is None or run.waited_minutes() >= minutes:
        run.waiting_for = None
        for blue in fleets(run, label="Blue"):
            for state in list(blue.instance_states):
                members.remove(blue, state)
            del blue.autoscaling_backend.autoscaling_groups[blue.name]
        _finish(run)


def _finish(run: Run) -> None:
    run.group.auto_scaling_groups = [run.green]
    succeed(run, label="Blue")


def _return(run: Run, now: float) -> None:
    """Give the traffic back to the original instances, which still run the last revision."""
    if not run.traffic_moved:
        succeed(run, label="Blue")
        return
    if not run.targets:
        _attach(run, "Blue")
        run.targets = instances_of(run, "Blue", ALLOW) + instances_of(run, "Green", BLOCK)
    if deploy_all(run, "Blue", ALLOW, now) and deploy_all(run, "Green", BLOCK, now):
        _detach(run, "Green")
        succeed(run, label="Blue")


def _target_group_arns(run: Run, fleet: Any) -> list[str]:
    wanted = run.group.load_balancer_info.get("targetGroupInfoList") or []
    names = {entry["name"] for entry in wanted}
    known = fleet.autoscaling_backend.elbv2_backend.target_groups.values()
    return [group.arn for group in known if group.name in names]


def _attach(run: Run, label: str) -> None:
    """Attach the target groups; each instance joins when its AllowTraffic comes."""
    for fleet in fleets(run, label=label):
        arns = _target_group_arns(run, fleet)
        for state in fleet.instance_states:
            registered = members.is_registered(fleet, state.instance_id)
            members.member(state).blocked = not registered
        fleet.target_group_arns = [*dict.fromkeys([*fleet.target_group_arns, *arns])]


def _detach(run: Run, label: str) -> None:
    for fleet in fleets(run, label=label):
        arns = _target_group_arns(run, fleet)
        fleet.target_group_arns = [arn for arn in fleet.target_group_arns if arn not in arns]
        for state in fleet.instance_states:
            members.member(state).blocked = False


PHASES: Mapping[str, Callable[[Run, float], None]] = {
    "provision": _provision,
    "install": _install,
    "ready": _ready,
    "reroute": _reroute,
    "terminate": _terminate_blue,
    "return": _return,
}
