"""Events that nobody waits for: they are tried again, and told of or kept when given up."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from conftest import eventually, refused_as
from deployed import Function
from test_function_metrics import Metrics

Aws = Callable[[str], Any]

NOTED = """
import boto3, json
def handler(event, context):
    told = {"id": context.aws_request_id, "version": context.function_version, "event": event}
    boto3.client("sqs").send_message(QueueUrl=event["notes"], MessageBody=json.dumps(told))
    if event.get("fail"):
        raise RuntimeError("asked to")
    return {"done": True}
"""


class Queue:
    """A queue of a test."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.url: str = client.create_queue(QueueName=name)["QueueUrl"]
        named = client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn: str = named["Attributes"]["QueueArn"]
        self.seen: list[dict[str, Any]] = []

    def messages(self) -> list[dict[str, Any]]:
        """All that has arrived so far."""
        told = self._client.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        for message in told.get("Messages", []):
            self._client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            self.seen.append(message)
        return self.seen

    def bodies(self, number: int, within: float = 20) -> list[Any]:
        """The bodies of that many messages, once they have arrived."""
        eventually(lambda: len(self.messages()) >= number, within=within)
        return [json.loads(message["Body"]) for message in self.seen]


class Story:
    """A function, the notes it takes, and a queue for what becomes of its events."""

    def __init__(self, aws: Aws) -> None:
        name = f"events-{uuid.uuid4().hex[:8]}"
        self.function = Function(name, NOTED, Timeout=20)
        self.client = self.function.client
        self.notes, self.told = (Queue(aws("sqs"), f"{name}-{each}") for each in ("notes", "told"))

    def configure(self, **options: Any) -> dict[str, Any]:
        """Say how events are treated."""
        told: dict[str, Any] = self.client.put_function_event_invoke_config(
            FunctionName=self.function.name, **options
        )
        return told

    def destination(self, outcome: str) -> dict[str, Any]:
        return {"DestinationConfig": {outcome: {"Destination": self.told.arn}}}

    def send(self, qualifier: str | None = None, *, fail: bool = False) -> str:
        """Send an event; the identifier of the request."""
        event = {"notes": self.notes.url, "fail": fail}
        answer = self.function.invoke(event, qualifier, InvocationType="Event")
        assert (answer["StatusCode"], answer["Payload"]) == (202, None)
        identifier: str = answer["ResponseMetadata"]["RequestId"]
        return identifier


@pytest.fixture
def story(aws: Aws) -> Story:
    return Story(aws)


def test_an_event_is_answered_at_once_and_reaches_its_function(story: Story) -> None:
    identifier = story.send()
    (note,) = story.notes.bodies(1)
    assert (note["id"], note["version"]) == (identifier, "$LATEST")


def test_the_old_way_to_send_an_event_still_works(story: Story) -> None:
    event = json.dumps({"notes": story.notes.url, "old": True})
    answer = story.client.invoke_async(FunctionName=story.function.name, InvokeArgs=event)
    assert answer["Status"] == 202
    assert story.notes.bodies(1)[0]["event"]["old"] is True


def test_an_event_for_an_alias_reaches_the_version_it_leads_to(story: Story) -> None:
    story.function.alias("live", story.function.publish())
    story.send("live")
    assert story.notes.bodies(1)[0]["version"] == "1"


def test_a_failed_event_is_tried_twice_more_and_then_told_of(story: Story) -> None:
    story.configure(**story.destination("OnFailure"))
    began = time.monotonic()
    identifier = story.send(fail=True)
    (record,) = story.told.bodies(1)
    # One minute and then two, of 0.4 s each.
    assert time.monotonic() - began >= 1.2
    assert {note["id"] for note in story.notes.bodies(3)} == {identifier}
    context = record["requestContext"]
    assert context["condition"] == "RetriesExhausted"
    assert (context["requestId"], context["approximateInvokeCount"]) == (identifier, 3)
    assert context["functionArn"] == f"{story.function.arn}:$LATEST"
    assert record["requestPayload"]["fail"] is True
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "asked to"


def test_a_failed_event_is_not_tried_again_where_no_retries_are_wanted(story: Story) -> None:
    story.configure(MaximumRetryAttempts=0, **story.destination("OnFailure"))
    story.send(fail=True)
    (record,) = story.told.bodies(1)
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert len(story.notes.bodies(1)) == 1


