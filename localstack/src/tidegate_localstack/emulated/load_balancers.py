"""Elastic Load Balancing v2, where moto is more lenient or less precise than AWS.

moto accepts any weight, any number of target groups and stickiness that AWS refuses, lets default
rules be changed like others, registers instances nobody has, calls every target healthy, forgets
which load balancers use a target group once a rule is modified, and takes a network load balancer
for an application's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.services.moto import call_moto
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

from tidegate_localstack.emulated import targets
from tidegate_localstack.emulated.beside import Beside
from tidegate_localstack.emulated.handlers import Handler, refuse
from tidegate_localstack.emulated.settings import SETTINGS

DOMAIN = "elb.localhost.localstack.cloud"
MAX_WEIGHT = 999
MAX_GROUPS_PER_FORWARD = 5
MAX_STICKY_SECONDS = 604_800


def _backend(context: RequestContext) -> Any:
    return elbv2_backends[context.account_id][context.region]


def _constraint(value: object, at: str, text: str) -> CommonServiceException:
    return refuse(
        "ValidationError",
        f"1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: "
        f"Member must have {text}",
    )


def _balancer_of(backend: Any, request: Any) -> Any:
    """The load balancer whose actions a request sets, or None when it names nothing known."""
    named = {request.get(key) for key in ("LoadBalancerArn", "ListenerArn", "RuleArn")} - {None}
    for balancer in backend.load_balancers.values():
        known = {balancer.arn, *balancer.listeners}
        known |= {r.arn for each in balancer.listeners.values() for r in each.rules.values()}
        if named & known:
            return balancer
    return None


def _check_balancer(actions: list[Any], balancer: Any, backend: Any, *, for_rule: bool) -> None:
    """Refuse what the kind of load balancer does not allow."""
    network = balancer.type == "network"
    if network and for_rule:
        raise refuse("ValidationError", "Rules are unsupported for Network Load Balancers")
    for action in actions:
        if network and action["Type"] != "forward":
            raise refuse(
                "InvalidLoadBalancerAction",
                f"Action type '{action['Type']}' is not supported for Network Load Balancers",
            )
        config = action.get("ForwardConfig") or {}
        entries = config.get("TargetGroups") or [action]
        for arn in [entry.get("TargetGroupArn") for entry in entries]:
            group = backend.target_groups.get(arn)
            if group is None and arn is not None:
                raise refuse("TargetGroupNotFound", f"Target groups '{arn}' not found")
            if group is None or group.protocol is None:
                continue  # a target group of a Lambda function has no protocol
            if network != (group.protocol not in ("HTTP", "HTTPS")):
                raise refuse(
                    "IncompatibleProtocols",
                    f"The protocol {group.protocol} of target group {group.name} is not supported "
                    f"by a load balancer of type '{balancer.type}'",
                )


def check_actions(actions: list[Any], parameter: str, backend: Any) -> None:
    """Refuse the actions AWS refuses."""
    for number, action in enumerate(actions, 1):
        at = f"{parameter}.{number}.member.forwardConfig"
        config = action.get("ForwardConfig") or {}
        groups = config.get("TargetGroups") or []
        if len(groups) > MAX_GROUPS_PER_FORWARD:
            raise refuse(
                "ValidationError",
                f"A forward action can have at most {MAX_GROUPS_PER_FORWARD} target groups, "
                f"not {len(groups)}",
            )
        for index, group in enumerate(groups, 1):
            weight = int(group.get("Weight", 1))
            where = f"{at}.targetGroups.{index}.member.weight"
            if weight > MAX_WEIGHT:
                raise _constraint(weight, where, f"value less than or equal to {MAX_WEIGHT}")
            if weight < 0:
                raise _constraint(weight, where, "value greater than or equal to 0")
        sticky = config.get("TargetGroupStickinessConfig") or {}
        if sticky.get("Enabled"):
            duration = int(sticky.get("DurationSeconds") or 0)
            where = f"{at}.targetGroupStickinessConfig.durationSeconds"
            if not 1 <= duration <= MAX_STICKY_SECONDS:
                raise _constraint(duration, where, f"value between 1 and {MAX_STICKY_SECONDS}")
        elif len(groups) > 1:
            _check_target_stickiness(groups, backend)


def _check_target_stickiness(groups: list[Any], backend: Any) -> None:
    for entry in groups:
        group = backend.target_groups.get(entry["TargetGroupArn"])
        if group is not None and group.attributes.get("stickiness.enabled") == "true":
            raise refuse(
                "InvalidLoadBalancerAction",
                "You must enable group stickiness on a rule if you enabled target stickiness on "
                "one of its target groups",
            )


_BEFORE: Beside[tuple[Any, float]] = Beside(lambda _rule: (None, 0.0))
"""The actions from before a rule's last change, and until when requests may follow them."""


