"""Calls fail as asked, as often as asked, for those asked, and for nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import eventually
from tidegate_localstack.process.instance import Record

Aws = Callable[[str], Any]
Inject = Callable[..., urllib3.BaseHTTPResponse]


@pytest.fixture
def inject(localstack: Record, world: dict[str, Any]) -> Iterator[Inject]:
    url = f"{localstack.endpoint}/_tidegate/faults"

    def add(operation: str, kind: str, **fields: Any) -> urllib3.BaseHTTPResponse:
        body = {"operation": operation, "kind": kind, "match": world["rule"], **fields}
        return urllib3.request("POST", url, json=body)

    yield add
    urllib3.request("DELETE", url)


@pytest.fixture
def set_weight(localstack: Record, world: dict[str, Any]) -> Callable[[int], int]:
    elbv2 = boto3.client("elbv2", config=Config(retries={"total_max_attempts": 1}))

    def modify(weight: int) -> int:
        """Set green's weight, and say what a read then shows."""
        groups = [{"TargetGroupArn": world["target_groups"]["green"], "Weight": weight}]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        elbv2.modify_rule(RuleArn=world["rule"], Actions=[action])
        return weight

    return modify


def green_weight(aws: Aws, world: dict[str, Any]) -> int:
    rule = aws("elbv2").describe_rules(RuleArns=[world["rule"]])["Rules"][0]
    groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
    weights = {g["TargetGroupArn"]: g["Weight"] for g in groups}
    return int(weights[world["target_groups"]["green"]])


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("throttle", "ThrottlingException", 400),
        ("deny", "AccessDenied", 403),
        ("error", "InternalFailure", 500),
    ],
)
def test_a_faulted_call_fails_as_often_as_asked_and_changes_nothing(
    aws: Aws,
    world: dict[str, Any],
    inject: Inject,
    set_weight: Callable[[int], int],
    kind: str,
    code: str,
    status: int,
) -> None:
    inject("elbv2.ModifyRule", kind, times=2)
    for _ in range(2):
        with pytest.raises(ClientError) as failed:
            set_weight(7)
        assert failed.value.response["Error"]["Code"] == code
        assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert green_weight(aws, world) == 0
    set_weight(7)
    assert green_weight(aws, world) == 7


def test_an_answer_lost_after_the_call_leaves_the_change_made(
    aws: Aws, world: dict[str, Any], inject: Inject, set_weight: Callable[[int], int]
) -> None:
    inject("elbv2.ModifyRule", "error", after=True)
    with pytest.raises(ClientError):
        set_weight(7)
    assert green_weight(aws, world) == 7


def test_a_delay_slows_a_call_and_ends_with_its_time(
    localstack: Record, inject: Inject, set_weight: Callable[[int], int]
) -> None:
    inject("elbv2.*", "delay", seconds=3.0, delay_seconds=0.4)
    started = time.monotonic()
    set_weight(1)
    assert time.monotonic() - started >= 0.4

    def struck() -> int:
        told = urllib3.request("GET", f"{localstack.endpoint}/_tidegate/faults").json()
        return int(told["faults"][0]["struck"])

    def is_over() -> bool:
        before = struck()
        set_weight(1)
        return struck() == before

    assert struck() == 1
    eventually(is_over)


def test_a_fault_leaves_other_worlds_and_operations_alone(
    aws: Aws, world: dict[str, Any], inject: Inject, set_weight: Callable[[int], int]
) -> None:
    inject("elbv2.ModifyRule", "error", match="another world", times=9)
    inject("elbv2.DeleteRule", "error", times=9)
    assert set_weight(3) == green_weight(aws, world)


def test_a_fault_strikes_one_client_and_tells_how_often(localstack: Record, inject: Inject) -> None:
    def ask(key: str) -> str:
        once = Config(retries={"total_max_attempts": 1})
        sts = boto3.client("sts", config=once, aws_access_key_id=key, aws_secret_access_key="-")
        account: str = sts.get_caller_identity()["Account"]
        return account

    inject("sts.GetCallerIdentity", "error", match="", client="struck", times=2)
    assert ask("spared") == ask("test") == "000000000000"
    with pytest.raises(ClientError):
        ask("struck")
    told = urllib3.request("GET", f"{localstack.endpoint}/_tidegate/faults").json()
    assert [fault["struck"] for fault in told["faults"]] == [1]


def test_a_fault_that_would_do_nothing_is_refused(inject: Inject) -> None:
    assert b"kind must be one of" in inject("elbv2.ModifyRule", "explode").data
    assert b"unknown fields ['time']" in inject("elbv2.ModifyRule", "error", time=1).data
