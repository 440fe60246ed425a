"""A world whose traffic is split by weighted DNS records.

Two load balancers, `blue` and `green`, with a fleet behind each, and a hosted zone whose name
`app` leads to either by weight. Nothing here resolves names for clients: whoever wants the split
asks Route 53 for the weights, as `tide-aws load` does.
"""

from __future__ import annotations

from typing import Any

from tidegate_localstack.worlds.world import STABLE_INSTANCES, World, target_group_alarms

TTL_SECONDS = 5
WEIGHTS = {"blue": 255, "green": 0}


class DnsWorld(World):
    """As the plain world, with a load balancer for each side."""

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        vpc, subnets = self.network()
        template = self.launch_template()
        balancers, groups, fleets = {}, {}, {}
        for side in WEIGHTS:
            balancer = self.load_balancer(subnets, name=self.named(side))
            balancers[side] = balancer["LoadBalancerArn"]
            groups[side] = self.target_group(side, vpc)
            forward = {"Type": "forward", "TargetGroupArn": groups[side]}
            self.listener(balancers[side], forward)
            fleets[side] = self.fleet(
                self.named(side), template, subnets, groups[side], minimum=STABLE_INSTANCES
            )
        zone = self._zone()
        self._records(zone)
        alarms = self.alarms(target_group_alarms(balancers["green"], groups["green"]))
        for group in groups.values():
            self.wait_until_ready(group, alarms)
        return {
            "kind": "route53",
            "prefix": self.prefix,
            "zone": zone,
            "zone_name": self._zone_name(),
            "record": f"app.{self._zone_name()}",
            "set_identifiers": sorted(WEIGHTS),
            "load_balancers": balancers,
            "target_groups": groups,
            "launch_template": template,
            "auto_scaling_groups": fleets,
            "alarms": alarms,
        }

    def _zone_name(self) -> str:
        return f"{self.prefix}.example.com."

    def _zone(self) -> str:
        """The id of the zone, without the `/hostedzone/` before it."""
        route53, name = self.aws.route53, self._zone_name()
        zones = route53.list_hosted_zones_by_name(DNSName=name, MaxItems="1")["HostedZones"]
        found = [zone for zone in zones if zone["Name"] == name]
        if not found:
            found = [
                route53.create_hosted_zone(Name=name, CallerReference=self.prefix)["HostedZone"]
            ]
        identifier: str = found[0]["Id"]
        return identifier.rpartition("/")[2]

    def _records(self, zone: str) -> None:
        """The two records; weights that are there already stay."""
        route53, name = self.aws.route53, f"app.{self._zone_name()}"
        answer = route53.list_resource_record_sets(HostedZoneId=zone, StartRecordName=name)
        if any(record["Name"] == name for record in answer["ResourceRecordSets"]):
            return
        changes = [
            {
                "Action": "CREATE",
                "ResourceRecordSet": {
                    "Name": name,
                    "Type": "CNAME",
                    "SetIdentifier": side,
                    "Weight": weight,
                    "TTL": TTL_SECONDS,
                    "HealthCheckId": self._health_check(side),
                    "ResourceRecords": [
                        {"Value": f"{self.named(side)}.elb.localhost.localstack.cloud"}
                    ],
                },
            }
            for side, weight in WEIGHTS.items()
        ]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    def _health_check(self, side: str) -> str:
        """The id of a health check, whose checkers find every record healthy here."""
        name = f"{self.named(side)}.elb.localhost.localstack.cloud"
        config = {"Type": "HTTP", "FullyQualifiedDomainName": name, "ResourcePath": "/health"}
        created = self.aws.route53.create_health_check(
            CallerReference=self.named(side), HealthCheckConfig=config
        )
        identifier: str = created["HealthCheck"]["Id"]
        return identifier
