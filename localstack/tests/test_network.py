"""A network load balancer forwards connections by weight, and counts them as AWS does."""

from __future__ import annotations

import http.client
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conftest import eventually
from tidegate_localstack.process.instance import Record
from tidegate_localstack.worlds.network import NetworkWorld
from tidegate_localstack.worlds.world import Clients, user_data

Aws = Callable[[str], Any]
_numbers = itertools.count(1)


class Network:
    """One network world, and a client that opens connections to it."""

    def __init__(self, record: Record, aws: Aws) -> None:
        self.record, self.aws = record, aws
        self.world = NetworkWorld(Clients.from_environment(), f"net-{next(_numbers)}").seed()

    def connect(self) -> Callable[[], tuple[int, str]]:
        """Open a connection; each call of what is returned sends a request along it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.record.port, timeout=10)

        def ask() -> tuple[int, str]:
            connection.request("GET", "/", headers={"Host": self.world["dns_name"]})
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body)["version"] if answer.status == 200 else ""

        return ask

    def many(self, count: int) -> Counter[tuple[int, str]]:
        """One request along each of many connections."""
        return Counter(self.connect()() for _ in range(count))

    def weigh(self, blue: int, green: int) -> None:
        groups = self.world["target_groups"]
        entries = [
            {"TargetGroupArn": groups["blue"], "Weight": blue},
            {"TargetGroupArn": groups["green"], "Weight": green},
        ]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": entries}}
        self.aws("elbv2").modify_listener(
            ListenerArn=self.world["listener"], DefaultActions=[action]
        )

    def launch_green(self, **behaviour: Any) -> None:
        template = self.world["launch_template"]
        self.aws("ec2").create_launch_template_version(
            LaunchTemplateId=template,
            SourceVersion="1",
            LaunchTemplateData={"UserData": user_data("2", **behaviour)},
        )
        self.aws("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=f"{self.world['prefix']}-green",
            DesiredCapacity=2,
            LaunchTemplate={"LaunchTemplateId": template, "Version": "2"},
        )
        wanted = "healthy" if behaviour.get("healthy", True) else "unhealthy"
        eventually(lambda: self.health("green") == [wanted] * 2)

    def health(self, side: str) -> list[str]:
        group = self.world["target_groups"][side]
        answer = self.aws("elbv2").describe_target_health(TargetGroupArn=group)
        return [d["TargetHealth"]["State"] for d in answer["TargetHealthDescriptions"]]

    def metric(self, name: str, statistic: str, **more: str) -> float:
        """One value over the last minute, 0 when there is none."""
        now = datetime.now(UTC)
        where = {"LoadBalancer": self.world["load_balancer"].partition("loadbalancer/")[2], **more}
        points = self.aws("cloudwatch").get_metric_statistics(
            Namespace="AWS/NetworkELB",
            MetricName=name,
            Dimensions=[{"Name": k, "Value": v} for k, v in where.items()],
            StartTime=now - timedelta(seconds=60),
            EndTime=now + timedelta(seconds=2),
            Period=120,
            Statistics=[statistic],
        )["Datapoints"]
        return float(sum(p[statistic] for p in points))


@pytest.fixture
def network(localstack: Record, aws: Aws) -> Network:
    return Network(localstack, aws)


def test_it_is_called_a_network_load_balancer(network: Network) -> None:
    assert ":loadbalancer/net/net-" in network.world["load_balancer"]
    assert ":listener/net/net-" in network.world["listener"]
    found = network.aws("elbv2").describe_load_balancers(Names=[network.world["prefix"]])
    assert found["LoadBalancers"][0]["Type"] == "network"


def test_shares_of_connections_follow_the_weights(network: Network) -> None:
    network.launch_green()
    network.weigh(800, 200)
    total = 600
    green = network.many(total)[(200, "2")]
    assert abs(green - total * 0.2) <= 3.29 * math.sqrt(total * 0.2 * 0.8)


def test_a_connection_keeps_its_target_whatever_the_weights(network: Network) -> None:
    network.launch_green()
    old = network.connect()
    assert old() == (200, "1")
    network.weigh(0, 999)
    assert old() == (200, "1")
    assert network.connect()() == (200, "2")


def test_an_unhealthy_candidate_fails_open_and_fires_its_alarm(network: Network) -> None:
    network.launch_green(healthy=False)
    network.weigh(500, 500)
    assert {status for status, _ in network.many(40)} == {200}
    name = f"{network.world['prefix']}-unhealthy"

    def state() -> str:
        alarms = network.aws("cloudwatch").describe_alarms(AlarmNames=[name])
        value: str = alarms["MetricAlarms"][0]["StateValue"]
        return value

    eventually(lambda: state() == "ALARM", within=12)


def test_errors_the_application_reports_fire_its_alarm(network: Network) -> None:
    network.launch_green(error_rate=1.0)
    network.weigh(0, 999)
    network.many(20)
    name = f"{network.world['prefix']}-errors"
    cloudwatch = network.aws("cloudwatch")
    eventually(
        lambda: (
            cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]
            == "ALARM"
        ),
        within=6,
    )


def test_flows_and_hosts_are_counted_under_the_names_of_aws(network: Network) -> None:
    network.many(12)
    # They are published as they come, and these may fall into two rounds.
    assert eventually(lambda: network.metric("NewFlowCount", "Sum") == 12)
    assert network.metric("ActiveFlowCount", "Maximum") >= 12
    assert network.metric("ProcessedBytes", "Sum") > 12 * 20
    blue = network.world["target_groups"]["blue"].rpartition(":")[2]
    assert eventually(lambda: network.metric("HealthyHostCount", "Maximum", TargetGroup=blue)) == 2


def test_a_draining_target_keeps_the_connections_it_has(network: Network) -> None:
    ask = network.connect()
    ask()
    blue = network.world["target_groups"]["blue"]
    elbv2 = network.aws("elbv2")
    targets = elbv2.describe_target_health(TargetGroupArn=blue)["TargetHealthDescriptions"]
    process = {"ScalingProcesses": ["ReplaceUnhealthy", "AddToLoadBalancer"]}
    network.aws("autoscaling").suspend_processes(
        AutoScalingGroupName=f"{network.world['prefix']}-blue", **process
    )
    elbv2.deregister_targets(
        TargetGroupArn=blue, Targets=[{"Id": d["Target"]["Id"]} for d in targets]
    )
    assert set(network.health("blue")) == {"draining"}
    assert ask() == (200, "1")
    assert network.connect()()[0] == 503


def test_what_a_network_load_balancer_cannot_do_is_refused(
    network: Network, world: dict[str, Any]
) -> None:
    elbv2, listener = network.aws("elbv2"), network.world["listener"]
    with pytest.raises(ClientError, match="Rules are unsupported"):
        elbv2.create_rule(
            ListenerArn=listener,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": network.world["target_groups"]["blue"]}],
        )
    with pytest.raises(ClientError, match="IncompatibleProtocols"):
        elbv2.modify_listener(
            ListenerArn=listener,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": world["target_groups"]["blue"]}],
        )
    with pytest.raises(ClientError, match="less than or equal to 999"):
        network.weigh(1000, 0)


def test_a_port_in_the_host_chooses_the_listener(network: Network) -> None:
    network.launch_green()
    elbv2 = network.aws("elbv2")
    elbv2.create_listener(
        LoadBalancerArn=network.world["load_balancer"],
        Protocol="TCP",
        Port=8443,
        DefaultActions=[
            {"Type": "forward", "TargetGroupArn": network.world["target_groups"]["green"]}
        ],
    )
    network.world["dns_name"] += ":8443"
    assert network.connect()() == (200, "2")
