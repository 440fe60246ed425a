"""A world whose releases are CodeDeploy deployments to instances.

One application with three deployment groups: `in-place` updates a fleet behind the load balancer of
the world's name; `blue-green` and `existing` replace the fleet `blue` behind a second one, by a
copy of it or by the fleet `green` that exists already. Revision v1 runs everywhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from tidegate_localstack.errors import LocalAwsError
from tidegate_localstack.worlds.world import (
    READY_TIMEOUT_SECONDS,
    STABLE_INSTANCES,
    World,
    target_group_alarms,
)

REVISIONS = ("v1", "v2", "bad", "errors")
"""`bad` fails ValidateService; `errors` starts and answers 5 % of requests with an error."""
IN_PLACE = {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
BLUE_GREEN = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
UNDO = {"enabled": True, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"]}


class CodeDeployWorld(World):
    """Two load balancers, three fleets, one application."""

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        vpc, subnets = self.network()
        template = self.launch_template(version="v1")
        balancers, groups = {}, {}
        for part, name in (("in-place", self.prefix), ("blue-green", self.named("bg"))):
            balancers[part] = self.load_balancer(subnets, name=name)["LoadBalancerArn"]
            groups[part] = self.target_group(part, vpc)
            forward = {"Type": "forward", "TargetGroupArn": groups[part]}
            self.listener(balancers[part], forward)
        attached = {"fleet": "in-place", "blue": "blue-green", "green": None}
        fleets = {
            part: self.fleet(
                self.named(part),
                template,
                subnets,
                groups[to] if to else None,
                minimum=STABLE_INSTANCES,
            )
            for part, to in attached.items()
        }
        alarms = self.alarms(self._specifications(balancers, groups))
        for group in groups.values():
            self.wait_until_ready(group, alarms)
        revisions = self._revisions()
        self._application(revisions["v1"])
        return {
            "kind": "codedeploy",
            "prefix": self.prefix,
            "application": self.prefix,
            "deployment_groups": ["in-place", "blue-green", "existing"],
            "revisions": revisions,
            "load_balancers": balancers,
            "target_groups": groups,
            "launch_template": template,
            "auto_scaling_groups": fleets,
            "alarms": alarms,
        }

    def _specifications(
        self, balancers: Mapping[str, str], groups: Mapping[str, str]
    ) -> dict[str, dict[str, Any]]:
        """`5xx` and `latency` of the fleet in place; the same with `bg-` of the other."""
        return {
            f"{before}{kind}": spec
            for part, before in (("in-place", ""), ("blue-green", "bg-"))
            for kind, spec in target_group_alarms(balancers[part], groups[part]).items()
        }

    def _revisions(self) -> dict[str, dict[str, str]]:
        bucket, s3 = self.named("revisions"), self.aws.s3
        region = s3.meta.region_name
        try:
            s3.head_bucket(Bucket=bucket)
        except ClientError:
            s3.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region}
            )
            for name in REVISIONS:
                s3.put_object(Bucket=bucket, Key=f"{name}.zip", Body=name.encode())
        return {name: {"bucket": bucket, "key": f"{name}.zip"} for name in REVISIONS}

    def _application(self, first: dict[str, str]) -> None:
        """The application and its groups, each with the first revision deployed in place."""
        codedeploy = self.aws.codedeploy
        if self.prefix in codedeploy.list_applications()["applications"]:
            return
        codedeploy.create_application(applicationName=self.prefix, computePlatform="Server")
        running = []
        for name, fleet, target_group in (
            ("in-place", "fleet", "in-place"),
            ("blue-green", "blue", "blue-green"),
            ("existing", "blue", "blue-green"),
        ):
            codedeploy.create_deployment_group(
                applicationName=self.prefix,
                deploymentGroupName=name,
                deploymentConfigName="CodeDeployDefault.AllAtOnce",
                serviceRoleArn="arn:aws:iam::000000000000:role/codedeploy",
                autoScalingGroups=[self.named(fleet)],
                deploymentStyle={**IN_PLACE, "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"},
                autoRollbackConfiguration=UNDO,
                loadBalancerInfo={"targetGroupInfoList": [{"name": self.named(target_group)}]},
            )
            revision = {"revisionType": "S3", "s3Location": {**first, "bundleType": "zip"}}
            answer = codedeploy.create_deployment(
                applicationName=self.prefix, deploymentGroupName=name, revision=revision
            )
            running.append(answer["deploymentId"])
        self._wait_for(running)
        ready = {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 60}
        end = {"action": "KEEP_ALIVE"}
        for name, action in (
            ("blue-green", "COPY_AUTO_SCALING_GROUP"),
            ("existing", "DISCOVER_EXISTING"),
        ):
            codedeploy.update_deployment_group(
                applicationName=self.prefix,
                currentDeploymentGroupName=name,
                deploymentStyle=BLUE_GREEN,
                blueGreenDeploymentConfiguration={
                    "deploymentReadyOption": ready,
                    "terminateBlueInstancesOnDeploymentSuccess": end,
                    "greenFleetProvisioningOption": {"action": action},
                },
            )
        codedeploy.update_deployment_group(
            applicationName=self.prefix,
            currentDeploymentGroupName="in-place",
            deploymentConfigName="CodeDeployDefault.OneAtATime",
            deploymentStyle=IN_PLACE,
        )

    def _wait_for(self, deployments: list[str]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while True:
            answer = self.aws.codedeploy.batch_get_deployments(deploymentIds=deployments)
            states = [info["status"] for info in answer["deploymentsInfo"]]
            if set(states) == {"Succeeded"}:
                return
            if "Failed" in states or time.monotonic() > deadline:
                raise LocalAwsError(
                    f"the first deployments of world {self.prefix} are {states}; see the log"
                )
            time.sleep(0.05)