def test_an_event_that_succeeds_is_told_of_where_that_is_wanted(story: Story) -> None:
    story.configure(**story.destination("OnSuccess"))
    story.send()
    (record,) = story.told.bodies(1)
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"done": True}


def test_a_topic_can_be_the_destination(aws: Aws, story: Story) -> None:
    sns = aws("sns")
    topic = sns.create_topic(Name=story.function.name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=story.told.arn)
    story.configure(MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": topic}})
    story.send(fail=True)
    (notice,) = story.told.bodies(1)
    assert json.loads(notice["Message"])["requestContext"]["condition"] == "RetriesExhausted"


def test_an_event_given_up_goes_to_the_dead_letter_queue_as_it_came(aws: Aws, story: Story) -> None:
    name = story.function.name
    story.client.update_function_configuration(
        FunctionName=name, DeadLetterConfig={"TargetArn": story.told.arn}
    )
    story.function.alias("live", story.function.publish())
    described = story.client.get_function_configuration(FunctionName=name, Qualifier="live")
    assert described["DeadLetterConfig"] == {"TargetArn": story.told.arn}
    identifier = story.send("live", fail=True)
    assert story.told.bodies(1)[0]["fail"] is True
    attributes = {
        name: told["StringValue"] for name, told in story.told.seen[0]["MessageAttributes"].items()
    }
    assert attributes == {
        "RequestID": identifier,
        "ErrorCode": "200",
        "ErrorMessage": "asked to",
    }
    metrics = Metrics(aws("cloudwatch"), name)
    assert eventually(lambda: metrics.of("AsyncEventsDropped")) == 1


def test_an_event_that_would_become_too_old_is_not_tried_again(story: Story) -> None:
    # That is two minutes, and the pauses before two retries are three.
    story.configure(MaximumEventAgeInSeconds=120, **story.destination("OnFailure"))
    story.send(fail=True)
    (record,) = story.told.bodies(1)
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] < 3


def test_a_throttled_event_waits_until_there_is_room(story: Story) -> None:
    name = story.function.name
    story.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    for _ in range(3):
        story.send()
    assert len(story.notes.bodies(3)) == 3


def test_events_of_a_stopped_function_are_given_up_at_once(story: Story) -> None:
    name = story.function.name
    story.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    story.configure(**story.destination("OnFailure"))
    story.send()
    (record,) = story.told.bodies(1)
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record


def test_a_destination_that_is_not_there_counts_as_failed_delivery(aws: Aws, story: Story) -> None:
    nowhere = f"{story.told.arn}-nowhere"
    story.configure(DestinationConfig={"OnSuccess": {"Destination": nowhere}})
    story.send()
    metrics = Metrics(aws("cloudwatch"), story.function.name)
    assert eventually(lambda: metrics.of("DestinationDeliveryFailures")) == 1


def test_each_qualifier_has_its_own_treatment_of_events(story: Story) -> None:
    name = story.function.name
    story.function.alias("live", story.function.publish())
    story.configure(MaximumRetryAttempts=1)
    put = story.configure(Qualifier="live", MaximumRetryAttempts=0, MaximumEventAgeInSeconds=90)
    assert put["FunctionArn"] == f"{story.function.arn}:live"
    changed = story.client.update_function_event_invoke_config(
        FunctionName=name, Qualifier="live", MaximumRetryAttempts=2
    )
    assert (changed["MaximumRetryAttempts"], changed["MaximumEventAgeInSeconds"]) == (2, 90)
    listed = story.client.list_function_event_invoke_configs(FunctionName=name)
    assert [each["MaximumRetryAttempts"] for each in listed["FunctionEventInvokeConfigs"]] == [1, 2]
    story.client.delete_function_event_invoke_config(FunctionName=name, Qualifier="live")
    with refused_as("ResourceNotFoundException", f"{name}:nowhere"):
        story.configure(Qualifier="nowhere", MaximumRetryAttempts=1)
    with refused_as("ResourceNotFoundException", "EventInvokeConfig"):
        story.client.get_function_event_invoke_config(FunctionName=name, Qualifier="live")
