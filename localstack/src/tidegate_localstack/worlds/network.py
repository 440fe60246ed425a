"""A world behind a network load balancer, whose listener's default action carries the weights.

A network load balancer knows nothing of HTTP, so that what its users watch is whether the
candidate's targets are healthy, and the application's own count of errors.
"""

from __future__ import annotations

from typing import Any

from tidegate_localstack.worlds.world import World, alarm, in_metrics, weighted


class NetworkWorld(World):
    """As the plain world, with connections in place of requests and no rule."""

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        vpc, subnets = self.network()
        balancer = self.load_balancer(subnets, kind="network")
        arn = balancer["LoadBalancerArn"]
        sides = ("blue", "green")
        groups = {side: self.target_group(side, vpc, protocol="TCP") for side in sides}
        listener = self.listener(arn, weighted(groups), protocol="TCP")
        template = self.launch_template()
        fleets = self.blue_and_green(template, subnets, groups)
        candidate = in_metrics(arn, groups["green"])
        alarms = self.alarms(
            {
                "unhealthy": alarm(
                    "AWS/NetworkELB", "UnHealthyHostCount", "Maximum", 0.0, **candidate
                ),
                "errors": alarm(
                    "App", "Errors", "Sum", 3.0, AutoScalingGroupName=self.named("green")
                ),
            }
        )
        self.wait_until_ready(groups["blue"], alarms)
        return {
            "kind": "nlb",
            "prefix": self.prefix,
            "load_balancer": arn,
            "dns_name": balancer["DNSName"],
            "listener": listener,
            "target_groups": groups,
            "launch_template": template,
            "auto_scaling_groups": fleets,
            "alarms": alarms,
        }
