"""Event source mappings that read queues: batches, failures, filters, states."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from conftest import eventually, refused_as
from mapped import EVERY, Reader, waiting

Aws = Callable[[str], Any]


@pytest.fixture
def reader(aws: Aws) -> Reader:
    return Reader(aws)


def test_what_is_in_a_queue_reaches_the_function_and_leaves_the_queue(reader: Reader) -> None:
    queue = reader.queue()
    reader.send(queue, *({"id": number} for number in range(20)))
    reader.map(queue.arn)
    assert set(reader.has_seen(*range(20)).values()) == {1}
    assert eventually(lambda: waiting(reader.sqs, queue) == (0, 0))


def test_a_record_is_told_as_on_aws(reader: Reader) -> None:
    queue = reader.queue()
    attribute = {"kind": {"DataType": "String", "StringValue": "paid"}}
    reader.send(queue, {"id": 1}, MessageAttributes=attribute)
    reader.map(queue.arn)
    reader.has_seen(1)
    record = reader.noted()[0]["first"]
    assert (record["eventSource"], record["eventSourceARN"]) == ("aws:sqs", queue.arn)
    assert record["awsRegion"] == "eu-west-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["kind"] == {
        "stringValue": "paid",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }


def test_a_mapping_passes_through_states_that_take_a_while(reader: Reader) -> None:
    queue = reader.queue()
    mapping = reader.map(queue.arn)
    assert reader.update(mapping, BatchSize=1)["State"] == "Updating"
    with refused_as("ResourceInUseException", "Cannot update the event source mapping"):
        reader.update(mapping, BatchSize=2)
    with refused_as("ResourceInUseException", "Cannot delete the event source mapping"):
        reader.lambda_.delete_event_source_mapping(UUID=mapping)
    reader.comes_to(mapping, "Enabled")
    assert reader.update(mapping, Enabled=False)["State"] == "Disabling"
    reader.comes_to(mapping, "Disabled")
    assert reader.update(mapping, Enabled=True)["State"] == "Enabling"
    reader.comes_to(mapping, "Enabled")
    deleted = reader.lambda_.delete_event_source_mapping(UUID=mapping)
    assert (deleted["State"], deleted["StateTransitionReason"]) == ("Deleting", "USER_INITIATED")

    def is_gone() -> bool:
        return not reader.lambda_.list_event_source_mappings(EventSourceArn=queue.arn)[
            "EventSourceMappings"
        ]

    eventually(is_gone)
    with refused_as("ResourceNotFoundException", "The resource you requested does not exist."):
        reader.state(mapping)


def test_a_mapping_can_be_created_disabled(reader: Reader) -> None:
    queue = reader.queue()
    reader.send(queue, {"id": 1})
    made = reader.lambda_.create_event_source_mapping(
        EventSourceArn=queue.arn, FunctionName=reader.name, Enabled=False
    )
    reader.comes_to(made["UUID"], "Disabled")
    assert waiting(reader.sqs, queue) == (1, 0)
    reader.update(made["UUID"], Enabled=True)
    reader.has_seen(1)


def test_a_mapping_has_tags_of_its_own(reader: Reader) -> None:
    mapping = reader.map(reader.queue().arn)
    told = reader.lambda_.get_event_source_mapping(UUID=mapping)
    arn, function = told["EventSourceMappingArn"], told["FunctionArn"]
    reader.lambda_.tag_resource(Resource=arn, Tags={"run": "a", "team": "shop"})
    reader.lambda_.tag_resource(Resource=function, Tags={"of": "function"})
    reader.lambda_.untag_resource(Resource=arn, TagKeys=["run", "none"])
    assert reader.lambda_.list_tags(Resource=arn)["Tags"] == {"team": "shop"}
    assert reader.lambda_.list_tags(Resource=function)["Tags"] == {"of": "function"}
    with refused_as("ResourceNotFoundException", "does not exist"):
        reader.lambda_.list_tags(Resource=arn.replace(mapping, str(uuid.uuid4())))


def test_disabling_lets_what_is_in_flight_end_and_reads_no_more(reader: Reader) -> None:
    queue = reader.queue()
    mapping = reader.map(queue.arn, BatchSize=1)
    reader.send(queue, {"id": "slow", "seconds": 2})
    eventually(lambda: waiting(reader.sqs, queue) == (0, 1))
    reader.update(mapping, Enabled=False)
    # A request that was on its way may still bring one message; none after it was told.
    eventually(lambda: reader.state(mapping) == "Disabling")
    reader.comes_to(mapping, "Disabled")
    assert reader.has_seen("slow") == {"slow": 1}
    assert waiting(reader.sqs, queue) == (0, 0)
    reader.send(queue, {"id": "later"})
    assert waiting(reader.sqs, queue) == (1, 0)
    assert "later" not in reader.ids()


def test_a_failed_batch_returns_and_is_then_among_the_dead_letters(reader: Reader) -> None:
    dead = reader.queue("dead")
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    queue = reader.queue(RedrivePolicy=policy)
    reader.map(queue.arn)
    reader.send(queue, {"id": 1, "fail": EVERY})
    (body,) = dead.bodies(1, within=60)
    assert body["id"] == 1
    assert reader.ids() == {1: 2}
    assert waiting(reader.sqs, queue) == (0, 0)


def test_only_what_is_reported_as_failed_returns(aws: Aws) -> None:
    reader = Reader(aws, REPORTS="yes")
    queue = reader.queue(VisibilityTimeout="5")
    reader.send(queue, {"id": "good"}, {"id": "bad", "fail": ["$LATEST"]}, {"id": "fine"})
    reader.map(queue.arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    reader.has_seen("good", "bad", "fine")
    assert eventually(lambda: waiting(reader.sqs, queue) == (0, 1))
    eventually(lambda: reader.ids()["bad"] == 2)
    assert (reader.ids()["good"], reader.ids()["fine"]) == (1, 1)


def test_what_does_not_match_the_filter_is_deleted(reader: Reader) -> None:
    queue = reader.queue()
    pattern = json.dumps({"body": {"id": [{"numeric": [">", 5]}], "kind": [{"prefix": "or"}]}})
    reader.map(queue.arn, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    reader.send(queue, {"id": 1, "kind": "order"}, {"id": 9, "kind": "pay"})
    reader.send(queue, {"id": 7, "kind": "order"})
    reader.has_seen(7)
    assert eventually(lambda: waiting(reader.sqs, queue) == (0, 0))
    assert reader.ids() == {7: 1}


def test_there_are_never_more_at_once_than_the_mapping_allows(reader: Reader) -> None:
    queue = reader.queue()
    reader.send(queue, *({"id": number, "seconds": 0.3} for number in range(8)))
    reader.map(queue.arn, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    reader.has_seen(*range(8))
    notes = reader.noted()
    at_once = [
        sum(each["began"] <= note["began"] < each["ended"] for each in notes) for note in notes
    ]
    assert max(at_once) == 2


def test_a_batch_fills_within_its_window(reader: Reader) -> None:
    queue = reader.queue()
    reader.map(queue.arn, BatchSize=50, MaximumBatchingWindowInSeconds=2)
    reader.send(queue, *({"id": number} for number in range(15)))
    reader.has_seen(*range(15))
    assert len(reader.noted()) == 1


def test_a_queue_that_was_gone_is_read_when_it_is_back(reader: Reader) -> None:
    queue = reader.queue()
    reader.map(queue.arn)
    reader.sqs.delete_queue(QueueUrl=queue.url)
    queue = reader.queue()
    reader.send(queue, {"id": 1})
    assert reader.has_seen(1) == {1: 1}


def test_a_throttled_batch_waits_for_room(reader: Reader) -> None:
    queue = reader.queue()
    reader.lambda_.put_function_concurrency(
        FunctionName=reader.name, ReservedConcurrentExecutions=1
    )
    reader.send(queue, *({"id": number, "seconds": 0.2} for number in range(6)))
    reader.map(queue.arn, BatchSize=1)
    assert set(reader.has_seen(*range(6)).values()) == {1}


def test_an_alias_gets_what_its_weights_say_and_can_be_repointed(reader: Reader) -> None:
    queue = reader.queue()
    for _ in ("1", "2"):
        reader.lambda_.update_function_configuration(
            FunctionName=reader.name, Description=_, Environment={"Variables": _notes(reader, _)}
        )
        reader.function.publish()
    reader.function.alias("live", "1", v2=0.5)
    mapping = reader.map(queue.arn, "live", BatchSize=1)
    reader.send(queue, *({"id": number} for number in range(40)))
    reader.has_seen(*range(40))
    assert {note["version"] for note in reader.noted()} == {"1", "2"}
    changed = reader.update(mapping, FunctionName=f"{reader.name}:2")
    assert changed["FunctionArn"] == f"{reader.function.arn}:2"
    reader.comes_to(mapping, "Enabled")
    reader.send(queue, *({"id": number} for number in range(40, 50)))
    reader.has_seen(*range(50))
    late = [note["version"] for note in reader.noted() if note["ids"][0] >= 40]
    assert set(late) == {"2"}


def _notes(reader: Reader, version: str) -> dict[str, str]:
    return {"NOTES": reader.notes.url, "OF": version}


def test_a_first_in_first_out_queue_keeps_its_order(reader: Reader) -> None:
    name = f"{reader.name}.fifo"
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "6"}
    url = reader.sqs.create_queue(QueueName=name, Attributes=fifo)["QueueUrl"]
    for number in range(12):
        body = json.dumps({"id": number})
        reader.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="one")
    reader.map(f"arn:aws:sqs:eu-west-1:000000000000:{name}", BatchSize=3)
    reader.has_seen(*range(12))
    notes = sorted(reader.noted(), key=lambda note: float(note["began"]))
    assert [each for note in notes for each in note["ids"]] == list(range(12))


def test_what_aws_refuses_is_refused(reader: Reader) -> None:
    queue = reader.queue()

    def create(**options: Any) -> Any:
        given = {"EventSourceArn": queue.arn, "FunctionName": reader.name, **options}
        return reader.lambda_.create_event_source_mapping(**given)

    wrong = "InvalidParameterValueException"
    with refused_as(wrong, "Function does not exist"):
        create(FunctionName="nowhere")
    with refused_as(wrong, "Function does not exist"):
        create(FunctionName=f"{reader.name}:nowhere")
    with refused_as(wrong, "NonExistentQueue"):
        create(EventSourceArn=f"{queue.arn}-nowhere")
    with refused_as(wrong, "Maximum batch window in seconds must be greater than 0"):
        create(BatchSize=11)
    with refused_as(wrong, "Invalid filter pattern definition."):
        create(FilterCriteria={"Filters": [{"Pattern": '{"body": "paid"}'}]})
    reader.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"VisibilityTimeout": "2"})
    with refused_as(wrong, "Queue visibility timeout: 2 seconds is less than Function timeout: 5"):
        create()
    reader.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"VisibilityTimeout": "30"})
    create()
    with refused_as("ResourceConflictException", "Please update or delete the existing mapping"):
        create()


def test_mappings_are_listed_by_source_and_by_function(reader: Reader) -> None:
    first, second = reader.queue("first"), reader.queue("second")
    reader.function.alias("live", reader.function.publish())
    one, two = reader.map(first.arn), reader.map(second.arn, "live")

    def listed(**options: str) -> set[str]:
        told = reader.lambda_.list_event_source_mappings(**options)["EventSourceMappings"]
        return {each["UUID"] for each in told}

    assert listed(EventSourceArn=first.arn) == {one}
    assert listed(FunctionName=reader.name) == {one}
    assert listed(FunctionName=f"{reader.name}:live") == {two}
