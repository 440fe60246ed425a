"""Worlds whose function handles events: from a bus, through a queue or not, and from a stream.

The function has versions 1 and 2. An event source mapping gives events to its alias `live`, which
leads to 1, or a rule sends them to version 1. What it has handled is in a table, see consumer.py.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from tidegate_localstack.errors import LocalAwsError
from tidegate_localstack.worlds import consumer, function
from tidegate_localstack.worlds.world import READY_TIMEOUT_SECONDS, World, alarm

ALIAS = "live"
ATTEMPTS = 3
"""How often an event is received before it is a dead letter."""
SECONDS = 60
"""How long the function may take for a batch, and a message is hidden from others meanwhile.

What takes longer is handled again, as SQS and Kinesis do. Here that has to be something wrong with
a roll-out, and never a machine that is busy.
"""
STREAM_SECONDS = 600
"""The same for a stream, whose batches are larger, and hidden from nobody meanwhile."""
BATCH = 5
OLDEST_SECONDS = 20.0
"""An event that waits longer is an alarm."""


class _ConsumerWorld(World):
    def consumer(self, seconds: int = SECONDS) -> str:
        """The table and the function with its alias; the ARN of the alias."""
        functions, table = getattr(self.aws, "lambda"), self.named("handled")
        if table not in self.aws.dynamodb.list_tables()["TableNames"]:
            consumer.create_table(self.aws.dynamodb, table)
        if not function.is_there(functions, self.prefix):
            role = function.role(self.aws.iam, self.prefix)
            variables = {consumer.TABLE: table}
            function.create(
                functions, self.prefix, role, consumer.SOURCE, variables, seconds=seconds
            )
            for _ in ("1", "2"):
                function.publish(functions, self.prefix)
            functions.create_alias(FunctionName=self.prefix, Name=ALIAS, FunctionVersion="1")
        alias: str = functions.get_alias(FunctionName=self.prefix, Name=ALIAS)["AliasArn"]
        return alias

    def mapping(self, source: str, alias: str, **options: Any) -> str:
        """The event source mapping from a source to the alias."""
        functions = getattr(self.aws, "lambda")
        found = functions.list_event_source_mappings(EventSourceArn=source)["EventSourceMappings"]
        for each in found:
            return str(each["UUID"])
        made = functions.create_event_source_mapping(
            EventSourceArn=source,
            FunctionName=alias,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            **options,
        )
        return str(made["UUID"])

    def consumer_alarms(self, **others: dict[str, Any]) -> dict[str, str]:
        """Alarms on the alias, and others."""
        of_alias = {"FunctionName": self.prefix, "Resource": f"{self.prefix}:{ALIAS}"}
        return self.alarms(
            {"errors": alarm("AWS/Lambda", "Errors", "Sum", 3.0, **of_alias), **others}
        )

    def queue(self, part: str, **attributes: str) -> tuple[str, str]:
        """A queue of this world: its URL and its ARN."""
        sqs = self.aws.sqs
        url = sqs.create_queue(QueueName=self.named(part), Attributes=attributes)["QueueUrl"]
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return url, told["QueueArn"]

    def bus(self) -> str:
        """The bus of this world: its ARN."""
        events = self.aws.events
        try:
            return str(events.describe_event_bus(Name=self.prefix)["Arn"])
        except ClientError:
            return str(events.create_event_bus(Name=self.prefix)["EventBusArn"])

    def bus_rule(self, part: str, target: Mapping[str, Any], **more: Any) -> str:
        """A rule of the bus for this world's orders, with one target: its ARN."""
        events, name = self.aws.events, self.named(part)
        found = events.list_rules(EventBusName=self.prefix, NamePrefix=name)["Rules"]
        if found:
            return str(found[0]["Arn"])
        pattern = json.dumps({"source": [self.prefix], "detail-type": ["order"], **more})
        made = events.put_rule(Name=name, EventBusName=self.prefix, EventPattern=pattern)
        events.put_targets(Rule=name, EventBusName=self.prefix, Targets=[target])
        return str(made["RuleArn"])

    def described(self, mapping: str, alarms: Mapping[str, str]) -> dict[str, Any]:
        """What is told of the world, once events are read and no alarm is on."""
        self._wait_until_read(mapping, alarms)
        return {
            "prefix": self.prefix,
            "function": self.prefix,
            "alias": ALIAS,
            "event_source_mapping": mapping,
            "table": self.named("handled"),
            "alarms": dict(alarms),
        }

    def _wait_until_read(self, mapping: str, alarms: Mapping[str, str]) -> None:
        functions, names = getattr(self.aws, "lambda"), [self.named(kind) for kind in alarms]
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            state = functions.get_event_source_mapping(UUID=mapping)["State"]
            found = self.describe_alarms(names).values()
            if state == "Enabled" and {each["StateValue"] for each in found} == {"OK"}:
                return
            time.sleep(0.05)
        raise LocalAwsError(f"{self.prefix} does not read its events in time")


