"""Filter criteria of event source mappings: which records are given to the function.

What a pattern says of the body is about the fields of a body in JSON, or about a body that is plain
text; a record whose body is of the other kind does not match.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from tidegate_localstack.emulated import event_patterns


def patterns_of(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The patterns of a mapping, of which a record has to match one if there are any."""
    filters = (options.get("FilterCriteria") or {}).get("Filters") or []
    return [json.loads(each["Pattern"]) for each in filters if each.get("Pattern")]


def is_wanted(patterns: list[dict[str, Any]], record: Mapping[str, Any]) -> bool:
    """Whether a record, as a function gets it, goes to the function."""
    return not patterns or any(_matches(pattern, record) for pattern in patterns)


def _matches(pattern: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    fields, text = _seen(record)
    if text is None:
        return event_patterns.matches(pattern, fields)
    (name,) = text
    wanted, body = pattern.get(name), text[name]
    if wanted is None:
        return event_patterns.matches(pattern, fields)
    try:
        read = json.loads(body)
    except ValueError:
        read = body
    is_object = isinstance(read, dict | list)
    if isinstance(wanted, dict) is not is_object:
        return False
    return event_patterns.matches(pattern, {**fields, name: read if is_object else body})


def _seen(record: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, str] | None]:
    """The fields patterns are about, and the one among them that may be JSON or not."""
    source = record.get("eventSource")
    if source == "aws:kinesis":
        fields = record["kinesis"]
        data = base64.b64decode(fields["data"]).decode(errors="replace")
        return fields, {"data": data}
    if source == "aws:sqs":
        return record, {"body": record["body"]}
    return record, None
