"""A snapshot shows what a roll-out changed, and is the same when nothing did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conftest import eventually
from tidegate_localstack.worlds.api import ApiWorld
from tidegate_localstack.worlds.codedeploy import CodeDeployWorld
from tidegate_localstack.worlds.dns import DnsWorld
from tidegate_localstack.worlds.events import EventWorld
from tidegate_localstack.worlds.shift import EcsWorld, LambdaWorld
from tidegate_localstack.worlds.snapshot import Snapshot
from tidegate_localstack.worlds.world import Clients

Aws = Callable[[str], Any]


def take(prefix: str) -> dict[str, Any]:
    return Snapshot(Clients.from_environment(), prefix).take()


def test_it_shows_weights_sizes_and_suspensions(aws: Aws, world: dict[str, Any]) -> None:
    prefix = world["prefix"]
    before = take(prefix)
    assert before["rules"][f"{prefix}:80 10"]["actions"] == [
        {"weights": {f"{prefix}-blue": 999, f"{prefix}-green": 0}}
    ]
    assert before["auto_scaling_groups"][f"{prefix}-blue"] == {
        "min": 2,
        "max": 8,
        "desired": 2,
        "suspended": [],
        "template_version": "1",
        "instances_by_version": {"1": 2},
        "target_groups": [f"{prefix}-blue"],
    }
    assert before["targets"] == {f"{prefix}-blue": 2, f"{prefix}-green": 0}
    group = {"AutoScalingGroupName": f"{prefix}-blue"}
    process = {**group, "ScalingProcesses": ["Terminate"]}
    aws("autoscaling").suspend_processes(**process)
    assert take(prefix) != before
    aws("autoscaling").resume_processes(**process)
    assert take(prefix) == before


def test_a_replaced_instance_changes_nothing(aws: Aws, world: dict[str, Any]) -> None:
    autoscaling, name = aws("autoscaling"), f"{world['prefix']}-blue"

    def instances() -> set[str]:
        answer = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        return {i["InstanceId"] for i in answer["AutoScalingGroups"][0]["Instances"]}

    before, old = take(world["prefix"]), instances()
    autoscaling.terminate_instance_in_auto_scaling_group(
        InstanceId=min(old), ShouldDecrementDesiredCapacity=False
    )
    eventually(lambda: len(instances()) == 2 and min(old) not in instances(), within=20)
    eventually(lambda: take(world["prefix"]) == before, within=20)


def test_it_knows_revisions_and_records(localstack: Any) -> None:
    clients = Clients.from_environment()
    CodeDeployWorld(clients, "snap").seed()
    DnsWorld(clients, "snapped").seed()
    revision = take("snap")["deployment_groups"]["snap/in-place"]["revision"]
    assert revision["s3Location"]["key"] == "v1.zip"
    assert take("snap")["records"] == {}
    records = take("snapped")["records"]
    weights = {key: record["Weight"] for key, record in records.items()}
    name = "app.snapped.example.com. CNAME"
    assert weights == {f"{name} blue": 255, f"{name} green": 0}


def test_it_knows_aliases_and_services(localstack: Any) -> None:
    clients = Clients.from_environment()
    LambdaWorld(clients, "snapshot-function").seed()
    EcsWorld(clients, "snapshot-service").seed()
    aliases = take("snapshot-function")["aliases"]
    assert aliases == {"snapshot-function:live": {"version": "1", "weights": {}}}
    service = take("snapshot-service")["services"]["snapshot-service"]
    assert service["definition"].endswith(":1")
    assert service["desired"] == 2


def test_it_shows_the_marks_of_runs_and_no_other_tags(aws: Aws, world: dict[str, Any]) -> None:
    prefix, mark = world["prefix"], {"Key": "tidegate:run:shop-1", "Value": "owner=ann"}
    before = take(prefix)
    assert before["marks"] == {}
    rule, group = world["rule"], f"{prefix}-blue"
    of_group = {"ResourceId": group, "ResourceType": "auto-scaling-group"}
    aws("elbv2").add_tags(ResourceArns=[rule], Tags=[mark, {"Key": "team", "Value": "shop"}])
    aws("autoscaling").create_or_update_tags(
        Tags=[{**mark, **of_group, "PropagateAtLaunch": False}]
    )
    assert take(prefix)["marks"] == {rule: [mark["Key"]], group: [mark["Key"]]}
    aws("elbv2").remove_tags(ResourceArns=[rule], TagKeys=[mark["Key"]])
    aws("autoscaling").delete_tags(Tags=[{"Key": mark["Key"], **of_group}])
    assert take(prefix) == before


def test_zones_and_deployment_groups_have_marks_too(aws: Aws) -> None:
    clients, mark = Clients.from_environment(), "tidegate:0123456789ab:shop-1"
    zone = DnsWorld(clients, "markdns").seed()["zone"]
    aws("route53").change_tags_for_resource(
        ResourceType="hostedzone", ResourceId=zone, AddTags=[{"Key": mark, "Value": "x"}]
    )
    assert take("markdns")["marks"] == {"markdns.example.com.": [mark]}
    CodeDeployWorld(clients, "markdeploy").seed()
    account, region = "000000000000", aws("codedeploy").meta.region_name
    arn = f"arn:aws:codedeploy:{region}:{account}:deploymentgroup:markdeploy/in-place"
    aws("codedeploy").tag_resource(ResourceArn=arn, Tags=[{"Key": mark, "Value": "x"}])
    assert take("markdeploy")["marks"] == {"markdeploy/in-place": [mark]}


def test_it_shows_what_reads_events_and_which_rules_send_them(aws: Aws, localstack: Any) -> None:
    assert localstack.endpoint
    world = EventWorld(Clients.from_environment(), "snap-events").seed()
    before = take("snap-events")
    (mapping,) = before["event_source_mappings"].values()
    assert (mapping["state"], mapping["BatchSize"]) == ("Enabled", 5)
    aws("lambda").update_event_source_mapping(UUID=world["event_source_mapping"], Enabled=False)
    rule = {"Name": "snap-events-orders", "EventBusName": "snap-events"}
    aws("events").disable_rule(**rule)

    def states() -> set[str]:
        taken = take("snap-events")
        described = (*taken["event_source_mappings"].values(), *taken["bus_rules"].values())
        return {each["state"] for each in described}

    eventually(lambda: states() == {"Disabled", "DISABLED"})
    aws("lambda").update_event_source_mapping(UUID=world["event_source_mapping"], Enabled=True)
    aws("events").enable_rule(**rule)
    eventually(lambda: take("snap-events") == before)


def test_it_shows_a_stage_and_its_canary(aws: Aws, localstack: Any) -> None:
    assert localstack.endpoint
    world = ApiWorld(Clients.from_environment(), "snap-api").seed()
    before = take("snap-api")
    assert before["stages"] == {
        "snap-api/prod": {
            "deployment": world["deployment"],
            "variables": {"alias": "live"},
            "canary": None,
        }
    }
    at = {"restApiId": world["api"], "stageName": "prod"}
    aws("apigateway").create_deployment(**at, canarySettings={"percentTraffic": 5.0})
    assert take("snap-api")["stages"]["snap-api/prod"]["canary"]["percentTraffic"] == 5.0
    removed = [{"op": "remove", "path": "/canarySettings"}]
    aws("apigateway").update_stage(**at, patchOperations=removed)
    assert take("snap-api") == before
