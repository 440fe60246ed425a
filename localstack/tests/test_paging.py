"""Lists come in pages of the size that was asked for, and go on where they stopped."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from conftest import refused_as
from tidegate_localstack.process.instance import Record
from tidegate_localstack.worlds.world import Clients, World
from wire import ANYTHING

Aws = Callable[[str], Any]
COUNT = 5


@pytest.fixture(scope="module")
def many(localstack: Record) -> dict[str, Any]:
    """A world with five of everything that is listed in pages."""
    clients = Clients.from_environment()
    world = World(clients, "paging").seed()
    patterns = [f"/{number}" for number in range(COUNT)]
    forward = {"Type": "forward", "TargetGroupArn": world["target_groups"]["blue"]}
    vpc = clients.elbv2.describe_target_groups()["TargetGroups"][0]["VpcId"]
    for number, pattern in enumerate(patterns):
        clients.elbv2.create_target_group(
            Name=f"paging-{number}", Protocol="HTTP", Port=80, VpcId=vpc
        )
        clients.elbv2.create_listener(
            LoadBalancerArn=world["load_balancer"],
            Protocol="HTTP",
            Port=9000 + number,
            DefaultActions=[forward],
        )
        clients.elbv2.create_rule(
            ListenerArn=world["listener"],
            Priority=100 + number,
            Conditions=[{"Field": "path-pattern", "Values": [pattern]}],
            Actions=[forward],
        )
        clients.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=f"paging-{number}",
            LaunchTemplate={"LaunchTemplateId": world["launch_template"], "Version": "1"},
            AvailabilityZones=["eu-west-1a"],
            MinSize=0,
            MaxSize=0,
        )
    assert localstack.endpoint
    return world


def many_instances(aws: Aws, many: dict[str, Any]) -> list[str]:
    """Those of the world's own groups."""
    sides = [f"{many['prefix']}-{side}" for side in ("blue", "green")]
    answer = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=sides)
    groups = answer["AutoScalingGroups"]
    return [instance["InstanceId"] for group in groups for instance in group["Instances"]]


@pytest.mark.parametrize(
    ("service", "operation", "size", "token", "goes_on"),
    [
        ("elbv2", "describe_target_groups", "PageSize", "Marker", "NextMarker"),
        ("elbv2", "describe_listeners", "PageSize", "Marker", "NextMarker"),
        ("elbv2", "describe_rules", "PageSize", "Marker", "NextMarker"),
        ("autoscaling", "describe_auto_scaling_groups", "MaxRecords", "NextToken", "NextToken"),
        ("autoscaling", "describe_auto_scaling_instances", "MaxRecords", "NextToken", "NextToken"),
    ],
)
def test_pages_have_the_size_asked_for_and_together_are_the_whole(
    aws: Aws,
    many: dict[str, Any],
    service: str,
    operation: str,
    size: str,
    token: str,
    goes_on: str,
) -> None:
    of = {"describe_listeners": {"LoadBalancerArn": many["load_balancer"]}}
    of |= {"describe_rules": {"ListenerArn": many["listener"]}}
    # Other worlds of this account come and go meanwhile.
    names = [f"paging-{number}" for number in range(COUNT)]
    of |= {"describe_auto_scaling_groups": {"AutoScalingGroupNames": names}}
    of |= {"describe_auto_scaling_instances": {"InstanceIds": many_instances(aws, many)}}
    call, asked = getattr(aws(service), operation), of.get(operation, {})
    whole = call(**asked)
    listed = next(key for key, value in whole.items() if isinstance(value, list))
    assert len(whole[listed]) >= 2
    assert goes_on not in whole
    pages, page = [], call(**asked, **{size: 1})
    pages.append(page)
    while goes_on in page:
        page = call(**asked, **{size: 1, token: page[goes_on]})
        pages.append(page)
    assert [len(page[listed]) for page in pages] == [1] * len(whole[listed])
    assert [page[listed][0] for page in pages] == whole[listed]


@pytest.mark.parametrize(
    ("service", "operation", "token", "code"),
    [
        ("elbv2", "describe_target_groups", "Marker", "ValidationError"),
        ("autoscaling", "describe_auto_scaling_groups", "NextToken", "InvalidNextToken"),
        ("cloudwatch", "describe_alarms", "NextToken", "InvalidNextToken"),
        ("lambda", "list_functions", "Marker", "InvalidParameterValueException"),
    ],
)
def test_a_token_that_no_answer_gave_is_refused(
    aws: Aws, localstack: Record, service: str, operation: str, token: str, code: str
) -> None:
    assert localstack
    for nowhere in ("somewhere", "dGlkZWdhdGU6eA==", "ünicode"):
        with refused_as(code):
            getattr(aws(service), operation)(**{token: nowhere})


@pytest.mark.parametrize(
    ("service", "operation", "size", "number"),
    [
        ("elbv2", "describe_target_groups", "PageSize", 401),
        ("elbv2", "describe_target_groups", "PageSize", 0),
        ("autoscaling", "describe_auto_scaling_groups", "MaxRecords", 101),
        ("autoscaling", "describe_auto_scaling_groups", "MaxRecords", -1),
        ("autoscaling", "describe_auto_scaling_groups", "MaxRecords", 0),
        ("cloudwatch", "describe_alarms", "MaxRecords", 101),
    ],
)
def test_a_page_of_no_size_is_refused(
    localstack: Record, service: str, operation: str, size: str, number: int
) -> None:
    assert localstack
    client = boto3.client(service, config=ANYTHING)
    with refused_as("ValidationError"):
        getattr(client, operation)(**{size: number})


def test_hosted_zones_come_in_pages(localstack: Record) -> None:
    assert localstack
    account = {"aws_access_key_id": "710000000001", "aws_secret_access_key": "test"}
    route53 = boto3.client("route53", **account)
    for _number in range(2):
        name = f"{uuid.uuid4().hex[:8]}.test."
        route53.create_hosted_zone(Name=name, CallerReference=name)
    first = route53.list_hosted_zones(MaxItems="1")
    assert (len(first["HostedZones"]), first["IsTruncated"], first["MaxItems"]) == (1, True, "1")
    second = route53.list_hosted_zones(MaxItems="1", Marker=first["NextMarker"])
    assert (len(second["HostedZones"]), second["IsTruncated"]) == (1, False)
    assert first["HostedZones"] != second["HostedZones"]
