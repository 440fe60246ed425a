"""The AWS resources of one prefix: found, or created in the order they depend on each other.

What every kind of world is made of is here: a network, load balancers, target groups, Auto Scaling
groups, launch templates and alarms. `World` itself is the plain one: a load balancer whose one rule
splits traffic between a blue and a green target group, an Auto Scaling group behind each, and the
alarms that watch green. Worlds with different prefixes share nothing but the VPC, so tests run side
by side in one LocalStack. Seeding twice changes nothing.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterable, Mapping
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
NOT_FOUND = {
    "Type": "fixed-response",
    "FixedResponseConfig": {
        "StatusCode": "404",
        "ContentType": "text/plain",
        "MessageBody": "no rule",
    },
}
"""What a listener answers when no rule applies."""
READY_TIMEOUT_SECONDS = 30.0


class Clients:
    """The AWS clients a seed needs, each made when first used."""

    def __init__(self, endpoint: str | None, session: Any = boto3) -> None:
        self._endpoint, self._session = endpoint, session
        self._making = threading.Lock()

    @staticmethod
    def at(endpoint: str | None) -> Clients:
        """Clients of the AWS at this endpoint."""
        return Clients(endpoint)

    @staticmethod
    def from_environment() -> Clients:
        """Clients of the AWS that AWS_ENDPOINT_URL names; credentials come from there, too."""
        return Clients(None)

    def __getattr__(self, service: str) -> Any:
        if service.startswith("_"):
            raise AttributeError(service)
        config = Config(retries={"max_attempts": 2}, tcp_keepalive=True)
        # Clients may be shared by threads, and may not be made by several at once.
        with self._making:
            if service not in vars(self):
                made = self._session.client(service, endpoint_url=self._endpoint, config=config)
                setattr(self, service, made)
        return vars(self)[service]


class World:
    """Finds or creates each resource of one prefix, in the order they depend on each other."""

    def __init__(self, clients: Clients, prefix: str) -> None:
        self.aws = clients
        self.prefix = prefix

    def named(self, part: str) -> str:
        """The name of a part of this world."""
        return f"{self.prefix}-{part}"

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        vpc, subnets = self.network()
        balancer = self.load_balancer(subnets)
        groups = {side: self.target_group(side, vpc) for side in ("blue", "green")}
        listener = self.listener(balancer["LoadBalancerArn"], NOT_FOUND)
        rule = self.rule(listener, weighted(groups))
        template = self.launch_template()
        fleets = self.blue_and_green(template, subnets, groups)
        alarms = self.alarms(target_group_alarms(balancer["LoadBalancerArn"], groups["green"]))
        news = self.alarm_news()
        self.wait_until_ready(groups["blue"], alarms)
        return {
            "kind": "alb",
            "prefix": self.prefix,
            "load_balancer": balancer["LoadBalancerArn"],
            "dns_name": balancer["DNSName"],
            "listener": listener,
            "rule": rule,
            "target_groups": groups,
            "launch_template": template,
            "auto_scaling_groups": fleets,
            "alarms": alarms,
            "alarm_news": news,
        }

    def network(self) -> tuple[str, list[str]]:
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
                    # Room for all instances of a long test run: moto hands out no address twice.
                    CidrBlock=f"10.20.{16 * index}.0/20",
                    AvailabilityZone=zones[index],
                    TagSpecifications=_named("subnet"),
                )
            except ClientError as error:
                # Worlds share the network, and another may be seeded at the same time.
                if error.response["Error"]["Code"] != "InvalidSubnet.Conflict":
                    raise

    def load_balancer(
        self, subnets: list[str], *, kind: str = "application", name: str | None = None
    ) -> dict[str, Any]:
        """The load balancer, named as the world unless told otherwise."""
        elbv2 = self.aws.elbv2
        try:
            found = elbv2.describe_load_balancers(Names=[name or self.prefix])["LoadBalancers"]
        except elbv2.exceptions.LoadBalancerNotFoundException:
            found = elbv2.create_load_balancer(
                Name=name or self.prefix, Subnets=subnets, Scheme="internet-facing", Type=kind
            )["LoadBalancers"]
        balancer: dict[str, Any] = found[0]
        return balancer

    def target_group(self, side: str, vpc: str, *, protocol: str = "HTTP") -> str:
        """The target group of one side, checked at /health."""
        elbv2 = self.aws.elbv2
        name = self.named(side)
        try:
            found = elbv2.describe_target_groups(Names=[name])["TargetGroups"]
        except elbv2.exceptions.TargetGroupNotFoundException:
            found = elbv2.create_target_group(
                Name=name,
                Protocol=protocol,
                Port=80,
                VpcId=vpc,
                TargetType="instance",
                HealthCheckProtocol="HTTP",
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

    def listener(
        self, balancer: str, default: dict[str, Any], *, protocol: str = "HTTP", port: int = 80
    ) -> str:
        """The listener of a port, with its default action."""
        elbv2 = self.aws.elbv2
        listeners = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
        found = [one for one in listeners if one["Port"] == port]
        if not found:
            found = elbv2.create_listener(
                LoadBalancerArn=balancer, Protocol=protocol, Port=port, DefaultActions=[default]
            )["Listeners"]
        arn: str = found[0]["ListenerArn"]
        return arn

    def rule(self, listener: str, action: dict[str, Any]) -> str:
        """The rule of priority 10, which covers every path."""
        elbv2 = self.aws.elbv2
        rules = elbv2.describe_rules(ListenerArn=listener)["Rules"]
        found = [rule for rule in rules if rule["Priority"] == "10"]
        if not found:
            found = elbv2.create_rule(
                ListenerArn=listener,
                Priority=10,
                Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
                Actions=[action],
            )["Rules"]
        arn: str = found[0]["RuleArn"]
        return arn

    def launch_template(self, version: str = "1") -> str:
        """The launch template, whose version 1 runs this version of the software."""
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
                    "UserData": user_data(version),
                },
            )
            template = created["LaunchTemplate"]["LaunchTemplateId"]
        return template

    def blue_and_green(
        self, template: str, subnets: list[str], groups: Mapping[str, str]
    ) -> dict[str, str]:
        """The two Auto Scaling groups: blue has instances, green none yet."""
        sizes = {"blue": STABLE_INSTANCES, "green": 0}
        return {
            side: self.fleet(self.named(side), template, subnets, groups[side], minimum=size)
            for side, size in sizes.items()
        }

    def fleet(
        self,
        name: str,
        template: str,
        subnets: list[str],
        target_group: str | None,
        *,
        minimum: int,
    ) -> str:
        """An Auto Scaling group, its instances as targets unless there is no target group."""
        autoscaling = self.aws.autoscaling

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
                TargetGroupARNs=[target_group] if target_group else [],
                HealthCheckType="ELB",
                HealthCheckGracePeriod=300,
            )
            found = describe()
        arn: str = found[0]["AutoScalingGroupARN"]
        return arn

    def alarms(self, specifications: Mapping[str, dict[str, Any]]) -> dict[str, str]:
        """The metric alarms given by kind, and `composite`, which is any of them; their ARNs."""
        names = {kind: self.named(kind) for kind in (*specifications, "composite")}
        found = self.describe_alarms(names.values())
        if len(found) < len(names):
            for kind, spec in specifications.items():
                if names[kind] not in found:
                    self.aws.cloudwatch.put_metric_alarm(AlarmName=names[kind], **spec)
            if names["composite"] not in found:
                any_of = " OR ".join(f'ALARM("{names[kind]}")' for kind in specifications)
                self.aws.cloudwatch.put_composite_alarm(
                    AlarmName=names["composite"], AlarmRule=any_of
                )
            found = self.describe_alarms(names.values())
        return {kind: found[name]["AlarmArn"] for kind, name in names.items()}

    def alarm_news(self) -> str:
        """The URL of the queue that a rule fills with the changes of this world's alarms."""
        name, events = self.named("alarms"), self.aws.events
        url: str = self.aws.sqs.create_queue(QueueName=name)["QueueUrl"]
        pattern = {
            "source": ["aws.cloudwatch"],
            "detail-type": ["CloudWatch Alarm State Change"],
            "detail": {"alarmName": [{"prefix": self.named("")}]},
        }
        rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": _queue_beside(rule, name)}])
        return url

    def wait_until_ready(
        self, target_group: str, alarms: Mapping[str, str], instances: int = STABLE_INSTANCES
    ) -> None:
        """A plan starts from a stable side that carries the traffic, and alarms that are OK."""
        names = [arn.rpartition(":")[2] for arn in alarms.values()]
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while True:
            answer = self.aws.elbv2.describe_target_health(TargetGroupArn=target_group)
            health = [d["TargetHealth"]["State"] for d in answer["TargetHealthDescriptions"]]
            states = [alarm["StateValue"] for alarm in self.describe_alarms(names).values()]
            if len(health) >= instances and set(health + states) == {"healthy", "OK"}:
                return
            if time.monotonic() > deadline:
                raise LocalAwsError(
                    f"world {self.prefix} is not ready: the targets of blue are {health}, the "
                    f"alarms {states}. Was it changed since the seed? `reset` starts afresh."
                )
            time.sleep(0.05)

    def describe_alarms(self, names: Iterable[str]) -> dict[str, Any]:
        answer = self.aws.cloudwatch.describe_alarms(
            AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        return {a["AlarmName"]: a for a in answer["MetricAlarms"] + answer["CompositeAlarms"]}


def _queue_beside(rule: str, name: str) -> str:
    """The ARN of a queue in the account and region of a rule."""
    _arn, partition, _events, region, account, *_ = rule.split(":")
    return f"arn:{partition}:sqs:{region}:{account}:{name}"


def weighted(groups: Mapping[str, str]) -> dict[str, Any]:
    """A forward action that gives blue everything."""
    weights = {"blue": STABLE_WEIGHT, "green": 0}
    entries = [{"TargetGroupArn": groups[s], "Weight": w} for s, w in weights.items()]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": entries}}


def alarm(
    namespace: str, metric: str, statistic: str, above: float, **dimensions: str
) -> dict[str, Any]:
    """A metric alarm as PutMetricAlarm wants it; missing data does not breach it."""
    return {
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Statistic": statistic,
        "Threshold": above,
        "Period": ALARM_PERIOD_SECONDS,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }


def in_metrics(balancer: str, group: str) -> dict[str, str]:
    """A load balancer and a target group as dimensions name them."""
    return {
        "LoadBalancer": balancer.partition(":loadbalancer/")[2],
        "TargetGroup": group.rpartition(":")[2],
    }


def target_group_alarms(balancer: str, group: str) -> dict[str, dict[str, Any]]:
    """What an ordinary user watches of a target group behind an application load balancer."""
    where, space = in_metrics(balancer, group), "AWS/ApplicationELB"
    return {
        "5xx": alarm(space, "HTTPCode_Target_5XX_Count", "Sum", 3.0, **where),
        "latency": alarm(space, "TargetResponseTime", "Average", 0.5, **where),
    }


def user_data(version: str, **behaviour: Any) -> str:
    """What a simulated instance reads at launch to know how to behave."""
    behaviour = {"version": version, "error_rate": 0.0, "latency_ms": 0.0, **behaviour}
    return base64.b64encode(json.dumps(behaviour).encode()).decode()


def _named(resource: str) -> list[dict[str, Any]]:
    return [{"ResourceType": resource, "Tags": [{"Key": "Name", "Value": VPC_TAG}]}]
