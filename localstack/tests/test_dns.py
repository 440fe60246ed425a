"""Route 53 changes take time, are checked as a whole, and come at five requests a second."""

from __future__ import annotations

import uuid
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import eventually
from tidegate_localstack.instance import Record


class Zone:
    """A hosted zone of its own, and a client that waits out throttling."""

    def __init__(self) -> None:
        patient = Config(retries={"mode": "standard", "total_max_attempts": 12})
        self.client = boto3.client("route53", config=patient)
        self.name = f"{uuid.uuid4().hex[:8]}.test."
        created = self.client.create_hosted_zone(Name=self.name, CallerReference=self.name)
        self.id = created["HostedZone"]["Id"]

    def record(self, side: str, weight: int, ttl: int = 5, name: str = "api") -> dict[str, Any]:
        return {
            "Name": f"{name}.{self.name}",
            "Type": "CNAME",
            "TTL": ttl,
            "ResourceRecords": [{"Value": f"{side}.example.test"}],
            "SetIdentifier": side,
            "Weight": weight,
        }

    def change(self, *records: dict[str, Any], action: str = "UPSERT") -> str:
        changes = [{"Action": action, "ResourceRecordSet": record} for record in records]
        answer = self.client.change_resource_record_sets(
            HostedZoneId=self.id, ChangeBatch={"Changes": changes}
        )
        assert answer["ChangeInfo"]["Status"] == "PENDING"
        identifier: str = answer["ChangeInfo"]["Id"]
        return identifier

    def weights(self) -> dict[tuple[str, str], int]:
        answer = self.client.list_resource_record_sets(HostedZoneId=self.id)
        return {
            (r["Name"].partition(".")[0], r["SetIdentifier"]): r["Weight"]
            for r in answer["ResourceRecordSets"]
            if "SetIdentifier" in r
        }


@pytest.fixture
def zone(localstack: Record) -> Zone:
    assert localstack.endpoint
    return Zone()


def test_a_change_is_pending_before_it_is_in_sync(zone: Zone) -> None:
    identifier = zone.change(zone.record("blue", 255), zone.record("green", 0))

    def status() -> str:
        answer = zone.client.get_change(Id=identifier)
        value: str = answer["ChangeInfo"]["Status"]
        return value

    assert status() == "PENDING"
    eventually(lambda: status() == "INSYNC")
    assert zone.weights() == {("api", "blue"): 255, ("api", "green"): 0}


@pytest.mark.parametrize(
    ("bad", "message"),
    [({"Weight": 256}, "0 to 255"), ({"TTL": 60}, "must contain the same TTL")],
)
def test_a_batch_with_one_bad_record_changes_nothing(
    zone: Zone, bad: dict[str, int], message: str
) -> None:
    zone.change(zone.record("blue", 255), zone.record("green", 0))
    with pytest.raises(ClientError, match=message) as refused:
        zone.change(zone.record("blue", 10), {**zone.record("green", 245), **bad})
    assert refused.value.response["Error"]["Code"] == "InvalidChangeBatch"
    assert zone.weights() == {("api", "blue"): 255, ("api", "green"): 0}


def test_weighted_and_simple_records_do_not_mix(zone: Zone) -> None:
    zone.change(zone.record("blue", 255))
    simple = zone.record("simple", 0)
    del simple["SetIdentifier"], simple["Weight"]
    with pytest.raises(ClientError, match="mix the routing policies"):
        zone.change(simple)


def test_deleting_a_record_leaves_others_of_the_same_identifier(zone: Zone) -> None:
    zone.change(zone.record("blue", 1), zone.record("blue", 2, name="web"))
    zone.change(zone.record("blue", 1), action="DELETE")
    assert zone.weights() == {("web", "blue"): 2}


def test_more_than_five_requests_a_second_are_throttled(zone: Zone) -> None:
    hasty = boto3.client("route53", config=Config(retries={"total_max_attempts": 1}))

    def burst() -> None:
        for _ in range(20):
            hasty.get_hosted_zone(Id=zone.id)

    with pytest.raises(ClientError) as throttled:
        burst()
    assert throttled.value.response["Error"]["Code"] == "Throttling"
    assert throttled.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
