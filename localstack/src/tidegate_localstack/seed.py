"""Creates the AWS resources the plans name: one "world" per prefix.

A world is a load balancer whose one rule splits traffic between a blue and a green target group,
an Auto Scaling group behind each, and the alarms that watch green. Worlds with different prefixes
share nothing but the VPC, so tests run side by side in one LocalStack. Seeding twice changes
nothing.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import time
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tidegate_localstack.errors import LocalAwsError

IMAGE_ID = "ami-12c6146b"  # one of moto's own images, so that it does not warn about it
VPC_TAG = "tidegate"
ALARM_PERIOD_SECONDS = 10
STABLE_WEIGHT = 999
STABLE_INSTANCES = 2
READY_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Clients:
    """The AWS clients a seed needs; endpoint and credentials come from the environment."""

    ec2: Any
    elbv2: Any
    autoscaling: Any
    cloudwatch: Any

    @staticmethod
    def at(endpoint: str | None) -> Clients:
        """Clients of the AWS at this endpoint."""
        config = Config(retries={"max_attempts": 2}, tcp_keepalive=True)
        names = ("ec2", "elbv2", "autoscaling", "cloudwatch")
        return Clients(*(boto3.client(n, endpoint_url=endpoint, config=config) for n in names))

    @staticmethod
    def from_environment() -> Clients:
        """Clients of the AWS that AWS_ENDPOINT_URL names."""
        return Clients.at(None)


class World:
    """Finds or creates each resource of one prefix, in the order they depend on each other."""

    def __init__(self, clients: Clients, prefix: str) -> None:
        self.aws = clients
        self.prefix = prefix

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        vpc, subnets = self._network()
        balancer = self._load_balancer(subnets)
        groups = {side: self._target_group(side, vpc) for side in ("blue", "green")}
        listener = self._listener(balancer["LoadBalancerArn"])
        rule = self._rule(listener, groups)
        template = self._launch_template()
        fleets = {
            "blue": self._fleet(
                "blue", template, subnets, groups["blue"], minimum=STABLE_INSTANCES
            ),
            "green": self._fleet("green", template, subnets, groups["green"], minimum=0),
        }
        alarms = self._alarms(balancer["LoadBalancerArn"], groups["green"])
        self._wait_until_ready(groups["blue"], alarms)
        return {
            "prefix": self.prefix,
            "load_balancer": balancer["LoadBalancerArn"],
            "dns_name": balancer["DNSName"],
            "listener": listener,
            "rule": rule,
            "target_groups": groups,
            "launch_template": template,
            "auto_scaling_groups": fleets,
            "alarms": alarms,
        }

    def _network(self) -> tuple[str, list[str]]:
        ec2 = self.aws.ec2
        mine = [{"Name": "tag:Name", "Values": [VPC_TAG]}]
        found = ec2.describe_vpcs(Filters=mine)["Vpcs"]
        if found:
            vpc = found[0]["VpcId"]
        else:
            vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=_named("vpc"))["Vpc"][
                "VpcId"
            ]
        here = [*mine, {"Name": "vpc-id", "Values": [vpc]}]
        zones = [f"{ec2.meta.region_name}{letter}" for letter in "ab"]
        while True:
            subnets = [s["SubnetId"] for s in ec2.describe_subnets(Filters=here)["Subnets"]]
            if len(subnets) == len(zones):
                return vpc, subnets
            index = len(subnets)
            try:
                ec2.create_subnet(
                    VpcId=vpc,
                    CidrBlock=f"10.20.{index}.0/24",
                    AvailabilityZone=zones[index],
                    TagSpecifications=_named("subnet"),
                )
            except ClientError as error:
                # Worlds share the network, and another may be seeded at the same time.
                if error.response["Error"]["Code"] != "InvalidSubnet.Conflict":
                    raise

    def _load_balancer(self, subnets: list[str]) -> dict[str, Any]:
        elbv2 = self.aws.elbv2
        try:
            found = elbv2.describe_load_balancers(Names=[self.prefix])["LoadBalancers"]
        except elbv2.exceptions.LoadBalancerNotFoundException:
            found = elbv2.create_load_balancer(
                Name=self.prefix, Subnets=subnets, Scheme="internet-facing", Type="application"
            )["LoadBalancers"]
        balancer: dict[str, Any] = found[0]
        return balancer

    def _target_group(self, side: str, vpc: str) -> str:
        elbv2 = self.aws.elbv2
        name = f"{self.prefix}-{side}"
        try:
            found = elbv2.describe_target_groups(Names=[name])["TargetGroups"]
        except elbv2.exceptions.TargetGroupNotFoundException:
            found = elbv2.create_target_group(
                Name=name,
                Protocol="HTTP",
                Port=80,
                VpcId=vpc,
                TargetType="instance",
                HealthCheckPath="/health",
                HealthCheckIntervalSeconds=5,
                HealthCheckTimeoutSeconds=2,
                HealthyThresholdCount=2,
                UnhealthyThresholdCount=2,
            )["TargetGroups"]
            elbv2.modify_target_group_attributes(
                TargetGroupArn=found[0]["TargetGroupArn"],
                Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "2"}],
            )
        arn: str = found[0]["TargetGroupArn"]
        return arn

    def _listener(self, balancer: str) -> str:
        elbv2 = self.aws.elbv2
        found = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
        if not found:
            not_found = {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "no rule"}
            found = elbv2.create_listener(
                LoadBalancerArn=balancer,
                Protocol="HTTP",
                Port=80,
                DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": not_found}],
            )["Listeners"]
        arn: str = found[0]["ListenerArn"]
        return arn

    def _rule(self, listener: str, groups: Mapping[str, str]) -> str:
        elbv2 = self.aws.elbv2
        rules = elbv2.describe_rules(ListenerArn=listener)["Rules"]
        found = [rule for rule in rules if rule["Priority"] == "10"]
        if not found:
            weights = {"blue": STABLE_WEIGHT, "green": 0}
            forward = {
                "TargetGroups": [
                    {"TargetGroupArn": groups[side], "Weight": weight}
                    for side, weight in weights.items()
                ]
            }
            found = elbv2.create_rule(
                ListenerArn=listener,
                Priority=10,
                Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
                Actions=[{"Type": "forward", "ForwardConfig": forward}],
            )["Rules"]
        arn: str = found[0]["RuleArn"]
        return arn

    def _launch_template(self) -> str:
        ec2 = self.aws.ec2
        try:
            found = ec2.describe_launch_templates(LaunchTemplateNames=[self.prefix])
            template: str = found["LaunchTemplates"][0]["LaunchTemplateId"]
        except ClientError as error:
            if "NotFound" not in error.response["Error"]["Code"]:
                raise
            created = ec2.create_launch_template(
                LaunchTemplateName=self.prefix,
                LaunchTemplateData={
                    "ImageId": IMAGE_ID,
                    "InstanceType": "t3.micro",
                    "UserData": user_data(version="1"),
                },
            )
            template = created["LaunchTemplate"]["LaunchTemplateId"]
        return template

    def _fleet(
        self, side: str, template: str, subnets: list[str], target_group: str, *, minimum: int
    ) -> str:
        autoscaling = self.aws.autoscaling
        name = f"{self.prefix}-{side}"

        def describe() -> list[dict[str, Any]]:
            answer = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
            groups: list[dict[str, Any]] = answer["AutoScalingGroups"]
            return groups

        found = describe()
        if not found:
            autoscaling.create_auto_scaling_group(
                AutoScalingGroupName=name,
                LaunchTemplate={"LaunchTemplateId": template, "Version": "1"},
                MinSize=minimum,
                MaxSize=8,
                DesiredCapacity=minimum,
                VPCZoneIdentifier=",".join(subnets),
                TargetGroupARNs=[target_group],
                HealthCheckType="ELB",
                HealthCheckGracePeriod=300,
            )
            found = describe()
        arn: str = found[0]["AutoScalingGroupARN"]
        return arn

    def _alarms(self, balancer: str, green: str) -> dict[str, str]:
        names = {kind: f"{self.prefix}-{kind}" for kind in ("5xx", "latency", "composite")}
        found = self._describe_alarms(names.values())
        if len(found) < len(names):
            for name, spec in alarm_specifications(self.prefix, balancer, green).items():
                if name not in found:
                    self.aws.cloudwatch.put_metric_alarm(AlarmName=name, **spec)
            if names["composite"] not in found:
                self.aws.cloudwatch.put_composite_alarm(
                    AlarmName=names["composite"],
                    AlarmRule=f'ALARM("{names["5xx"]}") OR ALARM("{names["latency"]}")',
                )
            found = self._describe_alarms(names.values())
        return {kind: found[name]["AlarmArn"] for kind, name in names.items()}

    def _wait_until_ready(self, target_group: str, alarms: Mapping[str, str]) -> None:
        """A plan starts from a stable side that carries the traffic, and alarms that are OK."""
        names = [arn.rpartition(":")[2] for arn in alarms.values()]
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while True:
            answer = self.aws.elbv2.describe_target_health(TargetGroupArn=target_group)
            health = [d["TargetHealth"]["State"] for d in answer["TargetHealthDescriptions"]]
            states = [alarm["StateValue"] for alarm in self._describe_alarms(names).values()]
            if len(health) >= STABLE_INSTANCES and set(health + states) == {"healthy", "OK"}:
                return
            if time.monotonic() > deadline:
                raise LocalAwsError(
                    f"world {self.prefix} is not ready: the targets of blue are {health}, the "
                    f"alarms {states}. Was it changed since the seed? `reset` starts afresh."
                )
            time.sleep(0.05)

    def _describe_alarms(self, names: Iterable[str]) -> dict[str, Any]:
        answer = self.aws.cloudwatch.describe_alarms(
            AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        return {a["AlarmName"]: a for a in answer["MetricAlarms"] + answer["CompositeAlarms"]}


def alarm_specifications(prefix: str, balancer: str, group: str) -> dict[str, dict[str, Any]]:
    """The metric alarms of a world, by name, as PutMetricAlarm wants them."""
    shared = {
        "Namespace": "AWS/ApplicationELB",
        "Dimensions": [
            {"Name": "LoadBalancer", "Value": balancer.partition(":loadbalancer/")[2]},
            {"Name": "TargetGroup", "Value": group.rpartition(":")[2]},
        ],
        "Period": ALARM_PERIOD_SECONDS,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    return {
        f"{prefix}-5xx": {
            **shared,
            "MetricName": "HTTPCode_Target_5XX_Count",
            "Statistic": "Sum",
            "Threshold": 3.0,
        },
        f"{prefix}-latency": {
            **shared,
            "MetricName": "TargetResponseTime",
            "Statistic": "Average",
            "Threshold": 0.5,
        },
    }


def user_data(version: str, error_rate: float = 0.0, latency_ms: float = 0.0) -> str:
    """What a simulated instance reads at launch to know how to behave."""
    behaviour = {"version": version, "error_rate": error_rate, "latency_ms": latency_ms}
    return base64.b64encode(json.dumps(behaviour).encode()).decode()


def _named(resource: str) -> list[dict[str, Any]]:
    return [{"ResourceType": resource, "Tags": [{"Key": "Name", "Value": VPC_TAG}]}]


def wipe(endpoint: str) -> None:
    """Empty every service of a running LocalStack."""
    request = urllib.request.Request(f"{endpoint}/_tidegate/reset", method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def main() -> None:
    """Seed one world and print it as a line of JSON."""
    parser = argparse.ArgumentParser(description="Seed one world of the local AWS.")
    parser.add_argument("--prefix", default="checkout")
    parser.add_argument("--wipe-first", action="store_true")
    options = parser.parse_args()
    started = time.monotonic()
    clients = Clients.from_environment()
    if options.wipe_first:
        wipe(clients.elbv2.meta.endpoint_url)
    try:
        world = World(clients, options.prefix).seed()
    except LocalAwsError as error:
        sys.exit(f"tide-aws: {error}")
    print(json.dumps(world))
    print(f"tide-aws: seeded in {time.monotonic() - started:.2f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
