"""Executions of functions that are kept ready: of versions, or of aliases, which are not split."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from test_function_versions import published
from test_functions import verifier

Aws = Callable[[str], Any]


def test_provisioned_concurrency_is_ready_after_a_while_and_never_of_a_weighted_alias(
    aws: Aws,
) -> None:
    client = published(aws, "warm", 2)
    asked = {"FunctionName": "warm", "Qualifier": "2"}
    put = client.put_provisioned_concurrency_config(**asked, ProvisionedConcurrentExecutions=3)
    assert (put["Status"], put["AvailableProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 0)
    while client.get_provisioned_concurrency_config(**asked)["Status"] != "READY":
        time.sleep(0.1)
    listed = client.list_provisioned_concurrency_configs(FunctionName="warm")
    (config,) = listed["ProvisionedConcurrencyConfigs"]
    assert config["FunctionArn"].endswith(":function:warm:2")
    client.delete_provisioned_concurrency_config(**asked)
    with pytest.raises(ClientError, match="No Provisioned Concurrency"):
        client.get_provisioned_concurrency_config(**asked)
    weights = {"AdditionalVersionWeights": {"2": 0.1}}
    client.create_alias(
        FunctionName="warm", Name="live", FunctionVersion="1", RoutingConfig=weights
    )
    with pytest.raises(ClientError, match="Alias with weights"):
        client.put_provisioned_concurrency_config(
            FunctionName="warm", Qualifier="live", ProvisionedConcurrentExecutions=1
        )


def test_an_alias_with_provisioned_concurrency_is_not_split(aws: Aws) -> None:
    client = published(aws, "aliased", 2)
    client.create_alias(FunctionName="aliased", Name="live", FunctionVersion="1")
    asked = {"FunctionName": "aliased", "Qualifier": "live"}
    client.put_provisioned_concurrency_config(**asked, ProvisionedConcurrentExecutions=1)
    split = {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}}}
    with pytest.raises(ClientError, match="Provisioned Concurrency can not be used with weights"):
        client.update_alias(FunctionName="aliased", Name="live", **split)
    client.update_alias(FunctionName="aliased", Name="live", FunctionVersion="2")
    client.delete_provisioned_concurrency_config(**asked)
    client.update_alias(FunctionName="aliased", Name="live", FunctionVersion="1", **split)


def test_there_is_no_more_than_a_function_has_reserved_or_an_account_has_left(aws: Aws) -> None:
    client = published(aws, "roomy", 2)
    before = client.get_account_settings()["AccountLimit"]
    left = before["UnreservedConcurrentExecutions"]
    assert before["ConcurrentExecutions"] >= left > 100

    def put(version: str, executions: int) -> None:
        client.put_provisioned_concurrency_config(
            FunctionName="roomy", Qualifier=version, ProvisionedConcurrentExecutions=executions
        )

    put("1", left - 100)
    with pytest.raises(ClientError, match="below its minimum value"):
        put("2", 1)
    put("1", 5)
    client.put_function_concurrency(FunctionName="roomy", ReservedConcurrentExecutions=10)
    now = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    assert now == left - 10
    put("2", 5)
    with pytest.raises(ClientError, match="reservedConcurrentExecution for function"):
        put("2", 6)


def test_a_version_that_cannot_begin_never_gets_any_ready(aws: Aws) -> None:
    client = verifier(aws, "broken", "{}")
    variables = {"TIDEGATE_PROVISIONING_FAILS": "FUNCTION_ERROR_INIT_FAILURE"}
    client.update_function_configuration(
        FunctionName="broken", Environment={"Variables": variables}
    )
    client.publish_version(FunctionName="broken")
    asked = {"FunctionName": "broken", "Qualifier": "1"}
    client.put_provisioned_concurrency_config(**asked, ProvisionedConcurrentExecutions=2)
    while (told := client.get_provisioned_concurrency_config(**asked))["Status"] == "IN_PROGRESS":
        time.sleep(0.1)
    assert (told["Status"], told["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")
    assert told["AvailableProvisionedConcurrentExecutions"] == 0
