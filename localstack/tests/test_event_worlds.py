"""Worlds that handle events: whatever is sent is handled once, and what is not is told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conftest import eventually
from tidegate_localstack.worlds.api import ApiWorld
from tidegate_localstack.worlds.events import BusWorld, EventWorld, StreamWorld
from tidegate_localstack.worlds.world import Clients, World

Aws = Callable[[str], Any]


@pytest.fixture
def name(localstack: Any) -> str:
    assert localstack.endpoint
    return f"ev-{uuid.uuid4().hex[:8]}"


def begin(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tidegate_localstack.worlds.load", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    told: dict[str, Any] = json.loads(out)
    return told


def load(*arguments: str) -> dict[str, Any]:
    return finished(begin(*arguments))


@pytest.mark.parametrize("kind", [BusWorld, EventWorld, StreamWorld])
def test_every_event_is_handled_once(kind: type[World], name: str) -> None:
    world = kind(Clients.from_environment(), name).seed()
    assert kind(Clients.from_environment(), name).seed() == world
    told = load("--prefix", name, "--events", "--rate", "20", "--for", "4")
    # How many that is depends on the machine.
    assert told["sent"] > 0
    assert (told["once"], told["lost"], told["twice"]) == (told["sent"], 0, 0)
    assert told["by_version"] == {"1": told["sent"]}
    assert told["alarm"] is None


def test_a_target_can_be_handed_over_and_events_be_replayed_to_another(aws: Aws, name: str) -> None:
    world = BusWorld(Clients.from_environment(), name).seed()
    process = begin("--prefix", name, "--events", "--rate", "10", "--for", "60")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("tide-aws: events are handled")
    events = aws("events")
    at = {"Rule": f"{name}-orders", "EventBusName": name}
    (target,) = events.list_targets_by_rule(**at)["Targets"]
    events.put_targets(**at, Targets=[{**target, "Arn": f"{world['function']}:2"}])
    eventually(lambda: "2" in versions(aws, name))
    process.send_signal(signal.SIGTERM)
    told = finished(process)
    assert (told["once"], told["lost"], told["twice"]) == (told["sent"], 0, 0)
    assert set(told["by_version"]) == {"1", "2"}
    rehearsal = world["rule"].replace("-orders", "-rehearsal")
    now = datetime.now(UTC)
    events.start_replay(
        ReplayName=name,
        EventSourceArn=events.describe_archive(ArchiveName=name)["ArchiveArn"],
        EventStartTime=now - timedelta(minutes=10),
        EventEndTime=now,
        Destination={"Arn": world["bus"], "FilterArns": [rehearsal]},
    )
    eventually(lambda: events.describe_replay(ReplayName=name)["State"] == "COMPLETED")
    # What version 1 has handled, version 2 handles again; and its own too.
    eventually(lambda: handled(aws, name) == 2 * told["sent"], within=60.0)


def test_an_alias_can_be_shifted_while_events_are_handled(aws: Aws, name: str) -> None:
    EventWorld(Clients.from_environment(), name).seed()
    process = begin("--prefix", name, "--events", "--rate", "20", "--for", "30")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("tide-aws: events are handled")
    routing = {"AdditionalVersionWeights": {"2": 0.5}}
    aws("lambda").update_alias(FunctionName=name, Name="live", RoutingConfig=routing)
    eventually(lambda: "2" in versions(aws, name))
    process.send_signal(signal.SIGTERM)
    told = finished(process)
    assert (told["once"], told["lost"], told["twice"]) == (told["sent"], 0, 0)
    assert set(told["by_version"]) == {"1", "2"}


@pytest.mark.parametrize("kind", [EventWorld, StreamWorld])
def test_no_event_is_lost_while_their_mapping_is_disabled_and_pointed_elsewhere(
    aws: Aws, kind: type[World], name: str
) -> None:
    mapping = kind(Clients.from_environment(), name).seed()["event_source_mapping"]
    functions = aws("lambda")

    def update(state: str, **options: Any) -> None:
        functions.update_event_source_mapping(UUID=mapping, **options)
        eventually(lambda: functions.get_event_source_mapping(UUID=mapping)["State"] == state)

    process = begin("--prefix", name, "--events", "--rate", "20", "--for", "30")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("tide-aws: events are handled")
    for qualifier in ("2", "live"):
        update("Disabled", Enabled=False)
        update("Enabled", Enabled=True, FunctionName=f"{name}:{qualifier}")
        update("Enabled", BatchSize=3)
    eventually(lambda: "2" in versions(aws, name))
    process.send_signal(signal.SIGTERM)
    told = finished(process)
    assert (told["once"], told["lost"], told["twice"]) == (told["sent"], 0, 0)


def handled(aws: Aws, name: str) -> int:
    pages = aws("dynamodb").get_paginator("scan").paginate(TableName=f"{name}-handled")
    return sum(page["Count"] for page in pages)


def versions(aws: Aws, name: str) -> set[str]:
    found = aws("dynamodb").scan(TableName=f"{name}-handled")["Items"]
    return {item["version"]["S"] for item in found}


def test_a_version_that_loses_events_and_handles_others_twice_is_told(aws: Aws, name: str) -> None:
    StreamWorld(Clients.from_environment(), name).seed()
    command = [sys.executable, "-m", "tidegate_localstack.worlds.release", "--prefix", name]
    done = subprocess.run(
        [*command, "--lose-rate", "0.3", "--twice-rate", "0.3"],
        check=True,
        capture_output=True,
        text=True,
    )
    version = json.loads(done.stdout)["version"]
    aws("lambda").update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    told = load("--prefix", name, "--events", "--rate", "25", "--for", "3", "--settle", "2")
    assert told["lost"] > 0
    assert told["twice"] > 0
    assert told["once"] + told["lost"] + told["twice"] == told["sent"]


def test_events_are_waited_for_as_long_as_some_are_handled(aws: Aws, name: str) -> None:
    mapping = StreamWorld(Clients.from_environment(), name).seed()["event_source_mapping"]
    command = [sys.executable, "-m", "tidegate_localstack.worlds.release", "--prefix", name]
    done = subprocess.run(
        [*command, "--latency-ms", "1000"], check=True, capture_output=True, text=True
    )
    version = json.loads(done.stdout)["version"]
    aws("lambda").update_alias(FunctionName=name, Name="live", FunctionVersion=version)
    aws("lambda").update_event_source_mapping(UUID=mapping, BatchSize=2)
    told = load("--prefix", name, "--events", "--rate", "20", "--for", "3", "--settle", "6")
    # At two a second of each of two shards this takes a good ten seconds after the last was sent.
    assert (told["once"], told["lost"]) == (told["sent"], 0)


def test_events_that_fail_are_among_the_dead_letters_and_an_alarm_tells(
    aws: Aws, name: str
) -> None:
    world = EventWorld(Clients.from_environment(), name).seed()
    command = [sys.executable, "-m", "tidegate_localstack.worlds.release", "--prefix", name]
    subprocess.run([*command, "--error-rate", "1"], check=True, capture_output=True)
    aws("lambda").update_alias(FunctionName=name, Name="live", FunctionVersion="3")
    url = world["queue"]
    # A second instead of a minute, three times over.
    aws("lambda").update_function_configuration(FunctionName=name, Timeout=1)
    aws("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    told = load("--prefix", name, "--events", "--rate", "10", "--for", "1")
    assert told["lost"] == told["dead_letters"] == told["sent"] > 0
    names = {"AttributeNames": ["ApproximateNumberOfMessages"]}

    def dead() -> int:
        read = aws("sqs").get_queue_attributes(QueueUrl=world["dead_letter_queue"], **names)
        return int(read["Attributes"]["ApproximateNumberOfMessages"])

    eventually(lambda: dead() == told["sent"])

    def state() -> str:
        found = aws("cloudwatch").describe_alarms(AlarmNames=[f"{name}-dead"])
        return str(found["MetricAlarms"][0]["StateValue"])

    eventually(lambda: state() == "ALARM")


def test_users_ask_the_stage_of_an_api(aws: Aws, name: str) -> None:
    world = ApiWorld(Clients.from_environment(), name).seed()
    assert ApiWorld(Clients.from_environment(), name).seed() == world
    aws("apigateway").create_deployment(
        restApiId=world["api"],
        stageName=world["stage"],
        canarySettings={
            "percentTraffic": 50.0,
            "stageVariableOverrides": {"alias": "next"},
        },
    )
    told = load("--prefix", name, "--stage", "prod", "--rate", "30", "--for", "3")
    assert told["errors"] == 0
    assert set(told["by_minute"]["1"]) == {"1", "2"}
