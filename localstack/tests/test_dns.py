"""Route 53 changes take time, are checked as a whole, and come at five requests a second."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import eventually, refused_as
from tidegate_localstack.process.instance import Record


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
    [
        ({"Weight": 256}, "InvalidInput: less than or equal to 255"),
        ({"TTL": 60}, "InvalidChangeBatch: must contain the same TTL"),
        ({"HealthCheckId": "nobody"}, "NoSuchHealthCheck: nobody"),
        ({"Name": "api.elsewhere.test"}, "InvalidChangeBatch: is not permitted in zone"),
        ({"Weight": None}, "InvalidInput: Expected exactly one of [Weight, Region, Failover"),
        ({"SetIdentifier": None}, "InvalidInput: Missing field 'SetIdentifier'"),
        ({"ResourceRecords": None}, "InvalidInput: Expected exactly one of [AliasTarget, all of"),
        ({"ResourceRecords": [{"Value": "a..b"}]}, "InvalidChangeBatch: DomainLabelEmpty"),
    ],
)
def test_a_batch_with_one_bad_record_changes_nothing(
    zone: Zone, bad: dict[str, Any], message: str
) -> None:
    zone.change(zone.record("blue", 255), zone.record("green", 0))
    code, _, words = message.partition(": ")
    record = {**zone.record("green", 245), **bad}
    with refused_as(code, words):
        zone.change(zone.record("blue", 10), {k: v for k, v in record.items() if v is not None})
    assert zone.weights() == {("api", "blue"): 255, ("api", "green"): 0}


def test_weighted_and_simple_records_do_not_mix(zone: Zone) -> None:
    zone.change(zone.record("blue", 255))
    simple = zone.record("simple", 0)
    del simple["SetIdentifier"], simple["Weight"]
    with refused_as("InvalidChangeBatch", "other RRSets exist with the same name and type"):
        zone.change(simple)


def test_deleting_a_record_leaves_others_of_the_same_identifier(zone: Zone) -> None:
    zone.change(zone.record("blue", 1), zone.record("blue", 2, name="web"))
    zone.change(zone.record("blue", 1), action="DELETE")
    assert zone.weights() == {("web", "blue"): 2}


@pytest.mark.parametrize(
    "other",
    [{"Weight": 2}, {"TTL": 6}, {"ResourceRecords": [{"Value": "green.example.test"}]}],
    ids=str,
)
def test_a_record_is_deleted_only_by_all_of_what_it_is(zone: Zone, other: dict[str, Any]) -> None:
    zone.change(zone.record("blue", 1))
    with refused_as("InvalidChangeBatch", "do not match the current values"):
        zone.change({**zone.record("blue", 1), **other}, action="DELETE")
    assert zone.weights() == {("api", "blue"): 1}
    with refused_as("InvalidChangeBatch", "but it was not found"):
        zone.change(zone.record("green", 1), action="DELETE")
    zone.change(zone.record("blue", 1), action="DELETE")
    assert zone.weights() == {}


def test_a_record_that_exists_is_not_created(zone: Zone) -> None:
    zone.change(zone.record("blue", 1), action="CREATE")
    with refused_as("InvalidChangeBatch", "but it already exists"):
        zone.change(zone.record("blue", 2), action="CREATE")
    assert zone.weights() == {("api", "blue"): 1}


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("A", "not-an-address", "ARRDATAIllegalIPv4Address"),
        ("A", "::1", "ARRDATAIllegalIPv4Address"),
        ("AAAA", "10.0.0.1", "AAAARRDATAIllegalIPv6Address"),
        ("TXT", "bare", "InvalidCharacterString"),
        ("MX", "mail.example.test", "MXRRDATANotTwoFields"),
    ],
)
def test_a_value_that_its_type_cannot_have_is_refused(
    zone: Zone, kind: str, value: str, words: str
) -> None:
    record = {"Name": f"www.{zone.name}", "Type": kind, "TTL": 5}
    with refused_as("InvalidChangeBatch", words):
        zone.change({**record, "ResourceRecords": [{"Value": value}]})


def test_a_list_goes_on_in_the_middle_of_a_weighted_set(zone: Zone) -> None:
    sides = ["a", "b", "c", "d", "e"]
    zone.change(*(zone.record(side, 1) for side in reversed(sides)))
    start = {"StartRecordName": f"api.{zone.name}", "StartRecordType": "CNAME"}
    seen: list[str] = []
    while start:
        page = zone.client.list_resource_record_sets(HostedZoneId=zone.id, MaxItems="2", **start)
        seen += [record["SetIdentifier"] for record in page["ResourceRecordSets"]]
        assert len(page["ResourceRecordSets"]) <= 2
        assert page["IsTruncated"] == ("NextRecordName" in page)
        parts = ("Name", "Type", "Identifier")
        start = {f"StartRecord{p}": page[f"NextRecord{p}"] for p in parts if page["IsTruncated"]}
    assert seen == sides


def test_a_record_is_listed_as_it_was_given(zone: Zone) -> None:
    target = {"HostedZoneId": "Z1", "DNSName": "lb.example.test.", "EvaluateTargetHealth": False}
    alias = {"Name": f"alias.{zone.name}", "Type": "A", "AliasTarget": target}
    text = {"Name": f"text.{zone.name}", "Type": "TXT", "TTL": 9}
    given: list[dict[str, Any]] = [
        alias,
        {**text, "ResourceRecords": [{"Value": '"one"'}, {"Value": '"two"'}]},
    ]
    zone.change(*given)
    listed = zone.client.list_resource_record_sets(HostedZoneId=zone.id)["ResourceRecordSets"]
    assert [record for record in listed if record["Type"] in ("A", "TXT")] == given


def test_more_than_five_requests_a_second_are_throttled(zone: Zone) -> None:
    hasty = boto3.client("route53", config=Config(retries={"total_max_attempts": 1}))

    def refused(_number: int) -> tuple[str, int] | None:
        try:
            hasty.get_hosted_zone(Id=zone.id)
        except ClientError as error:
            told = error.response
            return told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"]
        return None

    # A busy machine may need more than one try to be too fast.
    with ThreadPoolExecutor(20) as at_once:
        found = eventually(lambda: set(at_once.map(refused, range(20))) - {None}, within=60)
    assert found == {("Throttling", 400)}
