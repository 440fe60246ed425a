"""A client that sends whatever it is given, right or wrong."""

from __future__ import annotations

import itertools
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config

from model_cases import Case, operation_model

ANYTHING = Config(parameter_validation=False, retries={"total_max_attempts": 1})
CALLS_OF_AN_ACCOUNT = 4
"""Route 53 counts an account's calls; with another account's key it begins anew."""

_accounts = itertools.count(700_000_000_000)


class Wire:
    """Calls of one service, none of them checked on this side."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._calls = 0
        self._client = boto3.client(service, config=ANYTHING)

    def call(self, operation: str, request: dict[str, Any]) -> Any:
        """Send a request; raises ClientError where it is refused."""
        if self.service == "route53":
            if self._calls % CALLS_OF_AN_ACCOUNT == 0:
                key = {"aws_access_key_id": str(next(_accounts)), "aws_secret_access_key": "test"}
                self._client = boto3.client(self.service, config=ANYTHING, **key)
            self._calls += 1
        return getattr(self._client, xform_name(operation))(**request)

    def can_send(self, case: Case) -> bool:
        """Whether the protocol has words for the request: none has any for nothing in a path, and
        the query protocol has none for a list or structure with nothing in it. LocalStack itself
        needs what an operation must have behind the question mark, to find out which one is meant.
        """
        if case.in_path:
            return bool(case.request.get(case.member))
        operation = operation_model(case.service, case.operation)
        asked = operation.input_shape.members.get(case.member) if operation.input_shape else None
        is_in_query = asked is not None and asked.serialization.get("location") == "querystring"
        if is_in_query and case.request.get(case.member) is None:
            return False
        protocol = operation.service_model.protocol
        return protocol != "query" or not _holds_nothing(case.request, top=True)


def _holds_nothing(value: Any, *, top: bool = False) -> bool:
    if not isinstance(value, list | dict):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return (not value and not top) or any(map(_holds_nothing, inner))
