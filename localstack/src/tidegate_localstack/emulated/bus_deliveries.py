"""Brings an event to the target of a rule, or to the target's dead-letter queue.

LocalStack tries once, and notes in its log what did not arrive.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tidegate_localstack.emulated import function_deliveries

LOG = logging.getLogger(__name__)

NAMESPACE = "AWS/Events"
RETRIES, AGE_SECONDS = 185, 86_400
"""What goes for a target that has no policy of its own."""
PAUSE_SECONDS, LONGEST_PAUSE = 0.2, 5.0
"""Between two attempts; the pause doubles with each."""
THROTTLED = {"TooManyRequestsException", "Throttling", "ThrottlingException", "RequestThrottled"}
GONE = ("NonExistentQueue", "QueueDoesNotExist", "NotFound", "DoesNotExist")
"""How the errors end of a target that there is not."""


@dataclass(frozen=True)
class Delivery:
    """An event on its way to a target of a rule."""

    rule: Any
    target: Mapping[str, Any]
    sender: Any
    event: Mapping[str, Any]
    trace: Any

    def begin(self) -> None:
        """Bring it there; what has to be tried again is, without anybody waiting for it."""
        problem = self._try()
        if problem is None:
            return
        if is_lasting(problem):
            self._give_up(problem, 0, "")
        else:
            threading.Thread(target=self._go_on, args=(problem,), daemon=True).start()

    def _try(self) -> Exception | None:
        count(self.rule, {"Invocations": 1.0})
        try:
            self.sender.process_event(dict(self.event), self.trace)
        except Exception as error:
            return error
        return None

    def _go_on(self, problem: Exception) -> None:
        policy = self.target.get("RetryPolicy") or {}
        retries = int(policy.get("MaximumRetryAttempts", RETRIES))
        too_old = time.monotonic() + float(policy.get("MaximumEventAgeInSeconds", AGE_SECONDS))
        for number in range(retries):
            pause = min(PAUSE_SECONDS * 2**number, LONGEST_PAUSE)
            if time.monotonic() + pause > too_old:
                self._give_up(problem, number, "MaximumEventAgeInSeconds")
                return
            time.sleep(pause)
            again = self._try()
            if again is None:
                return
            problem = again
        self._give_up(problem, retries, "MaximumRetryAttempts")

    def _give_up(self, problem: Exception, retries: int, exhausted: str) -> None:
        count(self.rule, {"FailedInvocations": 1.0})
        queue = (self.target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            LOG.info("an event did not get to %s: %s", self.target["Arn"], problem)
            return
        told = {
            "RULE_ARN": self.rule.arn,
            "TARGET_ARN": self.target["Arn"],
            "ERROR_CODE": code_of(problem),
            "ERROR_MESSAGE": str(problem),
            "RETRY_ATTEMPTS": str(retries),
            **({"EXHAUSTED_RETRY_CONDITION": exhausted} if exhausted else {}),
        }
        attributes = {
            name: {"DataType": "String", "StringValue": value} for name, value in told.items()
        }
        try:
            function_deliveries.deliver(queue, json.dumps(self.event), attributes)
        except Exception:
            LOG.exception("an event did not even get to %s", queue)
            count(self.rule, {"InvocationsFailedToBeSentToDlq": 1.0})
        else:
            count(self.rule, {"InvocationsSentToDlq": 1.0})


def is_lasting(problem: Exception) -> bool:
    """Whether it would be the same at another attempt."""
    if not isinstance(problem, ClientError):
        return True
    status = int(problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    return status < 500 and problem.response["Error"]["Code"] not in THROTTLED


def code_of(problem: Exception) -> str:
    """What a dead letter says of the problem."""
    code = problem.response["Error"]["Code"] if isinstance(problem, ClientError) else ""
    if code in THROTTLED:
        return "THROTTLING"
    if any(part in code for part in GONE):
        return "NO_RESOURCE"
    return "SDK_CLIENT_ERROR"


def count(rule: Any, values: Mapping[str, float]) -> None:
    """Publish what became of a rule."""
    from tidegate_localstack.emulated.alarms import metric_store  # noqa: PLC0415

    dimensions = [{"Name": "RuleName", "Value": rule.name}]
    if rule.event_bus_name != "default":
        dimensions.append({"Name": "EventBusName", "Value": rule.event_bus_name})
    at = datetime.now(UTC)
    data = [
        {
            "MetricName": name,
            "Dimensions": dimensions,
            "Timestamp": at,
            "Value": value,
            "Unit": "Count",
        }
        for name, value in values.items()
    ]
    metric_store().add_metric_data(rule.account_id, rule.region, NAMESPACE, data)
