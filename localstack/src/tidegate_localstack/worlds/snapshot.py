"""Prints what a roll-out may change, as one JSON document that is the same when nothing changed.

A roll-back promises the world as it was. What was is compared with what is by two of these: the
actions of every listener and rule, the sizes, suspensions and versions of every group, every DNS
record, the last good revision of every deployment group, the number of targets, Lambda aliases, ECS
services, event source mappings, rules of buses, stages of REST APIs, and the marks that runs leave
as tags. Names stand for ARNs, lists are sorted, and what moves by itself (ids of instances, health,
times, the history of refreshes and deployments) is left out.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tidegate_localstack.worlds import snapshot_events
from tidegate_localstack.worlds.lists import Lists
from tidegate_localstack.worlds.world import Clients


class Snapshot:
    """Describes the resources whose name is a prefix, or begins with it and a hyphen, once."""

    def __init__(self, clients: Clients, prefix: str | None) -> None:
        self._aws, self._prefix = clients, prefix
        self._lists = Lists(clients)

    def _ours(self, name: str) -> bool:
        return self._prefix is None or f"{name}-".startswith(f"{self._prefix}-")

    def take(self) -> dict[str, Any]:
        """The whole document."""
        return {
            "rules": dict(self._rules()),
            "auto_scaling_groups": dict(self._groups()),
            "records": dict(self._records()),
            "deployment_groups": dict(self._deployment_groups()),
            "targets": dict(self._targets()),
            "aliases": dict(self._aliases()),
            "services": dict(self._services()),
            "event_source_mappings": dict(snapshot_events.mappings(self._lists, self._ours)),
            "bus_rules": dict(snapshot_events.bus_rules(self._lists, self._ours)),
            "stages": dict(snapshot_events.stages(self._lists, self._ours)),
            "marks": dict(self._marks()),
        }

    def _rules(self) -> Iterator[tuple[str, Any]]:
        """By load balancer, port and priority."""
        for balancer in self._lists.of("elbv2", "describe_load_balancers", "LoadBalancers"):
            if not self._ours(balancer["LoadBalancerName"]):
                continue
            at = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
            for listener in self._lists.of("elbv2", "describe_listeners", "Listeners", **at):
                where = f"{balancer['LoadBalancerName']}:{listener['Port']}"
                yield f"{where} default", [_action(a) for a in listener["DefaultActions"]]
                of = {"ListenerArn": listener["ListenerArn"]}
                for rule in self._lists.of("elbv2", "describe_rules", "Rules", **of):
                    if not rule["IsDefault"]:
                        actions = [_action(action) for action in rule["Actions"]]
                        kept = {"conditions": rule["Conditions"], "actions": actions}
                        yield f"{where} {rule['Priority']}", kept

    def _groups(self) -> Iterator[tuple[str, Any]]:
        for group in self._lists.of(
            "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"
        ):
            if self._ours(group["AutoScalingGroupName"]):
                serving = [i for i in group["Instances"] if i["LifecycleState"] == "InService"]
                versions = Counter(_version(instance) for instance in serving)
                yield (
                    group["AutoScalingGroupName"],
                    {
                        "min": group["MinSize"],
                        "max": group["MaxSize"],
                        "desired": group["DesiredCapacity"],
                        "suspended": sorted(p["ProcessName"] for p in group["SuspendedProcesses"]),
                        "template_version": _version(group),
                        "instances_by_version": dict(versions),
                        "target_groups": sorted(_name(arn) for arn in group["TargetGroupARNs"]),
                    },
                )

    def _records(self) -> Iterator[tuple[str, Any]]:
        """By name, type and set identifier; what makes up a zone itself is left out."""
        for zone in self._lists.of("route53", "list_hosted_zones", "HostedZones"):
            if self._prefix is not None and not zone["Name"].startswith(f"{self._prefix}."):
                continue
            in_zone = {"HostedZoneId": zone["Id"]}
            for record in self._lists.of(
                "route53", "list_resource_record_sets", "ResourceRecordSets", **in_zone
            ):
                if record["Type"] not in ("NS", "SOA"):
                    key = (record["Name"], record["Type"], record.get("SetIdentifier", ""))
                    yield " ".join(key).rstrip(), record

    def _deployment_groups(self) -> Iterator[tuple[str, Any]]:
        codedeploy = self._aws.codedeploy
        for application in self._lists.of("codedeploy", "list_applications", "applications"):
            if not self._ours(application):
                continue
            of = {"applicationName": application}
            for name in self._lists.of(
                "codedeploy", "list_deployment_groups", "deploymentGroups", **of
            ):
                info = codedeploy.get_deployment_group(**of, deploymentGroupName=name)[
                    "deploymentGroupInfo"
                ]
                last = info.get("lastSuccessfulDeployment", {}).get("deploymentId")
                revision = None
                if last:
                    found = codedeploy.get_deployment(deploymentId=last)["deploymentInfo"]
                    revision = found.get("revision")
                groups = [group["name"] for group in info.get("autoScalingGroups", [])]
                kept = {"revision": revision, "auto_scaling_groups": sorted(groups)}
                yield f"{application}/{name}", kept

    def _marks(self) -> Iterator[tuple[str, list[str]]]:
        """The keys of tidegate's own tags, by the thing that has them."""
        for thing, tags in self._tagged():
            keys = sorted(key for key in tags if key.startswith("tidegate:"))
            if keys:
                yield thing, keys

    def _tagged(self) -> Iterator[tuple[str, list[str]]]:
        for arn in self._listeners_and_rules():
            described = self._aws.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"]
            yield arn, [tag["Key"] for found in described for tag in found["Tags"]]
        for group in self._lists.of(
            "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"
        ):
            if self._ours(group["AutoScalingGroupName"]):
                yield group["AutoScalingGroupName"], [tag["Key"] for tag in group["Tags"]]
        for zone in self._lists.of("route53", "list_hosted_zones", "HostedZones"):
            if self._prefix is None or zone["Name"].startswith(f"{self._prefix}."):
                name = zone["Id"].rpartition("/")[2]
                found = self._aws.route53.list_tags_for_resource(
                    ResourceType="hostedzone", ResourceId=name
                )
                yield zone["Name"], [tag["Key"] for tag in found["ResourceTagSet"]["Tags"]]
        for group, arn in self._deployment_group_arns():
            found = self._aws.codedeploy.list_tags_for_resource(ResourceArn=arn)
            yield group, [tag["Key"] for tag in found["Tags"]]
        for stage, arn in snapshot_events.stage_arns(self._lists, self._ours):
            yield stage, list(self._aws.apigateway.get_tags(resourceArn=arn)["tags"])
        for rule, arn in snapshot_events.rule_arns(self._lists, self._ours):
            found = self._aws.events.list_tags_for_resource(ResourceARN=arn)
            yield rule, [tag["Key"] for tag in found["Tags"]]
        yield from snapshot_events.mapping_tags(self._lists, self._ours)

    def _listeners_and_rules(self) -> Iterator[str]:
        for balancer in self._lists.of("elbv2", "describe_load_balancers", "LoadBalancers"):
            if self._ours(balancer["LoadBalancerName"]):
                at = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
                for listener in self._lists.of("elbv2", "describe_listeners", "Listeners", **at):
                    yield listener["ListenerArn"]
                    of = {"ListenerArn": listener["ListenerArn"]}
                    rules = self._lists.of("elbv2", "describe_rules", "Rules", **of)
                    yield from (rule["RuleArn"] for rule in rules if not rule["IsDefault"])

    def _deployment_group_arns(self) -> Iterator[tuple[str, str]]:
        codedeploy = self._aws.codedeploy
        account = self._aws.sts.get_caller_identity()["Account"]
        beginning = f"arn:aws:codedeploy:{codedeploy.meta.region_name}:{account}:deploymentgroup"
        for application in self._lists.of("codedeploy", "list_applications", "applications"):
            if self._ours(application):
                for name in self._lists.of(
                    "codedeploy",
                    "list_deployment_groups",
                    "deploymentGroups",
                    applicationName=application,
                ):
                    group = f"{application}/{name}"
                    yield group, f"{beginning}:{group}"

    def _targets(self) -> Iterator[tuple[str, int]]:
        """How many targets each group has, those on their way out not counted."""
        for group in self._lists.of("elbv2", "describe_target_groups", "TargetGroups"):
            if self._ours(group["TargetGroupName"]):
                answer = self._aws.elbv2.describe_target_health(
                    TargetGroupArn=group["TargetGroupArn"]
                )
                states = [d["TargetHealth"]["State"] for d in answer["TargetHealthDescriptions"]]
                yield group["TargetGroupName"], len(states) - states.count("draining")

    def _aliases(self) -> Iterator[tuple[str, Any]]:
        """Where the aliases of Lambda functions lead."""
        for function in self._lists.of("lambda", "list_functions", "Functions"):
            name = function["FunctionName"]
            if self._ours(name):
                for alias in self._lists.of("lambda", "list_aliases", "Aliases", FunctionName=name):
                    routing = alias.get("RoutingConfig") or {}
                    weights = routing.get("AdditionalVersionWeights") or {}
                    kept = {"version": alias["FunctionVersion"], "weights": weights}
                    yield f"{name}:{alias['Name']}", kept

    def _services(self) -> Iterator[tuple[str, Any]]:
        """What the services of ECS run, and how often."""
        for cluster in self._lists.of("ecs", "list_clusters", "clusterArns"):
            for arn in self._lists.of("ecs", "list_services", "serviceArns", cluster=cluster):
                name = arn.rpartition("/")[2]
                if self._ours(name):
                    found = self._aws.ecs.describe_services(cluster=cluster, services=[arn])
                    service = found["services"][0]
                    kept = {"definition": service["taskDefinition"]}
                    yield name, kept | {"desired": service["desiredCount"]}


def _name(target_group_arn: str) -> str:
    return target_group_arn.split("/")[1]


def _version(described: dict[str, Any]) -> str:
    """The launch template version of a group or instance."""
    version: str = (described.get("LaunchTemplate") or {}).get("Version", "")
    return version


def _action(action: dict[str, Any]) -> dict[str, Any]:
    """A forward as weights by name, anything else as it is."""
    if action["Type"] != "forward":
        return action
    config = action.get("ForwardConfig") or {}
    entries = config.get("TargetGroups") or [{"TargetGroupArn": action["TargetGroupArn"]}]
    weights = {_name(e["TargetGroupArn"]): e.get("Weight", 1) for e in entries}
    sticky = config.get("TargetGroupStickinessConfig") or {}
    seconds = sticky.get("DurationSeconds") if sticky.get("Enabled") else None
    return {"weights": weights, **({"sticky_seconds": seconds} if seconds else {})}


def main() -> None:
    """Print the snapshot."""
    parser = argparse.ArgumentParser(description="Print what a roll-out may change.")
    parser.add_argument("--prefix")
    options = parser.parse_args()
    taken = Snapshot(Clients.from_environment(), options.prefix).take()
    print(json.dumps(taken, indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
