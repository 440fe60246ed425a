"""Worlds whose releases move traffic by CodeDeploy: a Lambda function's alias, a service of ECS.

The function runs, see function.py, and its metrics are those of its invocations. The service runs
nothing: what a roll-out can see are weights, the deployment, and alarms on metrics it or its test
publishes. The AppSpec of the release is part of what the seed prints.
"""

from __future__ import annotations

import json
from typing import Any

from tidegate_localstack.worlds import function
from tidegate_localstack.worlds.world import World, alarm, target_group_alarms

ROLE = "arn:aws:iam::000000000000:role/codedeploy"
UNDO = {"enabled": True, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"]}
SHIFTING = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}


class _ShiftWorld(World):
    def application(self, platform: str, config: str, **options: Any) -> None:
        """The application and its one deployment group, both named as the world."""
        codedeploy = self.aws.codedeploy
        if self.prefix in codedeploy.list_applications()["applications"]:
            return
        codedeploy.create_application(applicationName=self.prefix, computePlatform=platform)
        codedeploy.create_deployment_group(
            applicationName=self.prefix,
            deploymentGroupName=self.prefix,
            deploymentConfigName=f"CodeDeployDefault.{config}",
            serviceRoleArn=ROLE,
            deploymentStyle=SHIFTING,
            autoRollbackConfiguration=UNDO,
            **options,
        )


class LambdaWorld(_ShiftWorld):
    """A function with versions 1 and 2, whose alias `live` points to 1."""

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        self._function()
        self.application("Lambda", "LambdaCanary10Percent5Minutes")
        of_alias = {"FunctionName": self.prefix, "Resource": f"{self.prefix}:live"}
        alarms = self.alarms({"errors": alarm("AWS/Lambda", "Errors", "Sum", 3.0, **of_alias)})
        properties = {"Name": self.prefix, "Alias": "live"}
        properties |= {"CurrentVersion": "1", "TargetVersion": "2"}
        resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
        return {
            "kind": "lambda",
            "prefix": self.prefix,
            "function": self.prefix,
            "alias": "live",
            "application": self.prefix,
            "deployment_groups": [self.prefix],
            "app_spec": json.dumps({"version": 0.0, "Resources": [{"function": resource}]}),
            "alarms": alarms,
        }

    def _function(self) -> None:
        functions = getattr(self.aws, "lambda")
        if function.is_there(functions, self.prefix):
            return
        function.create(functions, self.prefix, function.role(self.aws.iam, self.prefix))
        for _ in ("1", "2"):
            function.publish(functions, self.prefix)
        functions.create_alias(FunctionName=self.prefix, Name="live", FunctionVersion="1")


class EcsWorld(_ShiftWorld):
    """A service behind a load balancer with a production and a test listener."""

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        vpc, subnets = self.network()
        balancer = self.load_balancer(subnets)["LoadBalancerArn"]
        groups = {side: self.target_group(side, vpc) for side in ("blue", "green")}
        forward = {"Type": "forward", "TargetGroupArn": groups["blue"]}
        listeners = {
            "production": self.listener(balancer, forward),
            "test": self.listener(balancer, forward, port=8080),
        }
        definitions = self._service(groups["blue"])
        pair = {
            "targetGroups": [{"name": self.named(side)} for side in groups],
            "prodTrafficRoute": {"listenerArns": [listeners["production"]]},
            "testTrafficRoute": {"listenerArns": [listeners["test"]]},
        }
        self.application(
            "ECS",
            "ECSCanary10Percent5Minutes",
            ecsServices=[{"serviceName": self.prefix, "clusterName": self.prefix}],
            loadBalancerInfo={"targetGroupPairInfoList": [pair]},
            blueGreenDeploymentConfiguration={
                "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
                "terminateBlueInstancesOnDeploymentSuccess": {
                    "action": "TERMINATE",
                    "terminationWaitTimeInMinutes": 5,
                },
            },
        )
        container = {"ContainerName": "app", "ContainerPort": 80}
        properties = {"TaskDefinition": definitions["2"], "LoadBalancerInfo": container}
        resource = {"Type": "AWS::ECS::Service", "Properties": properties}
        return {
            "kind": "ecs",
            "prefix": self.prefix,
            "cluster": self.prefix,
            "service": self.prefix,
            "load_balancer": balancer,
            "listeners": listeners,
            "target_groups": groups,
            "task_definitions": definitions,
            "application": self.prefix,
            "deployment_groups": [self.prefix],
            "app_spec": json.dumps({"version": 0.0, "Resources": [{"TargetService": resource}]}),
            "alarms": self.alarms(target_group_alarms(balancer, groups["green"])),
        }

    def _service(self, target_group: str) -> dict[str, str]:
        """The service on task definition 1; the ARNs of both definitions."""
        ecs = self.aws.ecs
        found = ecs.list_task_definitions(familyPrefix=self.prefix)["taskDefinitionArns"]
        if not found:
            ecs.create_cluster(clusterName=self.prefix)
            for version in ("1", "2"):
                container = {"name": "app", "image": f"app:{version}", "memory": 64}
                made = ecs.register_task_definition(
                    family=self.prefix,
                    containerDefinitions=[{**container, "portMappings": [{"containerPort": 80}]}],
                )
                found.append(made["taskDefinition"]["taskDefinitionArn"])
            ecs.create_service(
                cluster=self.prefix,
                serviceName=self.prefix,
                taskDefinition=found[0],
                desiredCount=2,
                deploymentController={"type": "CODE_DEPLOY"},
                loadBalancers=[
                    {"targetGroupArn": target_group, "containerName": "app", "containerPort": 80}
                ],
            )
        return {"1": found[0], "2": found[1]}
