"""A function that handles events: it writes each into a table, by its id and its own version.

Whether an event was handled once, twice or never can then be read off. How a version behaves is in
its variable BEHAVIOUR, as with other functions: `error_rate` fails a whole batch before any of it
is handled, `item_error_rate` reports single events of it as failed, `lose_rate` passes over events
without a word, and `twice_rate` handles them twice.
"""

from __future__ import annotations

from typing import Any

TABLE = "TABLE"
"""The variable with the name of the table."""
SOURCE = """
import base64
import json
import os
import random
import time
import uuid

import boto3

DYNAMODB = boto3.client("dynamodb")


def told(record):
    if "kinesis" in record:
        part = record["kinesis"]
        return json.loads(base64.b64decode(part["data"])), part["sequenceNumber"]
    if "detail" in record:
        return record["detail"], record["id"]
    body = json.loads(record["body"])
    return body.get("detail", body), record["messageId"]


def handle(event, version):
    item = {"id": event["id"], "handling": str(uuid.uuid4()), "version": version}
    item = {name: {"S": value} for name, value in item.items()}
    DYNAMODB.put_item(TableName=os.environ["TABLE"], Item=item)


def handler(event, context):
    behaviour = json.loads(os.environ.get("BEHAVIOUR") or "{}")

    def happens(what):
        return random.random() < behaviour.get(what, 0)

    time.sleep(behaviour.get("latency_ms", 0) / 1000)
    if happens("error_rate"):
        raise RuntimeError(f"version {context.function_version} was told to fail")
    # A rule of a bus sends events one by one, as they are.
    for record in event.get("Records", [event]):
        body, identifier = told(record)
        if happens("item_error_rate"):
            if "kinesis" in record:
                return {"batchItemFailures": [{"itemIdentifier": identifier}]}
            failed = event.setdefault("failed", [])
            failed.append({"itemIdentifier": identifier})
        elif not happens("lose_rate"):
            for _ in range(2 if happens("twice_rate") else 1):
                handle(body, context.function_version)
    return {"batchItemFailures": event.get("failed", [])}
"""


def create_table(dynamodb: Any, name: str) -> None:
    """Create the table, in which an event has an item for each time it was handled."""
    keys = {"id": "HASH", "handling": "RANGE"}
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": each, "KeyType": kind} for each, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in keys],
        BillingMode="PAY_PER_REQUEST",
    )


def handled(dynamodb: Any, table: str, run: str) -> list[tuple[str, str]]:
    """Each time an event of a run was handled: its id, and the version that handled it."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="begins_with(id, :run)",
        ExpressionAttributeValues={":run": {"S": run}},
    )
    return [
        (item["id"]["S"], item["version"]["S"]) for page in pages for item in page.get("Items", [])
    ]
