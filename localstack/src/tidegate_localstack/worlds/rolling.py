"""A world whose releases replace the instances of one Auto Scaling group.

Its launch template has version 1, which runs, version 2, as good, and version 3, which answers 5 %
of requests with an error. There is no second side: whoever is served is served by the group.
"""

from __future__ import annotations

from typing import Any

from tidegate_localstack.worlds.world import World, target_group_alarms, user_data

GOOD, BAD = 2, 3
"""Versions of the launch template a roll-out may go to."""
INSTANCES = 4


class RollingWorld(World):
    """One load balancer, one target group, one Auto Scaling group."""

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        vpc, subnets = self.network()
        balancer = self.load_balancer(subnets)
        arn, group = balancer["LoadBalancerArn"], self.target_group("fleet", vpc)
        listener = self.listener(arn, {"Type": "forward", "TargetGroupArn": group})
        template = self.launch_template()
        self._more_versions(template)
        fleet = self.fleet(self.named("fleet"), template, subnets, group, minimum=INSTANCES)
        alarms = self.alarms(target_group_alarms(arn, group))
        self.wait_until_ready(group, alarms, instances=INSTANCES)
        return {
            "kind": "rolling",
            "prefix": self.prefix,
            "load_balancer": arn,
            "dns_name": balancer["DNSName"],
            "listener": listener,
            "target_groups": {"fleet": group},
            "launch_template": template,
            "auto_scaling_groups": {"fleet": fleet},
            "alarms": alarms,
        }

    def _more_versions(self, template: str) -> None:
        ec2 = self.aws.ec2
        found = ec2.describe_launch_template_versions(LaunchTemplateId=template)
        for number in range(len(found["LaunchTemplateVersions"]) + 1, BAD + 1):
            error_rate = 0.05 if number == BAD else 0.0
            ec2.create_launch_template_version(
                LaunchTemplateId=template,
                SourceVersion="1",
                LaunchTemplateData={"UserData": user_data(str(number), error_rate=error_rate)},
            )
