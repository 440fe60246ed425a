"""Requests to a load balancer reach real programs, split by rule, weight and cookie."""

from __future__ import annotations

import base64
import json
import math
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from conftest import eventually
from tidegate_localstack.emulated import instances
from tidegate_localstack.process.instance import Instance, Record
from tidegate_localstack.worlds.world import Clients, World

Aws = Callable[[str], Any]


class Balancer:
    """A client of one world's load balancer, with version 2 behind green."""

    def __init__(self, record: Record, aws: Aws, world: dict[str, Any]) -> None:
        self.world, self.aws = world, aws
        self.pool = urllib3.HTTPConnectionPool("127.0.0.1", record.port, maxsize=8, retries=False)

    def get(self, path: str = "/", **headers: str) -> urllib3.BaseHTTPResponse:
        host = f"{self.world['prefix']}.elb.localhost.localstack.cloud"
        return self.pool.request("GET", path, headers={"Host": host, **headers})

    def many(self, count: int) -> Counter[tuple[int, str]]:
        """How often each status and version was answered."""

        def one(_number: int) -> tuple[int, str]:
            answer = self.get()
            return answer.status, answer.json()["version"] if answer.status < 501 else ""

        with ThreadPoolExecutor(8) as threads:
            return Counter(threads.map(one, range(count)))

    def launch_green(self, **behaviour: Any) -> None:
        data = json.dumps({"version": "2", **behaviour})
        template = self.world["launch_template"]
        self.aws("ec2").create_launch_template_version(
            LaunchTemplateId=template,
            SourceVersion="1",
            LaunchTemplateData={"UserData": base64.b64encode(data.encode()).decode()},
        )
        self.aws("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=f"{self.world['prefix']}-green",
            DesiredCapacity=2,
            LaunchTemplate={"LaunchTemplateId": template, "Version": "2"},
        )
        eventually(lambda: self.health("green") == ["healthy"] * 2)

    def health(self, side: str) -> list[str]:
        group = self.world["target_groups"][side]
        answer = self.aws("elbv2").describe_target_health(TargetGroupArn=group)
        return [d["TargetHealth"]["State"] for d in answer["TargetHealthDescriptions"]]

    def weigh(self, blue: int, green: int, **config: Any) -> None:
        groups = self.world["target_groups"]
        entries = [
            {"TargetGroupArn": groups["blue"], "Weight": blue},
            {"TargetGroupArn": groups["green"], "Weight": green},
        ]
        forward = {"TargetGroups": entries, **config}
        action = {"Type": "forward", "ForwardConfig": forward}
        self.aws("elbv2").modify_rule(RuleArn=self.world["rule"], Actions=[action])


@pytest.fixture
def balancer(localstack: Record, aws: Aws, world: dict[str, Any]) -> Balancer:
    return Balancer(localstack, aws, world)


def test_all_requests_go_to_the_side_with_all_the_weight(balancer: Balancer) -> None:
    assert balancer.many(50) == {(200, "1"): 50}


def test_shares_follow_the_weights(balancer: Balancer) -> None:
    balancer.launch_green()
    balancer.weigh(900, 100)
    total = 1000
    green = balancer.many(total)[(200, "2")]
    # 3.29 standard deviations either side hold 99.9 % of a binomial distribution.
    assert abs(green - total * 0.1) <= 3.29 * math.sqrt(total * 0.1 * 0.9)


def test_a_cookie_pins_a_client_to_its_group(balancer: Balancer) -> None:
    balancer.launch_green()
    sticky = {"Enabled": True, "DurationSeconds": 60}
    balancer.weigh(0, 1, TargetGroupStickinessConfig=sticky)
    cookie = balancer.get().headers["Set-Cookie"].partition(";")[0]
    balancer.weigh(1, 0, TargetGroupStickinessConfig=sticky)
    assert balancer.get(Cookie=cookie).json()["version"] == "2"
    assert balancer.get().json()["version"] == "1"


