"""Versions of functions that are deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from test_functions import verifier

Aws = Callable[[str], Any]


def published(aws: Aws, name: str, count: int) -> Any:
    """A client of Lambda, and a function with so many versions."""
    client = verifier(aws, name, "{}")
    for number in range(count):
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": {"TIDEGATE_ANSWER": f"{number}"}}
        )
        client.publish_version(FunctionName=name)
    return client


def versions(client: Any, name: str) -> list[str]:
    listed = client.list_versions_by_function(FunctionName=name)["Versions"]
    return [each["Version"] for each in listed if each["Version"] != "$LATEST"]


def test_a_version_is_deleted_alone_and_only_where_no_alias_leads_to_it(aws: Aws) -> None:
    client = published(aws, "pruned", 3)
    weights = {"AdditionalVersionWeights": {"2": 0.1}}
    client.create_alias(
        FunctionName="pruned", Name="live", FunctionVersion="3", RoutingConfig=weights
    )
    arn = client.get_function(FunctionName="pruned")["Configuration"]["FunctionArn"]
    client.delete_function(FunctionName=arn, Qualifier="1")
    for used in ("2", "3"):
        with pytest.raises(ClientError, match="aliases reference"):
            client.delete_function(FunctionName="pruned", Qualifier=used)
    assert versions(client, "pruned") == versions(client, arn) == ["2", "3"]
    assert [each["Name"] for each in client.list_aliases(FunctionName=arn)["Aliases"]] == ["live"]
    assert client.list_aliases(FunctionName=arn, FunctionVersion="1")["Aliases"] == []
    with pytest.raises(ClientError, match="not found"):
        client.delete_function(FunctionName="pruned", Qualifier="1")


def test_a_policy_is_of_one_version_alone(aws: Aws) -> None:
    client = published(aws, "allowed", 2)
    client.add_permission(
        FunctionName="allowed",
        Qualifier="2",
        StatementId="gateway",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    policy = client.get_policy(FunctionName="allowed", Qualifier="2")["Policy"]
    assert "apigateway.amazonaws.com" in policy
    for without in ({"Qualifier": "1"}, {}):
        with pytest.raises(ClientError, match="does not exist"):
            client.get_policy(FunctionName="allowed", **without)


def test_a_statement_is_taken_out_of_one_policy_alone(aws: Aws) -> None:
    client = published(aws, "closed", 2)
    for version in ("1", "2"):
        client.add_permission(
            FunctionName="closed",
            Qualifier=version,
            StatementId="gateway",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
    client.remove_permission(FunctionName="closed", Qualifier="2", StatementId="gateway")
    with pytest.raises(ClientError, match="does not exist"):
        client.get_policy(FunctionName="closed", Qualifier="2")
    assert "gateway" in client.get_policy(FunctionName="closed", Qualifier="1")["Policy"]
    with pytest.raises(ClientError, match="is not found in resource policy"):
        client.remove_permission(FunctionName="closed", Qualifier="2", StatementId="gateway")
