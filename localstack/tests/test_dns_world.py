"""The DNS world: two weighted records, and users who follow them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tidegate_localstack.process.instance import Record
from tidegate_localstack.worlds.dns import DnsWorld
from tidegate_localstack.worlds.load import _find_way
from tidegate_localstack.worlds.world import Clients

Aws = Callable[[str], Any]


@pytest.fixture
def seeded(localstack: Record) -> dict[str, Any]:
    return DnsWorld(Clients.from_environment(), "named").seed()


def test_users_follow_the_records_once_they_ask_again(aws: Aws, seeded: dict[str, Any]) -> None:
    route53, zone = aws("route53"), {"HostedZoneId": seeded["zone"]}
    way = _find_way("named")
    hosts = {side: f"named-{side}.elb.localhost.localstack.cloud" for side in ("blue", "green")}
    assert (way.shares, way.ttl) == ({hosts["blue"]: 255, hosts["green"]: 0}, 5.0)
    assert {way.next_headers()["Host"] for _ in range(50)} == {hosts["blue"]}
    records = route53.list_resource_record_sets(**zone)["ResourceRecordSets"]
    weighted = [record for record in records if "Weight" in record]
    for record in weighted:
        record["Weight"] = 255 - record["Weight"]
    changes = [{"Action": "UPSERT", "ResourceRecordSet": record} for record in weighted]
    route53.change_resource_record_sets(**zone, ChangeBatch={"Changes": changes})
    assert {way.next_headers()["Host"] for _ in range(50)} == {hosts["blue"]}
    way.look_up()
    assert {way.next_headers()["Host"] for _ in range(50)} == {hosts["green"]}


def test_users_of_another_name_follow_that(aws: Aws, seeded: dict[str, Any]) -> None:
    host, name = "named-blue.elb.localhost.localstack.cloud", "old.named.example.com."
    record = {"Name": name, "Type": "CNAME", "TTL": 5, "ResourceRecords": [{"Value": host}]}
    changes = [{"Action": "UPSERT", "ResourceRecordSet": record}]
    aws("route53").change_resource_record_sets(
        HostedZoneId=seeded["zone"], ChangeBatch={"Changes": changes}
    )
    assert _find_way("named", name).shares == {host: 1}
    assert len(_find_way("named").shares) == 2


def test_each_record_has_a_health_check_that_succeeds(aws: Aws, seeded: dict[str, Any]) -> None:
    listed = aws("route53").list_resource_record_sets(HostedZoneId=seeded["zone"])
    checks = {r["HealthCheckId"] for r in listed["ResourceRecordSets"] if "Weight" in r}
    assert len(checks) == 2
    for check in checks:
        told = aws("route53").get_health_check_status(HealthCheckId=check)
        statuses = [seen["StatusReport"]["Status"] for seen in told["HealthCheckObservations"]]
        assert statuses[0].startswith("Success")


def test_seeding_again_keeps_the_zone(seeded: dict[str, Any]) -> None:
    assert DnsWorld(Clients.from_environment(), "named").seed() == seeded
