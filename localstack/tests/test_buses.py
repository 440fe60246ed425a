"""Buses of events: what rules want and where it goes, dead letters, archives and replays."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conftest import eventually, refused_as
from deployed import Function
from mapped import NOTING
from test_function_events import Queue

Aws = Callable[[str], Any]


class Bus:
    """A bus of a test."""

    def __init__(self, aws: Aws) -> None:
        self.name = f"bus-{uuid.uuid4().hex[:8]}"
        self.events, self.sqs = aws("events"), aws("sqs")
        self.arn: str = self.events.create_event_bus(Name=self.name)["EventBusArn"]

    def queue(self, part: str) -> Queue:
        return Queue(self.sqs, f"{self.name}-{part}")

    def rule(self, name: str, target: str, detail: Any = None, **options: Any) -> str:
        """A rule with one target; it wants what the shop sends, or what has such a detail."""
        pattern = {"source": ["shop"], **({"detail": detail} if detail else {})}
        made = self.events.put_rule(
            Name=name, EventBusName=self.name, EventPattern=json.dumps(pattern)
        )
        self.target(name, target, **options)
        arn: str = made["RuleArn"]
        return arn

    def target(self, rule: str, target: str, **options: Any) -> None:
        told = self.events.put_targets(
            Rule=rule, EventBusName=self.name, Targets=[{"Id": "1", "Arn": target, **options}]
        )
        assert told["FailedEntryCount"] == 0

    def send(self, *details: dict[str, Any]) -> None:
        for detail in details:
            entry = {"Source": "shop", "DetailType": "order", "EventBusName": self.name}
            self.events.put_events(Entries=[{**entry, "Detail": json.dumps(detail)}])


@pytest.fixture
def bus(aws: Aws) -> Bus:
    return Bus(aws)


def ids(queue: Queue, number: int) -> list[Any]:
    """What has come to a queue, once there is that much."""
    return sorted(body["detail"]["id"] for body in queue.bodies(number))


@pytest.mark.parametrize(
    ("condition", "wanted", "unwanted"),
    [
        ({"prefix": "eu-"}, "eu-1", "us-1"),
        ({"suffix": ".png"}, "a.png", "a.jpg"),
        ({"anything-but": ["test"]}, "live", "test"),
        ({"wildcard": "a*c"}, "ac", "ab"),
        ({"numeric": [">", 3]}, 4, 3),
    ],
)
def test_a_rule_sends_what_its_pattern_wants(
    bus: Bus, condition: Any, wanted: Any, unwanted: Any
) -> None:
    queue = bus.queue("wanted")
    bus.rule("rule", queue.arn, {"field": [condition]})
    bus.send({"id": 1, "field": unwanted}, {"id": 2, "field": wanted}, {"id": 3})
    assert ids(queue, 1) == [2]


def test_what_must_not_be_there_is_not(bus: Bus) -> None:
    queue = bus.queue("wanted")
    bus.rule("rule", queue.arn, {"trial": [{"exists": False}]})
    bus.send({"id": 1, "trial": True}, {"id": 2})
    assert ids(queue, 1) == [2]


def test_a_disabled_rule_sends_nothing_until_it_is_enabled(bus: Bus) -> None:
    queue, other = bus.queue("one"), bus.queue("two")
    bus.rule("one", queue.arn)
    bus.rule("two", other.arn)
    bus.events.disable_rule(Name="one", EventBusName=bus.name)
    bus.send({"id": 1})
    assert ids(other, 1) == [1]
    bus.events.enable_rule(Name="one", EventBusName=bus.name)
    bus.send({"id": 2})
    assert ids(queue, 1) == [2]


def test_targets_can_be_replaced_and_removed(bus: Bus) -> None:
    queue, other = bus.queue("one"), bus.queue("two")
    bus.rule("rule", queue.arn)
    bus.target("rule", other.arn)
    bus.send({"id": 1})
    assert ids(other, 1) == [1]
    bus.events.remove_targets(Rule="rule", EventBusName=bus.name, Ids=["1"])
    bus.rule("control", queue.arn)
    bus.send({"id": 2})
    assert ids(queue, 1) == [2]
    assert ids(other, 1) == [1]


def test_an_alias_can_be_a_target(aws: Aws, bus: Bus) -> None:
    assert aws("lambda")
    notes = bus.queue("notes")
    source = NOTING.replace(
        'event["Records"]', '[{"body": json.dumps(event["detail"]), "messageId": event["id"]}]'
    )
    function = Function(bus.name, source, Environment={"Variables": {"NOTES": notes.url}})
    function.alias("live", function.publish())
    bus.rule("rule", f"{function.arn}:live")
    bus.send({"id": 7})
    (note,) = notes.bodies(1)
    assert (note["ids"], note["version"]) == ([7], "1")


def test_a_topic_passes_on_what_its_subscription_wants(aws: Aws, bus: Bus) -> None:
    queue, sns = bus.queue("one"), aws("sns")
    topic = sns.create_topic(Name=bus.name)["TopicArn"]
    policy = json.dumps({"detail": {"kind": [{"anything-but": ["test"]}]}})
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue.arn,
        Attributes={
            "RawMessageDelivery": "true",
            "FilterPolicyScope": "MessageBody",
            "FilterPolicy": policy,
        },
    )
    bus.rule("rule", topic)
    bus.send({"id": 1, "kind": "test"}, {"id": 2, "kind": "order"})
    assert ids(queue, 1) == [2]


def test_what_cannot_be_delivered_is_among_the_dead_letters(bus: Bus) -> None:
    dead = bus.queue("dead")
    nowhere = f"{dead.arn}-nowhere"
    rule = bus.rule("rule", nowhere, DeadLetterConfig={"Arn": dead.arn})
    bus.send({"id": 1})
    assert ids(dead, 1) == [1]
    told = {name: each["StringValue"] for name, each in dead.seen[0]["MessageAttributes"].items()}
    assert (told["RULE_ARN"], told["TARGET_ARN"]) == (rule, nowhere)
    assert (told["ERROR_CODE"], told["RETRY_ATTEMPTS"]) == ("NO_RESOURCE", "0")


def test_what_rules_do_is_counted(aws: Aws, bus: Bus) -> None:
    queue = bus.queue("one")
    bus.rule("rule", queue.arn)
    bus.send({"id": 1}, {"id": 2})
    assert ids(queue, 2) == [1, 2]
    now = datetime.now(UTC)

    def counted(name: str) -> float:
        told = aws("cloudwatch").get_metric_statistics(
            Namespace="AWS/Events",
            MetricName=name,
            Dimensions=[
                {"Name": "EventBusName", "Value": bus.name},
                {"Name": "RuleName", "Value": "rule"},
            ],
            StartTime=now - timedelta(minutes=1),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )
        return float(sum(each["Sum"] for each in told["Datapoints"]))

    assert eventually(lambda: counted("Invocations") == 2)
    assert (counted("MatchedEvents"), counted("FailedInvocations")) == (2, 0)


class Archive:
    """An archive with a few events in it, and two rules that want them."""

    def __init__(self, bus: Bus, number: int) -> None:
        self.bus = bus
        self.began = datetime.now(UTC)
        self.arn: str = bus.events.create_archive(ArchiveName=bus.name, EventSourceArn=bus.arn)[
            "ArchiveArn"
        ]
        self.queues = [bus.queue("one"), bus.queue("two")]
        self.rules = [bus.rule(f"rule-{n}", queue.arn) for n, queue in enumerate(self.queues)]
        bus.send(*({"id": each} for each in range(number)))
        for queue in self.queues:
            assert ids(queue, number) == list(range(number))
            queue.seen.clear()

    def replay(self, **destination: Any) -> dict[str, Any]:
        told: dict[str, Any] = self.bus.events.start_replay(
            ReplayName=self.bus.name,
            EventSourceArn=self.arn,
            EventStartTime=self.began - timedelta(minutes=1),
            EventEndTime=datetime.now(UTC) + timedelta(minutes=1),
            Destination={"Arn": self.bus.arn, **destination},
        )
        return told

    def state(self) -> str:
        return str(self.bus.events.describe_replay(ReplayName=self.bus.name)["State"])


def test_a_replay_goes_to_the_rules_it_names_alone(bus: Bus) -> None:
    archive = Archive(bus, 3)
    told = archive.replay(FilterArns=[archive.rules[1]])
    assert told["State"] == "STARTING"
    eventually(lambda: archive.state() == "COMPLETED")
    replayed = archive.queues[1].bodies(3)
    assert sorted(body["detail"]["id"] for body in replayed) == [0, 1, 2]
    assert {body["replay-name"] for body in replayed} == {bus.name}
    assert archive.queues[0].messages() == []
    (listed,) = bus.events.list_replays(EventSourceArn=archive.arn)["Replays"]
    assert (listed["ReplayName"], listed["State"]) == (bus.name, "COMPLETED")
    assert bus.events.list_replays(State="RUNNING")["Replays"] == []
    assert listed["ReplayStartTime"] <= listed["ReplayEndTime"]


def test_a_replay_without_rules_goes_to_all_of_them(bus: Bus) -> None:
    archive = Archive(bus, 2)
    archive.replay()
    for queue in archive.queues:
        assert ids(queue, 2) == [0, 1]


def test_a_replay_can_be_cancelled(bus: Bus) -> None:
    archive = Archive(bus, 2)
    archive.replay()
    told = bus.events.cancel_replay(ReplayName=bus.name)
    assert told["State"] == "CANCELLING"
    eventually(lambda: archive.state() == "CANCELLED")
    with refused_as("IllegalStatusException"):
        bus.events.cancel_replay(ReplayName=bus.name)
    with refused_as("ResourceAlreadyExistsException"):
        archive.replay()


def test_a_replay_needs_an_archive_and_rules_that_there_are(bus: Bus) -> None:
    archive = Archive(bus, 1)
    with refused_as("ValidationException", "FilterArns"):
        archive.replay(FilterArns=[f"{archive.rules[0]}-nowhere"])
    archive.arn += "-nowhere"
    with refused_as("ValidationException", "does not exist"):
        archive.replay()


def test_a_function_is_subscribed_to_what_its_filter_wants(aws: Aws, bus: Bus) -> None:
    notes, sns = bus.queue("notes"), aws("sns")
    source = NOTING.replace(
        'event["Records"]',
        '[{"body": r["Sns"]["Message"], "messageId": r["Sns"]["MessageId"]}'
        ' for r in event["Records"]]',
    )
    function = Function(bus.name, source, Environment={"Variables": {"NOTES": notes.url}})
    function.alias("live", function.publish())
    topic = sns.create_topic(Name=bus.name)["TopicArn"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="lambda",
        Endpoint=f"{function.arn}:live",
        Attributes={"FilterPolicy": json.dumps({"kind": [{"prefix": "or"}]})},
    )
    for number, kind in enumerate(("test", "order")):
        sns.publish(
            TopicArn=topic,
            Message=json.dumps({"id": number}),
            MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
        )
    (note,) = notes.bodies(1)
    assert (note["ids"], note["version"]) == ([1], "1")
