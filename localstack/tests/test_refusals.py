"""What AWS refuses and adds, beyond what its models tell, is refused and added here."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conftest import refused_as
from tidegate_localstack.process.instance import Record
from tidegate_localstack.worlds.world import Clients, World

Aws = Callable[[str], Any]
NOBODY = "i-0123456789abcdef0"


@pytest.fixture(scope="module")
def shop(localstack: Record) -> dict[str, Any]:
    """A world that nothing here changes for good."""
    assert localstack.endpoint
    return World(Clients.from_environment(), "refusals").seed()


@pytest.fixture
def default_rule(aws: Aws, shop: dict[str, Any]) -> str:
    rules = aws("elbv2").describe_rules(ListenerArn=shop["listener"])["Rules"]
    arn: str = next(rule["RuleArn"] for rule in rules if rule["IsDefault"])
    return arn


def test_a_group_that_exists_is_not_created_again(aws: Aws, shop: dict[str, Any]) -> None:
    name, autoscaling = shop["prefix"] + "-blue", aws("autoscaling")
    template = {"LaunchTemplateId": shop["launch_template"], "Version": "1"}
    sizes = {"MinSize": 0, "MaxSize": 1}
    with refused_as("AlreadyExists", f"A group with the name {name} already exists"):
        autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchTemplate=template,
            AvailabilityZones=["eu-west-1a"],
            **sizes,
        )
    answer = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    assert answer["AutoScalingGroups"][0]["MinSize"] == 2


def test_a_default_rule_belongs_to_its_listener(aws: Aws, default_rule: str) -> None:
    elbv2 = aws("elbv2")
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    with refused_as("OperationNotPermitted", "cannot be modified"):
        elbv2.modify_rule(RuleArn=default_rule, Actions=[answer])
    with refused_as("OperationNotPermitted", "cannot be deleted"):
        elbv2.delete_rule(RuleArn=default_rule)
    with refused_as("OperationNotPermitted"):
        elbv2.set_rule_priorities(RulePriorities=[{"RuleArn": default_rule, "Priority": 3}])
    described = elbv2.describe_rules(RuleArns=[default_rule])["Rules"][0]
    assert described["Actions"][0]["FixedResponseConfig"]["StatusCode"] == "404"


def test_no_rule_comes_after_50000(aws: Aws, shop: dict[str, Any]) -> None:
    forward = {"Type": "forward", "TargetGroupArn": shop["target_groups"]["blue"]}
    rule = {
        "ListenerArn": shop["listener"],
        "Conditions": [{"Field": "path-pattern", "Values": ["/late"]}],
        "Actions": [forward],
    }
    with refused_as("ValidationError", "less than or equal to 50000"):
        aws("elbv2").create_rule(Priority=50_001, **rule)
    created = aws("elbv2").create_rule(Priority=50_000, **rule)["Rules"][0]
    with refused_as("ValidationError", "less than or equal to 50000"):
        aws("elbv2").set_rule_priorities(
            RulePriorities=[{"RuleArn": created["RuleArn"], "Priority": 50_001}]
        )
    aws("elbv2").delete_rule(RuleArn=created["RuleArn"])


def test_a_forward_to_one_group_is_read_back_in_both_ways(aws: Aws, shop: dict[str, Any]) -> None:
    elbv2, arn = aws("elbv2"), shop["target_groups"]["blue"]
    config = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": 1}]}
    conditions = [{"Field": "path-pattern", "Values": ["/plain"]}]
    for number, way in enumerate(({"TargetGroupArn": arn}, {"ForwardConfig": config}), 21):
        created = elbv2.create_rule(
            ListenerArn=shop["listener"],
            Priority=number,
            Conditions=conditions,
            Actions=[{"Type": "forward", **way}],
        )["Rules"][0]
        read = elbv2.describe_rules(RuleArns=[created["RuleArn"]])["Rules"][0]
        for action in (created["Actions"][0], read["Actions"][0]):
            assert action["TargetGroupArn"] == arn
            assert action["ForwardConfig"]["TargetGroups"] == config["TargetGroups"]
            assert action["ForwardConfig"]["TargetGroupStickinessConfig"] == {"Enabled": False}
        # What was read can be written, as tools do.
        elbv2.modify_rule(RuleArn=created["RuleArn"], Actions=read["Actions"])
        elbv2.delete_rule(RuleArn=created["RuleArn"])


def test_a_rule_that_is_gone_is_not_deleted_again(aws: Aws, shop: dict[str, Any]) -> None:
    with refused_as("RuleNotFound"):
        aws("elbv2").delete_rule(RuleArn=shop["rule"] + "0")


def test_an_instance_nobody_has_is_no_target(aws: Aws, shop: dict[str, Any]) -> None:
    green = shop["target_groups"]["green"]
    with refused_as("InvalidTarget", NOBODY):
        aws("elbv2").register_targets(TargetGroupArn=green, Targets=[{"Id": NOBODY}])
    answer = aws("elbv2").describe_target_health(TargetGroupArn=green)
    assert answer["TargetHealthDescriptions"] == []


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("set_instance_protection", {"ProtectedFromScaleIn": True}),
        ("enter_standby", {"ShouldDecrementDesiredCapacity": True}),
        ("exit_standby", {}),
        ("detach_instances", {"ShouldDecrementDesiredCapacity": True}),
        ("attach_instances", {}),
    ],
)
def test_an_instance_that_is_not_of_the_group_is_refused(
    aws: Aws, shop: dict[str, Any], operation: str, more: dict[str, Any]
) -> None:
    named = {"AutoScalingGroupName": shop["prefix"] + "-blue", "InstanceIds": [NOBODY]}
    with refused_as("ValidationError", NOBODY):
        getattr(aws("autoscaling"), operation)(**named, **more)


def test_an_instance_of_no_group_has_no_health(aws: Aws, shop: dict[str, Any]) -> None:
    assert shop
    with refused_as("ValidationError", NOBODY):
        aws("autoscaling").set_instance_health(InstanceId=NOBODY, HealthStatus="Unhealthy")


def test_a_health_that_there_is_not_is_refused(aws: Aws, shop: dict[str, Any]) -> None:
    answer = aws("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[shop["prefix"] + "-blue"]
    )
    instance = answer["AutoScalingGroups"][0]["Instances"][0]["InstanceId"]
    with refused_as("ValidationError", "[Healthy, Unhealthy]"):
        aws("autoscaling").set_instance_health(InstanceId=instance, HealthStatus="Tired")


@pytest.mark.parametrize("operation", ["suspend_processes", "resume_processes"])
def test_a_process_that_there_is_not_is_refused(
    aws: Aws, shop: dict[str, Any], operation: str
) -> None:
    call = getattr(aws("autoscaling"), operation)
    group = {"AutoScalingGroupName": shop["prefix"] + "-green"}
    with refused_as("ValidationError", "Lunch"):
        call(ScalingProcesses=["Launch", "Lunch"], **group)
    answer = aws("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[group["AutoScalingGroupName"]]
    )
    assert answer["AutoScalingGroups"][0]["SuspendedProcesses"] == []


def test_a_target_group_that_there_is_not_is_not_attached(aws: Aws, shop: dict[str, Any]) -> None:
    with refused_as("ValidationError", "Provided Target Groups may not be valid"):
        aws("autoscaling").attach_load_balancer_target_groups(
            AutoScalingGroupName=shop["prefix"] + "-green",
            TargetGroupARNs=[shop["target_groups"]["green"] + "0"],
        )


@pytest.mark.parametrize("identifier", ["d-short", "d-abcdefghi", "checkout", "d-ABCDEFGHIJ"])
@pytest.mark.parametrize(
    "operation",
    [
        "get_deployment",
        "stop_deployment",
        "continue_deployment",
        "list_deployment_targets",
        "batch_get_deployments",
    ],
)
def test_what_is_no_deployment_id_is_called_that(
    aws: Aws, localstack: Record, operation: str, identifier: str
) -> None:
    assert localstack
    many = operation == "batch_get_deployments"
    named = {"deploymentIds": [identifier]} if many else {"deploymentId": identifier}
    with refused_as("InvalidDeploymentIdException", identifier):
        getattr(aws("codedeploy"), operation)(**named)


def test_a_deployment_that_there_is_not_is_not_found(aws: Aws, localstack: Record) -> None:
    assert localstack
    with refused_as("DeploymentDoesNotExistException", "d-ABCDEFGHI"):
        aws("codedeploy").get_deployment(deploymentId="d-ABCDEFGHI")


def test_a_predefined_configuration_stays(aws: Aws, localstack: Record) -> None:
    assert localstack
    codedeploy, name = aws("codedeploy"), "CodeDeployDefault.OneAtATime"
    with refused_as("InvalidOperationException", name):
        codedeploy.delete_deployment_config(deploymentConfigName=name)
    assert codedeploy.get_deployment_config(deploymentConfigName=name)


@pytest.fixture
def application(aws: Aws, localstack: Record) -> str:
    """An application with a deployment group of its name and a configuration of its name."""
    assert localstack
    codedeploy, name = aws("codedeploy"), f"app-{uuid.uuid4().hex[:8]}"
    codedeploy.create_application(applicationName=name)
    healthy = {"type": "HOST_COUNT", "value": 1}
    codedeploy.create_deployment_config(deploymentConfigName=name, minimumHealthyHosts=healthy)
    codedeploy.create_deployment_group(
        applicationName=name,
        deploymentGroupName=name,
        deploymentConfigName=name,
        serviceRoleArn="arn:aws:iam::000000000000:role/deploy",
    )
    return name


def test_a_configuration_in_use_stays(aws: Aws, application: str) -> None:
    with refused_as("DeploymentConfigInUseException", application):
        aws("codedeploy").delete_deployment_config(deploymentConfigName=application)


def test_ids_of_metric_queries_begin_with_a_small_letter(aws: Aws, localstack: Record) -> None:
    assert localstack
    metric = {"Namespace": "Shop", "MetricName": "Orders"}
    query = {"MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    now = datetime.now(UTC)
    span = {"StartTime": now - timedelta(minutes=5), "EndTime": now}
    for wrong in ("Orders", "1orders", "_orders", "or-ders"):
        with refused_as("ValidationError", "is not matching the expected pattern"):
            aws("cloudwatch").get_metric_data(
                MetricDataQueries=[{"Id": "good", **query}, {"Id": wrong, **query}], **span
            )
    with refused_as("ValidationError", "are not unique"):
        aws("cloudwatch").get_metric_data(MetricDataQueries=[{"Id": "twice", **query}] * 2, **span)
    answer = aws("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "o_1Rders", **query}], **span
    )
    assert answer["MetricDataResults"][0]["Id"] == "o_1Rders"
