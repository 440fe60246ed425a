"""Rules are checked as AWS checks them, and targets become healthy over time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conftest import eventually

Aws = Callable[[str], Any]


def set_weights(aws: Aws, world: dict[str, Any], weights: dict[str, int], **config: Any) -> None:
    groups = [
        {"TargetGroupArn": world["target_groups"].get(key, key), "Weight": weight}
        for key, weight in weights.items()
    ]
    forward = {"TargetGroups": groups, **config}
    aws("elbv2").modify_rule(
        RuleArn=world["rule"], Actions=[{"Type": "forward", "ForwardConfig": forward}]
    )


@pytest.mark.parametrize("weight", [-1, 1000])
def test_a_weight_out_of_range_is_refused(aws: Aws, world: dict[str, Any], weight: int) -> None:
    with pytest.raises(ClientError, match="weight") as refused:
        set_weights(aws, world, {"blue": 1, "green": weight})
    assert refused.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize("weight", [0, 999])
def test_the_ends_of_the_weight_range_are_accepted(
    aws: Aws, world: dict[str, Any], weight: int
) -> None:
    set_weights(aws, world, {"blue": 1, "green": weight})


def test_more_than_five_groups_in_a_forward_are_refused(aws: Aws, world: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="at most 5"):
        set_weights(aws, world, {f"{world['target_groups']['blue']}{n}": 1 for n in range(6)})


def test_target_stickiness_needs_group_stickiness(aws: Aws, world: dict[str, Any]) -> None:
    aws("elbv2").modify_target_group_attributes(
        TargetGroupArn=world["target_groups"]["green"],
        Attributes=[{"Key": "stickiness.enabled", "Value": "true"}],
    )
    with pytest.raises(ClientError, match="You must enable group stickiness"):
        set_weights(aws, world, {"blue": 1, "green": 1})
    sticky = {"Enabled": True, "DurationSeconds": 60}
    set_weights(aws, world, {"blue": 1, "green": 1}, TargetGroupStickinessConfig=sticky)


def test_a_group_that_no_rule_uses_has_no_load_balancer(aws: Aws, world: dict[str, Any]) -> None:
    green = world["target_groups"]["green"]

    def users() -> list[str]:
        answer = aws("elbv2").describe_target_groups(TargetGroupArns=[green])
        arns: list[str] = answer["TargetGroups"][0]["LoadBalancerArns"]
        return arns

    assert users() == [world["load_balancer"]]
    set_weights(aws, world, {"blue": 1})
    assert users() == []


def test_a_target_is_unused_until_its_group_is_then_initial_then_healthy(
    aws: Aws, world: dict[str, Any]
) -> None:
    elbv2, ec2 = aws("elbv2"), aws("ec2")
    green = world["target_groups"]["green"]
    set_weights(aws, world, {"blue": 1})
    instance = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]
    elbv2.register_targets(TargetGroupArn=green, Targets=[{"Id": instance["InstanceId"]}])

    def health() -> tuple[str, str]:
        answer = elbv2.describe_target_health(TargetGroupArn=green)
        found = answer["TargetHealthDescriptions"][0]["TargetHealth"]
        return found["State"], found.get("Reason", "")

    assert health() == ("unused", "Target.NotInUse")
    set_weights(aws, world, {"blue": 1, "green": 0})
    assert health() == ("initial", "Elb.RegistrationInProgress")
    eventually(lambda: health() == ("healthy", ""))
    elbv2.deregister_targets(TargetGroupArn=green, Targets=[{"Id": instance["InstanceId"]}])
    assert health() == ("draining", "Target.DeregistrationInProgress")

    def gone() -> bool:
        with contextlib.suppress(IndexError):
            health()
            return False
        return True

    eventually(gone)
    asked = elbv2.describe_target_health(
        TargetGroupArn=green, Targets=[{"Id": instance["InstanceId"]}]
    )["TargetHealthDescriptions"][0]["TargetHealth"]
    assert (asked["State"], asked["Reason"]) == ("unused", "Target.NotRegistered")
