"""Users who invoke an alias of a function, at a steady rate.

The answer says which version it came from, so that what the weights did can be counted; what was
throttled came from none.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tidegate_localstack.worlds.tally import Tally

NOBODY = "nobody"
Sender = Callable[[float, float, Tally, threading.Event], None]
"""Sends every so often, after a delay, until it is told to stop."""


def sender(function: str, alias: str, payload: str, at_once: int) -> Sender:
    """What each of several threads does to invoke an alias."""
    # A user does not try again unseen: what is refused is to be counted.
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=at_once)
    client = boto3.client("lambda", config=config)

    def send(gap: float, delay: float, tally: Tally, stop: threading.Event) -> None:
        due = time.monotonic() + delay
        while not stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + gap, time.monotonic() - 1.0)
            version, wrong = invoked(client, function, alias, payload)
            tally.count(version, not wrong, wrong)

    return send


def invoked(client: Any, function: str, alias: str, payload: str) -> tuple[str, str]:
    """Invoke an alias once: the version that answered, and what was wrong, if anything was."""
    try:
        answer = client.invoke(FunctionName=function, Qualifier=alias, Payload=payload)
        body = answer["Payload"].read()
    except ClientError as error:
        return NOBODY, str(error.response["Error"]["Code"])
    except BotoCoreError as error:
        return NOBODY, type(error).__name__
    wrong = kind_of(body) if "FunctionError" in answer else ""
    return str(answer["ExecutedVersion"]), wrong


def kind_of(body: bytes) -> str:
    """The type of an error that a function tells; one that took too long tells none."""
    told = json.loads(body)
    return str(told.get("errorType") or "Unhandled")
