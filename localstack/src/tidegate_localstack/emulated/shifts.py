"""CodeDeploy deployments to Lambda and ECS: traffic moves from one version to another.

What moves are the weights of a function's alias, which split its invocations, or of the production
listener between two target groups, by the canary or linear steps of the deployment configuration.
Hooks are not called; `fail_at` in the deployment's description fails the event of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import yaml
from moto.awslambda.models import lambda_backends
from moto.ecs.models import ecs_backends
from moto.elbv2.models import FakeAction, elbv2_backends

from tidegate_localstack.emulated import deploy_configs
from tidegate_localstack.emulated.runs import (
    ALLOW,
    Event,
    Run,
    Target,
    backend_of,
    stop,
    succeed,
    work_on,
)
from tidegate_localstack.emulated.settings import SETTINGS

PREPARE = ("BeforeInstall", "Install", "AfterInstall", "AllowTestTraffic", "AfterAllowTestTraffic")


class SpecError(ValueError):
    """What is wrong with an AppSpec or with what it names."""


@dataclass
class Shift:
    """From one version to another, and how much of the traffic the other has."""

    backward: bool = False
    share: int = 0
    """Percent at the new version."""

    target_id: str = ""
    prepare: tuple[str, ...] = ()

    def reversed(self) -> Shift:
        """The way back, which is one step."""
        return replace(self, backward=True, prepare=())

    def is_over(self, run: Run, event: Event) -> bool | None:
        """Whether a lifecycle event is done; None when it failed."""
        if event.name == run.asked().get("fail_at") and not self.backward:
            return None
        if event.name == "AllowTestTraffic":
            self.test(run)
        if event.name != "AllowTraffic":
            return True
        assert event.started is not None
        seconds = (datetime.now(UTC) - event.started).total_seconds()
        wanted = 0
        if not self.backward:
            wanted = share_at(_routing(run), seconds / SETTINGS.codedeploy_minute_seconds)
        if wanted != self.share or self.backward:
            self.share = wanted
            self.move(run)
        return self.backward or self.share == 100

    def test(self, run: Run) -> None:
        """Send test traffic to the new version."""

    def move(self, run: Run) -> None:
        """Bring the weights in line with the share."""

    def finish(self, run: Run) -> None:
        """Leave the new version alone in place."""

    def described(self) -> tuple[str, str, dict[str, Any]]:
        """Type, key and contents of a target, as BatchGetDeploymentTargets words them."""
        raise NotImplementedError


@dataclass
class FunctionShift(Shift):
    """An alias of a Lambda function."""

    function: str = ""
    alias: str = ""
    current: str = ""
    target: str = ""

    def move(self, run: Run) -> None:
        backend = backend_of(run)
        functions: Any = lambda_backends[backend.account_id][backend.region_name]
        alias: Any = functions.get_alias(self.alias, self.function)
        alias.function_version = self.target if self.share == 100 else self.current
        weights = {self.target: self.share / 100} if 0 < self.share < 100 else {}
        alias.routing_config = {"AdditionalVersionWeights": weights} if weights else {}

    def described(self) -> tuple[str, str, dict[str, Any]]:
        info = {
            "functionName": self.function,
            "functionAlias": self.alias,
            "currentVersion": self.current,
            "targetVersion": self.target,
            "targetVersionWeight": self.share / 100,
        }
        return "LambdaTarget", "lambdaTarget", {"lambdaFunctionInfo": info}


@dataclass
class ServiceShift(Shift):
    """A service of ECS behind two target groups of a load balancer."""

    prepare: tuple[str, ...] = PREPARE
    cluster: str = ""
    service: str = ""
    definition: str = ""
    blue: str = ""
    """Name of the target group with the original tasks."""
    green: str = ""
    listeners: tuple[str, ...] = ()
    test_listeners: tuple[str, ...] = ()
    count: int = 1

    def test(self, run: Run) -> None:
        self._weigh(run, self.test_listeners, 100)

    def move(self, run: Run) -> None:
        self._weigh(run, self.listeners, self.share)
        if self.backward:
            self._weigh(run, self.test_listeners, 0)

    def finish(self, run: Run) -> None:
        _service(run, self.cluster, self.service).task_definition = self.definition

    def _weigh(self, run: Run, listeners: tuple[str, ...], percent: int) -> None:
        backend = _balancing(run)
        arns = {group.name: group.arn for group in backend.target_groups.values()}
        weights = ((self.blue, 100 - percent), (self.green, percent))
        entries = [{"TargetGroupArn": arns[name], "Weight": weight} for name, weight in weights]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": entries}}
        for balancer in backend.load_balancers.values():
            for arn in listeners:
                if arn in balancer.listeners:
                    backend.modify_listener(arn, actions=[action])

    def described(self) -> tuple[str, str, dict[str, Any]]:
        sets = [
            {
                "identifer": f"ecs-svc/{label.lower()}",
                "taskSetLabel": label,
                "targetGroup": {"name": group},
                "trafficWeight": float(weight),
                "status": "PRIMARY" if weight > 50 else "ACTIVE",
                "desiredCount": self.count,
                "pendingCount": 0,
                "runningCount": self.count,
            }
            for label, group, weight in (
                ("Blue", self.blue, 100 - self.share),
                ("Green", self.green, self.share),
            )
        ]
        return "ECSTarget", "ecsTarget", {"taskSetsInfo": sets}


def share_at(routing: Mapping[str, Any], minutes: float) -> int:
    """Percent of the traffic at the new version after so long."""
    if canary := routing.get("timeBasedCanary"):
        return 100 if minutes >= canary["canaryInterval"] else int(canary["canaryPercentage"])
    if linear := routing.get("timeBasedLinear"):
        steps = 1 + int(minutes / linear["linearInterval"])
        return min(100, steps * int(linear["linearPercentage"]))
    return 100


def _routing(run: Run) -> dict[str, Any]:
    name = str(run.deployment.deployment_config_name)
    found = deploy_configs.config_named(backend_of(run), name)
    return dict(found.get("trafficRoutingConfig") or {})


def _balancing(run: Run) -> Any:
    backend = backend_of(run)
    return elbv2_backends[backend.account_id][backend.region_name]


def _service(run: Run, cluster: str, name: str) -> Any:
    backend = backend_of(run)
    known = ecs_backends[backend.account_id][backend.region_name].services
    found = known.get(f"{cluster}:{name}")
    if found is None:
        raise SpecError(f"there is no service {name} in the cluster {cluster}")
    return found


def _properties(run: Run) -> dict[str, Any]:
    """What the AppSpec says of its one resource."""
    revision = run.deployment.revision or {}
    content = (revision.get("appSpecContent") or revision.get("string") or {}).get("content")
    if not content:
        raise SpecError("the revision has no AppSpec content")
    try:
        spec = yaml.safe_load(content)  # JSON is YAML, too
        (resource,) = spec["Resources"]
        (named,) = resource.values()
        return dict(named["Properties"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SpecError(f"the AppSpec cannot be read: {error!r}") from error


def _function_shift(run: Run) -> Shift:
    given = _properties(run)
    try:
        name, alias = given["Name"], given["Alias"]
        current, target = str(given["CurrentVersion"]), str(given["TargetVersion"])
    except KeyError as error:
        raise SpecError(f"the AppSpec lacks {error}") from error
    backend = backend_of(run)
    functions = lambda_backends[backend.account_id][backend.region_name]
    try:
        known = functions.get_alias(alias, name)
    except Exception as error:  # moto's own class for it differs by case
        raise SpecError(f"there is no alias {alias} of the function {name}") from error
    if known.function_version != current:
        raise SpecError(f"the alias points to version {known.function_version}, not {current}")
    identifier = f"{name}:{alias}"
    return FunctionShift(
        target_id=identifier, function=name, alias=alias, current=current, target=target
    )


def _service_shift(run: Run) -> Shift:
    definition = str(_properties(run).get("TaskDefinition") or "")
    services = run.group.ecs_services
    pairs = run.group.load_balancer_info.get("targetGroupPairInfoList") or []
    if not (definition and services and pairs):
        raise SpecError("a task definition, a service and a pair of target groups are needed")
    cluster, name = services[0]["clusterName"], services[0]["serviceName"]
    pair = pairs[0]
    names = [group["name"] for group in pair["targetGroups"]]
    listeners = tuple(pair["prodTrafficRoute"]["listenerArns"])
    blue = _serving(_balancing(run), listeners, names)
    return ServiceShift(
        target_id=f"{cluster}:{name}",
        cluster=cluster,
        service=name,
        definition=definition,
        blue=blue,
        green=next(one for one in names if one != blue),
        listeners=listeners,
        test_listeners=tuple((pair.get("testTrafficRoute") or {}).get("listenerArns") or ()),
        count=int(_service(run, cluster, name).desired_count),
    )


def _serving(backend: Any, listeners: tuple[str, ...], names: list[str]) -> str:
    """The target group of the two that the production listener sends requests to."""
    actions: list[FakeAction] = [
        action
        for balancer in backend.load_balancers.values()
        for arn, listener in balancer.listeners.items()
        if arn in listeners
        for action in listener.default_actions
    ]
    for action in actions:
        entries = (action.data.get("ForwardConfig") or {}).get("TargetGroups") or [action.data]
        for entry in entries:
            group = backend.target_groups.get(entry.get("TargetGroupArn"))
            if group is not None and group.name in names and int(entry.get("Weight", 1)):
                return str(group.name)
    raise SpecError("the production listener forwards to neither target group")


def begin(run: Run) -> None:
    """Find out what moves where; a rollback knows already."""
    if run.shift is None:
        try:
            run.shift = _function_shift(run) if run.platform == "Lambda" else _service_shift(run)
        except SpecError as error:
            stop(run, "Failed", ("INVALID_REVISION", str(error)), "DEPLOYMENT_FAILURE")
            return
    target = Target(run.shift.target_id, "Green", [])
    target.plan((*run.shift.prepare, *ALLOW))
    run.targets = [target]
    run.enter("install" if run.shift.prepare else "shift")


def advance(run: Run, now: float) -> None:
    """Move a deployment on."""
    target, shift = run.targets[0], run.shift
    if run.phase == "install":
        work_on(run, target, shift.prepare, now)
        if target.status == "Ready":
            if run.option("deploymentReadyOption").get("actionOnTimeout") == "STOP_DEPLOYMENT":
                run.waiting_for = "READY_WAIT" if run.become("Ready") else None
            run.enter("ready")
    elif run.phase == "ready":
        limit = float(run.option("deploymentReadyOption").get("waitTimeInMinutes") or 60)
        if run.waiting_for is None:
            if run.become("InProgress"):
                run.enter("shift")
        elif run.waited_minutes() > limit:
            error = ("TIMEOUT", "The deployment timed out while waiting for the traffic rerouting")
            stop(run, "Stopped", error, "DEPLOYMENT_FAILURE")
    elif run.phase == "shift":
        work_on(run, target, (*shift.prepare, *ALLOW), now)
        if target.status == "Succeeded":
            _shifted(run)
    else:
        option = run.option("terminateBlueInstancesOnDeploymentSuccess")
        minutes = float(option.get("terminationWaitTimeInMinutes") or 0)
        if run.waiting_for is None or run.waited_minutes() >= minutes:
            run.waiting_for = None
            shift.finish(run)
            succeed(run, label="Blue")
    if target.status == "Failed":
        message = "One or more lifecycle event hooks failed"
        stop(run, "Failed", ("HOOK_EXECUTION_FAILURE", message), "DEPLOYMENT_FAILURE")


def _shifted(run: Run) -> None:
    if run.platform == "ECS" and not run.shift.backward:
        run.deployment.instance_termination_wait_time_started = True
        run.waiting_for = "TERMINATION_WAIT"
        run.enter("terminate")
    else:
        succeed(run, label="Blue")
