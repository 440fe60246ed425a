"""Functions that answer what they are told to."""

from __future__ import annotations

import io
import json
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