def _changing_actions(parameter: str) -> Handler:
    """A handler for an operation that sets the actions of a rule or listener."""

    def handle(context: RequestContext, request: Any) -> Any:
        backend = _backend(context)
        given = request.get(parameter) or []
        path = parameter[0].lower() + parameter[1:]
        check_actions(given, path, backend)
        balancer = _balancer_of(backend, request)
        if balancer is not None:
            _check_balancer(given, balancer, backend, for_rule=path == "actions")
        changed = request.get("RuleArn") or request.get("ListenerArn")
        for rule in _rules(backend):
            if given and changed in (rule.arn, rule.listener_arn if _is_default(rule) else None):
                until = time.monotonic() + SETTINGS.propagation_seconds
                _BEFORE.put(rule, (rule.actions, until))
        answer = call_moto(context)
        targets.refresh(backend)
        return answer

    return handle


def _on_own_rules(doing: str) -> Handler:
    """A handler for an operation on rules, which leaves default rules to their listener."""

    def handle(context: RequestContext, request: Any) -> Any:
        backend = _backend(context)
        _check_not_default(backend, request, doing)
        answer = call_moto(context)
        targets.refresh(backend)
        return answer

    return handle


def _check_not_default(backend: Any, request: Any, doing: str) -> None:
    known = {rule.arn: rule for rule in _rules(backend)}
    named = [entry["RuleArn"] for entry in request.get("RulePriorities") or [request]]
    for arn in named:
        if arn not in known:
            raise refuse("RuleNotFound", f"One or more rules not found: {arn}")
        if _is_default(known[arn]):
            raise refuse("OperationNotPermitted", f"Default rule '{arn}' cannot be {doing}")


def _modify_rule(context: RequestContext, request: Any) -> Any:
    _check_not_default(_backend(context), request, "modified")
    return _changing_actions("Actions")(context, request)


def _register_targets(context: RequestContext, request: Any) -> Any:
    group = _backend(context).target_groups.get(request["TargetGroupArn"])
    if group is not None and group.target_type == "instance":
        ec2 = ec2_backends[context.account_id][context.region]
        found = {t["Id"]: ec2.get_instance_by_id(t["Id"]) for t in request["Targets"]}
        lost = [i for i, instance in found.items() if getattr(instance, "state", "") != "running"]
        if lost:
            raise refuse(
                "InvalidTarget",
                "The following targets are not in a running state and cannot be registered: "
                + ", ".join(f"'{identifier}'" for identifier in lost),
            )
    return call_moto(context)


def _rules(backend: Any) -> list[Any]:
    return [
        rule
        for balancer in backend.load_balancers.values()
        for listener in balancer.listeners.values()
        for rule in listener.rules.values()
    ]


def _is_default(rule: Any) -> bool:
    return bool(rule.is_default)


def actions_in_effect(rule: Any) -> list[Any]:
    """The actions requests follow now: the old ones until a change has propagated."""
    previous, until = _BEFORE.of(rule)
    actions: list[Any] = previous if previous and time.monotonic() < until else rule.actions
    return actions


def _create_load_balancer(context: RequestContext, _request: Any) -> Any:
    backend, answer = _backend(context), call_moto(context)
    for described in answer["LoadBalancers"]:
        balancer = backend.load_balancers.pop(described["LoadBalancerArn"])
        balancer.dns_name = described["DNSName"] = f"{balancer.name}.{DOMAIN}"
        if balancer.type == "network":
            # moto calls every load balancer an application's.
            tags = backend.tagging_service.list_tags_for_resource(balancer.arn)["Tags"]
            balancer.arn = balancer.arn.replace(":loadbalancer/app/", ":loadbalancer/net/")
            backend.tagging_service.tag_resource(balancer.arn, tags)
        described["LoadBalancerArn"] = balancer.arn
        backend.load_balancers[balancer.arn] = balancer
    return answer


def _describe_target_groups(context: RequestContext, _request: Any) -> Any:
    backend = _backend(context)
    users = targets.load_balancers_by_group(backend)
    for group in backend.target_groups.values():
        group.load_balancer_arns = users.get(group.arn, [])
    return call_moto(context)


def _describe_target_health(context: RequestContext, request: Any) -> Any:
    backend = _backend(context)
    group = backend.target_groups.get(request["TargetGroupArn"])
    if group is None:
        return call_moto(context)  # which words the error
    targets.refresh(backend)
    known = targets.targets_of(group)
    asked = request.get("Targets")
    chosen = list(known.values())
    if asked:
        chosen = [
            known.get(entry["Id"])
            or targets.Target(
                entry["Id"],
                int(entry.get("Port") or group.port),
                state="unused",
                reason="Target.NotRegistered",
            )
            for entry in asked
        ]
    port = group.health_check_port
    return {"TargetHealthDescriptions": [target.described(port) for target in chosen]}


OPERATIONS: Mapping[str, Handler] = {
    "CreateRule": _changing_actions("Actions"),
    "ModifyRule": _modify_rule,
    "DeleteRule": _on_own_rules("deleted"),
    "SetRulePriorities": _on_own_rules("given a priority"),
    "CreateListener": _changing_actions("DefaultActions"),
    "ModifyListener": _changing_actions("DefaultActions"),
    "CreateLoadBalancer": _create_load_balancer,
    "RegisterTargets": _register_targets,
    "DescribeTargetGroups": _describe_target_groups,
    "DescribeTargetHealth": _describe_target_health,
}
