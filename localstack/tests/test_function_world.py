"""The function of a world: it tells its version, behaves as told, and users invoke its alias."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from conftest import eventually
from deployed import Function
from tidegate_localstack.worlds.invocations import invoked
from tidegate_localstack.worlds.shift import LambdaWorld
from tidegate_localstack.worlds.world import Clients

Aws = Callable[[str], Any]


@pytest.fixture
def name(localstack: Any) -> str:
    assert localstack.endpoint
    found = f"fun-{uuid.uuid4().hex[:8]}"
    LambdaWorld(Clients.from_environment(), found).seed()
    return found


def run(verb: str, *arguments: str) -> dict[str, Any]:
    """What a verb of `tide-aws` prints."""
    command = [sys.executable, "-m", f"tidegate_localstack.worlds.{verb}", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def ask(aws: Aws, name: str, qualifier: str, **event: Any) -> tuple[str, str]:
    return invoked(aws("lambda"), name, qualifier, json.dumps(event))


def test_a_seeded_function_has_two_versions_that_tell_which_they_are(aws: Aws, name: str) -> None:
    assert [ask(aws, name, each) for each in ("1", "2", "live")] == [
        ("1", ""),
        ("2", ""),
        ("1", ""),
    ]
    answer = aws("lambda").invoke(FunctionName=name, Qualifier="2")
    assert json.loads(answer["Payload"].read()) == {"version": "2"}


def test_an_event_makes_versions_fail_or_just_the_one_it_names(aws: Aws, name: str) -> None:
    event = {"error_rate": 1, "only": "2"}
    assert ask(aws, name, "1", **event) == ("1", "")
    assert ask(aws, name, "2", **event) == ("2", "RuntimeError")
    assert ask(aws, name, "1", error_rate=1) == ("1", "RuntimeError")


def test_a_release_publishes_a_version_that_behaves_as_told(aws: Aws, name: str) -> None:
    released = run("release", "--prefix", name, "--error-rate", "1")
    assert released == {"function": name, "version": "3"}
    assert ask(aws, name, "3") == ("3", "RuntimeError")
    assert ask(aws, name, "2") == ("2", "")


def test_load_on_an_alias_counts_answers_by_version_and_errors(aws: Aws, name: str) -> None:
    aws("lambda").update_alias(
        FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}}
    )
    event = json.dumps({"error_rate": 1, "only": "2"})
    told = run(
        "load",
        "--prefix",
        name,
        "--alias",
        "live",
        "--payload",
        event,
        "--rate",
        "30",
        "--for",
        "3",
    )
    by_version = told["by_minute"]["1"]
    assert set(by_version) == {"1", "2"}
    assert told["requests"] == sum(by_version.values())
    assert told["errors_by_version"] == {"2": by_version["2"]}
    assert told["errors_by_kind"] == {"RuntimeError": by_version["2"]}


def test_what_is_throttled_came_from_no_version(aws: Aws, name: str) -> None:
    client = Function.client_once()
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert invoked(client, name, "live", "{}") == ("nobody", "TooManyRequestsException")


def test_a_canary_of_codedeploy_splits_real_invocations(aws: Aws, localstack: Any) -> None:
    assert localstack.endpoint
    world = LambdaWorld(Clients.from_environment(), f"fun-{uuid.uuid4().hex[:8]}").seed()
    name = world["function"]
    content = {"content": world["app_spec"]}
    deployment = aws("codedeploy").create_deployment(
        applicationName=name,
        deploymentGroupName=name,
        deploymentConfigName="CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
        revision={"revisionType": "AppSpecContent", "appSpecContent": content},
    )["deploymentId"]
    # One of ten goes to the new version; that none of 100 does is a matter of 3 in 100,000.
    eventually(lambda: aws("lambda").get_alias(FunctionName=name, Name="live").get("RoutingConfig"))
    assert {ask(aws, name, "live")[0] for _ in range(100)} == {"1", "2"}
    aws("codedeploy").stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
    eventually(
        lambda: not aws("lambda").get_alias(FunctionName=name, Name="live").get("RoutingConfig")
    )
    assert {ask(aws, name, "live")[0] for _ in range(20)} == {"1"}