def test_a_header_rule_comes_before_the_weights(balancer: Balancer) -> None:
    balancer.launch_green()
    header = {"HttpHeaderName": "X-Candidate", "Values": ["yes"]}
    balancer.aws("elbv2").create_rule(
        ListenerArn=balancer.world["listener"],
        Priority=5,
        Conditions=[{"Field": "http-header", "HttpHeaderConfig": header}],
        Actions=[
            {"Type": "forward", "TargetGroupArn": balancer.world["target_groups"]["green"]},
        ],
    )
    assert balancer.get(**{"X-Candidate": "yes"}).json()["version"] == "2"
    assert balancer.get().json()["version"] == "1"


def test_without_any_rule_the_default_action_answers(balancer: Balancer) -> None:
    balancer.aws("elbv2").delete_rule(RuleArn=balancer.world["rule"])
    assert (balancer.get().status, balancer.get().data) == (404, b"no rule")


def test_without_targets_the_answer_is_503(balancer: Balancer) -> None:
    balancer.weigh(0, 1)
    assert balancer.get().status == 503


def test_with_no_healthy_target_requests_go_to_all(balancer: Balancer) -> None:
    balancer.pool.request(
        "POST",
        "/_tidegate/behaviour",
        json={"group": f"{balancer.world['prefix']}-blue", "healthy": False},
    )
    eventually(lambda: balancer.health("blue") == ["unhealthy"] * 2)
    assert balancer.many(20) == {(200, "1"): 20}


def test_errors_of_a_bad_version_fire_the_alarm(balancer: Balancer) -> None:
    balancer.launch_green(error_rate=1.0)
    balancer.weigh(500, 500)
    balancer.many(40)
    name = f"{balancer.world['prefix']}-5xx"

    def state() -> str:
        answer = balancer.aws("cloudwatch").describe_alarms(AlarmNames=[name])
        value: str = answer["MetricAlarms"][0]["StateValue"]
        return value

    eventually(lambda: state() == "ALARM", within=6)


def test_a_response_takes_as_long_as_its_program_and_not_as_the_machine(
    balancer: Balancer,
) -> None:
    balancer.launch_green(latency_ms=30)
    balancer.weigh(0, 1)
    # Many at once wait for each other, which is not the target's doing.
    assert balancer.many(100) == {(200, "2"): 100}
    assert instances.TOOK not in balancer.get().headers

    name = balancer.world["load_balancer"].partition(":loadbalancer/")[2]

    def worst() -> float | None:
        now = datetime.now(UTC)
        points = balancer.aws("cloudwatch").get_metric_statistics(
            Namespace="AWS/ApplicationELB",
            MetricName="TargetResponseTime",
            Dimensions=[{"Name": "LoadBalancer", "Value": name}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        return max((point["Maximum"] for point in points), default=None)

    # What one program needs besides its latency is far below a hundredth of a second of CPU.
    assert 0.03 <= eventually(worst) < 0.04


def test_scaling_in_under_load_loses_no_request(balancer: Balancer) -> None:
    with ThreadPoolExecutor(1) as background:
        load = background.submit(balancer.many, 1500)
        balancer.aws("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=f"{balancer.world['prefix']}-blue", MinSize=1, DesiredCapacity=1
        )
        eventually(lambda: len(balancer.health("blue")) == 1)
        assert load.result() == {(200, "1"): 1500}


def test_old_weights_stay_in_effect_until_a_change_has_propagated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_PROPAGATION_SECONDS", "1.5")
    instance = Instance(tmp_path)
    record, _ = instance.up(0)
    try:
        clients = Clients.at(record.endpoint)
        world = World(clients, "slow").seed()
        balancer = Balancer(record, lambda name: getattr(clients, name), world)
        balancer.weigh(0, 1)
        assert balancer.get().status == 200
        eventually(lambda: balancer.get().status == 503)
    finally:
        instance.down()