class EventWorld(_ConsumerWorld):
    """A bus whose rule fills a queue, with dead letters, from which the function is fed."""

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        alias = self.consumer()
        dead = self.queue("dead")
        policy = json.dumps({"deadLetterTargetArn": dead[1], "maxReceiveCount": ATTEMPTS})
        queue = self.queue("orders", VisibilityTimeout=str(SECONDS), RedrivePolicy=policy)
        bus = self.bus()
        rule = self.bus_rule("orders", {"Id": "queue", "Arn": queue[1]})
        mapping = self.mapping(queue[1], alias, BatchSize=BATCH)
        space, of_queue = "AWS/SQS", {"QueueName": self.named("orders")}
        age = alarm(space, "ApproximateAgeOfOldestMessage", "Maximum", OLDEST_SECONDS, **of_queue)
        visible, of_dead = "ApproximateNumberOfMessagesVisible", {"QueueName": self.named("dead")}
        alarms = self.consumer_alarms(
            age=age, dead=alarm(space, visible, "Maximum", 0.0, **of_dead)
        )
        return {
            "kind": "event-driven",
            **self.described(mapping, alarms),
            "bus": bus,
            "rule": rule,
            "queue": queue[0],
            "dead_letter_queue": dead[0],
        }


class BusWorld(_ConsumerWorld):
    """A bus with a rule that sends its events to version 1 of the function, and an archive.

    Version 2 may be sent them too, and has a rule of its own for what is replayed.
    """

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        function_arn = self.consumer().removesuffix(f":{ALIAS}")
        dead, bus = self.queue("dead"), self.bus()
        self._let_in("1", bus)
        self._let_in("2", bus)
        target = {
            "Id": "handler",
            "Arn": f"{function_arn}:1",
            "DeadLetterConfig": {"Arn": dead[1]},
            "RetryPolicy": {"MaximumRetryAttempts": ATTEMPTS, "MaximumEventAgeInSeconds": 600},
        }
        rule = self.bus_rule("orders", target)
        rehearsed = {"replay-name": [{"exists": True}]}
        rehearsal = {"Id": "candidate", "Arn": f"{function_arn}:2"}
        self.bus_rule("rehearsal", rehearsal, **rehearsed)
        self._archive(bus)
        of_function = {"FunctionName": self.prefix}
        of_dead = {"QueueName": self.named("dead")}
        visible = "ApproximateNumberOfMessagesVisible"
        alarms = self.alarms(
            {
                "errors": alarm("AWS/Lambda", "Errors", "Sum", 3.0, **of_function),
                "dead": alarm("AWS/SQS", visible, "Maximum", 0.0, **of_dead),
            }
        )
        return {
            "kind": "event-bus",
            "prefix": self.prefix,
            "function": function_arn,
            "bus": bus,
            "rule": rule,
            "dead_letter_queue": dead[0],
            "table": self.named("handled"),
            "alarms": alarms,
        }

    def _let_in(self, version: str, bus: str) -> None:
        """Let the rules of the bus invoke a version."""
        functions = getattr(self.aws, "lambda")
        rules = bus.replace(":event-bus/", ":rule/") + "/*"
        with contextlib.suppress(functions.exceptions.ResourceConflictException):
            functions.add_permission(
                FunctionName=self.prefix,
                Qualifier=version,
                StatementId=f"events-{version}",
                Action="lambda:InvokeFunction",
                Principal="events.amazonaws.com",
                SourceArn=rules,
            )

    def _archive(self, bus: str) -> None:
        events = self.aws.events
        with contextlib.suppress(events.exceptions.ResourceAlreadyExistsException):
            events.create_archive(ArchiveName=self.prefix, EventSourceArn=bus)


class StreamWorld(_ConsumerWorld):
    """A stream of Kinesis from which the function is fed."""

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        alias = self.consumer(STREAM_SECONDS)
        kinesis = self.aws.kinesis
        if self.prefix not in kinesis.list_streams()["StreamNames"]:
            kinesis.create_stream(StreamName=self.prefix, ShardCount=2)
        told = kinesis.describe_stream_summary(StreamName=self.prefix)
        stream = told["StreamDescriptionSummary"]["StreamARN"]
        mapping = self.mapping(
            stream,
            alias,
            StartingPosition="TRIM_HORIZON",
            BatchSize=10 * BATCH,
            BisectBatchOnFunctionError=True,
        )
        of_alias = {"FunctionName": self.prefix, "Resource": f"{self.prefix}:{ALIAS}"}
        late = alarm("AWS/Lambda", "IteratorAge", "Maximum", OLDEST_SECONDS * 1000, **of_alias)
        alarms = self.consumer_alarms(age=late)
        return {"kind": "stream", **self.described(mapping, alarms), "stream": stream}
