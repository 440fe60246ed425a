"""Functions that answer what they are told to."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Aws = Callable[[str], Any]


def verifier(aws: Aws, name: str, answer: str) -> Any:
    """A client of Lambda, and a function of this name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "")
    client = aws("lambda")
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=_role(aws),
        Handler="index.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"TIDEGATE_ANSWER": answer}} if answer else {},
    )
    return client


def _role(aws: Aws) -> str:
    iam = aws("iam")
    try:
        role = iam.get_role(RoleName="verifier")
    except ClientError:
        document = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = iam.create_role(RoleName="verifier", AssumeRolePolicyDocument=document)
    arn: str = role["Role"]["Arn"]
    return arn


def test_an_invocation_answers_what_the_version_was_told_to(aws: Aws) -> None:
    client = verifier(aws, "versions", '{"outcome": "pass"}')
    client.publish_version(FunctionName="versions")
    client.update_function_configuration(
        FunctionName="versions", Environment={"Variables": {"TIDEGATE_ANSWER": "later"}}
    )
    latest = client.invoke(FunctionName="versions")
    assert latest["Payload"].read() == b"later"
    first = client.invoke(FunctionName="versions", Qualifier="1")
    assert (first["StatusCode"], first["ExecutedVersion"]) == (200, "1")
    assert first["Payload"].read() == b'{"outcome": "pass"}'


def test_a_function_fails_by_its_answer_and_says_nothing_without_one(aws: Aws) -> None:
    failed = verifier(aws, "failing", '{"errorMessage": "boom"}').invoke(FunctionName="failing")
    assert failed["FunctionError"] == "Unhandled"
    silent = verifier(aws, "silent", "").invoke(FunctionName="silent")
    assert "FunctionError" not in silent
    assert silent["Payload"].read() == b"null"


def test_a_dry_run_finds_a_function_and_does_not_invoke_it(aws: Aws) -> None:
    client = verifier(aws, "dry", '{"errorMessage": "boom"}')
    answer = client.invoke(FunctionName="dry", InvocationType="DryRun")
    assert (answer["StatusCode"], "FunctionError" in answer) == (204, False)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.invoke(FunctionName="nobody", InvocationType="DryRun")


def aliased(aws: Aws, name: str) -> Any:
    """A client of Lambda, and a function of two versions whose alias `live` points to the first."""
    client = verifier(aws, name, "")
    client.publish_version(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Description="2")
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    return client


def test_an_alias_is_changed_against_the_revision_that_was_read(aws: Aws) -> None:
    client = aliased(aws, "revised")
    read = client.get_alias(FunctionName="revised", Name="live")
    weights = {"AdditionalVersionWeights": {"2": 0.1}}
    named = {"FunctionName": "revised", "Name": "live", "RevisionId": read["RevisionId"]}
    changed = client.update_alias(**named, RoutingConfig=weights)
    assert changed["RoutingConfig"] == weights
    assert changed["RevisionId"] != read["RevisionId"]
    with pytest.raises(ClientError) as refused:
        client.update_alias(**named, FunctionVersion="2")
    assert refused.value.response["Error"]["Code"] == "PreconditionFailedException"
    by_arn = client.update_alias(
        FunctionName=read["AliasArn"].removesuffix(":live"),
        Name="live",
        FunctionVersion="2",
        RoutingConfig={"AdditionalVersionWeights": {}},
    )
    assert by_arn["FunctionVersion"] == "2"
    assert not by_arn.get("RoutingConfig", {}).get("AdditionalVersionWeights")


@pytest.mark.parametrize(
    ("version", "weights", "code"),
    [
        ("$LATEST", {"2": 0.1}, "InvalidParameterValueException"),
        ("1", {"$LATEST": 0.1}, "InvalidParameterValueException"),
        ("1", {"1": 0.1}, "InvalidParameterValueException"),
        ("1", {"2": 1.5}, "InvalidParameterValueException"),
        ("1", {"9": 0.1}, "ResourceNotFoundException"),
        ("9", {}, "ResourceNotFoundException"),
    ],
)
def test_what_requests_cannot_be_split_between_is_refused(
    aws: Aws, version: str, weights: dict[str, float], code: str
) -> None:
    name = f"refused-{uuid.uuid4().hex[:8]}"
    client = aliased(aws, name)
    with pytest.raises(ClientError) as refused:
        client.update_alias(
            FunctionName=name,
            Name="live",
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )
    assert refused.value.response["Error"]["Code"] in (code, "ValidationException")
