"""REST APIs whose stages have canaries: how requests are split, counted, and canaries promoted."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conftest import eventually, refused_as
from deployed import Function
from tidegate_localstack.process.instance import Record

Aws = Callable[[str], Any]

ANSWERING = """
import json
def handler(event, context):
    asked = (event.get("queryStringParameters") or {}).get("fail")
    if asked in (context.function_version, "all"):
        raise RuntimeError("asked to")
    told = {"version": context.function_version, "variables": event["stageVariables"]}
    return {"statusCode": 200, "body": json.dumps(told)}
"""


class Api:
    """An API of one method, which a function answers: the alias that a stage variable names."""

    def __init__(self, aws: Aws, endpoint: str) -> None:
        self.name = f"api-{uuid.uuid4().hex[:8]}"
        self.client, self.cloudwatch = aws("apigateway"), aws("cloudwatch")
        function = Function(self.name, ANSWERING)
        for alias in ("live", "next"):
            version = function.publish(f"{ANSWERING}# {alias}")
            function.alias(alias, version)
        self.id: str = self.client.create_rest_api(name=self.name)["id"]
        root = self.client.get_resources(restApiId=self.id)["items"][0]["id"]
        method = {"restApiId": self.id, "resourceId": root, "httpMethod": "GET"}
        self.client.put_method(**method, authorizationType="NONE")
        self.client.put_integration(
            **method,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri="arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/"
            f"{function.arn}:${{stageVariables.alias}}/invocations",
        )
        self.url = f"{endpoint}/_aws/execute-api/{self.id}/prod/"
        self.first = self.deploy(variables={"alias": "live"})

    def deploy(self, stage: str = "prod", **options: Any) -> str:
        made = self.client.create_deployment(restApiId=self.id, stageName=stage, **options)
        identifier: str = made["id"]
        return identifier

    def canary(self, percent: float) -> str:
        """A canary whose alias is the next one."""
        overrides = {"alias": "next", "of": "canary"}
        return self.deploy(
            canarySettings={"percentTraffic": percent, "stageVariableOverrides": overrides}
        )

    def patch(self, *operations: dict[str, str]) -> dict[str, Any]:
        told: dict[str, Any] = self.client.update_stage(
            restApiId=self.id, stageName="prod", patchOperations=list(operations)
        )
        return told

    def stage(self) -> dict[str, Any]:
        return dict(self.client.get_stage(restApiId=self.id, stageName="prod"))

    def ask(self, query: str = "") -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"{self.url}{query}") as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, {}

    def versions(self, number: int) -> Counter[str]:
        return Counter(self.ask()[1]["version"] for _ in range(number))

    def metric(self, name: str, stat: str = "Sum", stage: str | None = "prod") -> float:
        now = datetime.now(UTC)
        named = {"ApiName": self.name, **({"Stage": stage} if stage else {})}
        told = self.cloudwatch.get_metric_statistics(
            Namespace="AWS/ApiGateway",
            MetricName=name,
            Dimensions=[{"Name": name, "Value": value} for name, value in named.items()],
            StartTime=now - timedelta(minutes=2),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=[stat],
        )
        return float(sum(each[stat] for each in told["Datapoints"]))


@pytest.fixture
def api(aws: Aws, localstack: Record) -> Api:
    return Api(aws, localstack.endpoint)


def replace(path: str, value: str) -> dict[str, str]:
    return {"op": "replace", "path": path, "value": value}


def copy(source: str, path: str) -> dict[str, str]:
    return {"op": "copy", "from": source, "path": path}


REMOVED = {"op": "remove", "path": "/canarySettings"}


def test_a_stage_variable_says_which_alias_answers(api: Api) -> None:
    assert api.ask() == (200, {"version": "1", "variables": {"alias": "live"}})
    api.patch(replace("/variables/alias", "next"))
    assert api.ask()[1]["version"] == "2"


def test_a_canary_gets_its_share_with_its_own_variables(api: Api) -> None:
    api.canary(50.0)
    answers = [api.ask()[1] for _ in range(60)]
    shares = Counter(answer["version"] for answer in answers)
    assert shares["1"] > 10
    assert shares["2"] > 10
    for answer in answers:
        of_canary = {"alias": "next", "of": "canary"}
        assert answer["variables"] == ({"alias": "live"} if answer["version"] == "1" else of_canary)


def test_the_share_of_a_canary_can_be_all_or_nothing(api: Api) -> None:
    api.canary(0.0)
    assert api.versions(10) == {"1": 10}
    told = api.patch(replace("/canarySettings/percentTraffic", "100.0"))
    assert told["canarySettings"]["percentTraffic"] == 100.0
    assert api.versions(10) == {"2": 10}


def test_a_canary_is_promoted_by_copying_it(api: Api) -> None:
    second = api.canary(10.0)
    assert api.stage()["deploymentId"] == api.first
    told = api.patch(
        replace("/canarySettings/percentTraffic", "0.0"),
        copy("/canarySettings/stageVariableOverrides", "/variables"),
        copy("/canarySettings/deploymentId", "/deploymentId"),
    )
    assert told["deploymentId"] == second
    assert told["variables"] == {"alias": "next", "of": "canary"}
    api.patch(REMOVED)
    assert "canarySettings" not in api.stage()
    assert api.versions(5) == {"2": 5}


def test_a_stage_goes_back_to_an_earlier_deployment(api: Api) -> None:
    second = api.deploy()
    assert api.stage()["deploymentId"] == second
    assert api.patch(replace("/deploymentId", api.first))["deploymentId"] == api.first


def test_a_canary_that_is_taken_away_gets_nothing_more(api: Api) -> None:
    api.canary(100.0)
    assert api.versions(3) == {"2": 3}
    api.patch(REMOVED)
    assert api.versions(10) == {"1": 10}


def test_what_aws_refuses_of_canaries_is_refused(api: Api) -> None:
    wrong = "BadRequestException"
    with refused_as(wrong, "Promotion not available. Canary does not exist."):
        api.patch(copy("/canarySettings/deploymentId", "/deploymentId"))
    with refused_as(wrong):
        api.patch(REMOVED)
    with refused_as(wrong, "Stage nowhere must already be created"):
        api.deploy("nowhere", canarySettings={"percentTraffic": 1.0})
    api.canary(10.0)
    with refused_as(wrong, "Non canary deployment not supported on stage prod"):
        api.deploy()
    with refused_as(wrong, "percentTraffic"):
        api.patch(replace("/canarySettings/percentTraffic", "150"))
    with refused_as(wrong, "Deployment id does not exist"):
        api.patch(replace("/canarySettings/deploymentId", "nowhere"))
    with refused_as(wrong, "Deployment id does not exist"):
        api.patch(replace("/deploymentId", "nowhere"))
    with refused_as(wrong, "Invalid copy operation"):
        api.patch(copy("/variables", "/canarySettings/stageVariableOverrides"))
    with refused_as(wrong, "Invalid method setting path"):
        api.patch(replace("/canarySettings/nothing", "1"))
    assert api.stage()["canarySettings"]["percentTraffic"] == 10.0


def test_a_deployment_is_described_by_its_id(api: Api) -> None:
    assert api.client.get_deployment(restApiId=api.id, deploymentId=api.first)["id"] == api.first
    with refused_as("NotFoundException", "Invalid Deployment identifier specified"):
        api.client.get_deployment(restApiId=api.id, deploymentId="nowhere")


def test_a_canary_is_made_and_becomes_the_stage_by_one_patch_each(api: Api) -> None:
    second = api.client.create_deployment(restApiId=api.id)["id"]
    made = api.patch(
        replace("/canarySettings/deploymentId", second),
        replace("/canarySettings/percentTraffic", "10.0"),
        replace("/canarySettings/stageVariableOverrides/alias", "next"),
        replace("/canarySettings/useStageCache", "false"),
    )
    assert made["canarySettings"]["stageVariableOverrides"] == {"alias": "next"}
    assert made["canarySettings"]["useStageCache"] is False
    promoted = api.patch(
        replace("/deploymentId", second), replace("/variables/alias", "next"), REMOVED
    )
    assert (promoted["deploymentId"], promoted["variables"]) == (second, {"alias": "next"})
    assert "canarySettings" not in api.stage()


def test_requests_are_counted_by_api_and_stage(api: Api) -> None:
    assert [api.ask(query)[0] for query in ("", "", "?fail=1", "nowhere")] == [200, 200, 502, 403]
    assert eventually(lambda: api.metric("Count") == 4)
    assert (api.metric("5XXError"), api.metric("4XXError")) == (1, 1)
    assert api.metric("5XXError", "Average") == 0.25
    assert api.metric("Count", stage=None) == 4
    assert api.metric("IntegrationLatency", "SampleCount") == 3
    assert 0 < api.metric("IntegrationLatency", "Maximum") <= api.metric("Latency", "Maximum")


def test_requests_to_a_canary_count_for_it_and_for_its_stage(api: Api) -> None:
    api.canary(100.0)
    assert [api.ask(query)[0] for query in ("", "?fail=2")] == [200, 502]
    assert eventually(lambda: api.metric("Count", stage="prod/Canary") == 2)
    assert api.metric("5XXError", stage="prod/Canary") == 1
    assert (api.metric("Count"), api.metric("5XXError")) == (2, 1)
