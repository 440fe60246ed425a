"""Patterns that events match or do not, in EventBridge's language.

Rules of a bus, filters of event source mappings and filter policies speak it. LocalStack's own
reading of it wants a wildcard to stand for one character at least, and takes the conditions on a
list of objects to hold for any of them together instead of for one.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import contextlib
import ipaddress
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MISSING = object()
"""What a pattern finds where an event has no such field."""
NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class PatternError(ValueError):
    """A pattern says what none can."""


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Whether an event has all that a pattern wants."""
    if isinstance(event, list):
        return any(matches(pattern, each) for each in event)
    fields = event if isinstance(event, dict) else {}
    return all(_field(name, wanted, fields, event) for name, wanted in pattern.items())


def _field(name: str, wanted: Any, fields: dict[str, Any], event: Any) -> bool:
    if name == "$or" and isinstance(wanted, list):
        return any(matches(each, event) for each in wanted)
    found = fields.get(name, MISSING)
    if isinstance(wanted, dict):
        return matches(wanted, {} if found is MISSING else found)
    values = list(_leaves(found))
    return any(_holds(condition, values) for condition in wanted)


def _leaves(found: Any) -> Iterator[Any]:
    """The values of a field, which has several if it is a list; one that has fields has none."""
    if isinstance(found, list):
        for each in found:
            yield from _leaves(each)
    elif found is not MISSING and not isinstance(found, dict):
        yield found


def _holds(condition: Any, values: list[Any]) -> bool:
    if isinstance(condition, dict) and "exists" in condition:
        return bool(values) is condition["exists"]
    return any(_is(condition, value) for value in values)


def _is(condition: Any, value: Any) -> bool:
    if not isinstance(condition, dict):
        return _same(condition, value)
    ((name, wanted),) = condition.items()
    return OPERATORS[name](wanted, value)


def _same(wanted: Any, value: Any) -> bool:
    """Equal, where true is not the number 1."""
    return bool(wanted == value) and isinstance(wanted, bool) is isinstance(value, bool)


def _prefix(wanted: Any, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    if isinstance(wanted, dict):
        return value.lower().startswith(wanted["equals-ignore-case"].lower())
    return value.startswith(wanted)


def _suffix(wanted: Any, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    if isinstance(wanted, dict):
        return value.lower().endswith(wanted["equals-ignore-case"].lower())
    return value.endswith(wanted)


def _ignoring_case(wanted: Any, value: Any) -> bool:
    return isinstance(value, str) and value.lower() == wanted.lower()


def _wildcard(wanted: str, value: Any) -> bool:
    """A star stands for any number of characters, unless there is a backslash before it."""
    parts = re.split(r"\\([\\*])|(\*)", wanted)
    literal, escaped, star = parts[0::3], parts[1::3], parts[2::3]
    text = re.escape(literal[0])
    for plain, taken, is_star in zip(literal[1:], escaped, star, strict=True):
        text += (".*" if is_star else re.escape(taken)) + re.escape(plain)
    return isinstance(value, str) and re.fullmatch(text, value, re.DOTALL) is not None


def _numeric(wanted: list[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    pairs = zip(wanted[::2], wanted[1::2], strict=True)
    return all(NUMBERS[name](value, bound) for name, bound in pairs)


def _cidr(wanted: str, value: Any) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted)
    except ValueError:
        return False


def _anything_but(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, dict):
        return not any(_same(each, value) for each in _listed(wanted))
    ((name, but),) = wanted.items()
    return not any(OPERATORS[name](each, value) for each in _listed(but))


def _listed(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignoring_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}
BUT = {"prefix", "suffix", "equals-ignore-case", "wildcard"}
"""What there can be anything but."""


def check(pattern: Any) -> None:
    """Refuse what is no pattern."""
    if not isinstance(pattern, dict) or not pattern:
        raise PatternError("a pattern is an object that is not empty")
    for name, wanted in pattern.items():
        if name == "$or" and isinstance(wanted, list) and len(wanted) > 1:
            for each in wanted:
                check(each)
        elif isinstance(wanted, dict):
            check(wanted)
        elif not isinstance(wanted, list) or not wanted:
            raise PatternError(f"{name} must be an object or an array that is not empty")
        else:
            for condition in wanted:
                _check_condition(condition)


def _check_condition(condition: Any) -> None:
    if isinstance(condition, list):
        raise PatternError("an array of an array is no condition")
    if not isinstance(condition, dict):
        return
    if len(condition) != 1:
        raise PatternError("only one key is allowed in a condition")
    ((name, wanted),) = condition.items()
    if name == "exists" and isinstance(wanted, bool):
        return
    if name not in OPERATORS:
        raise PatternError(f"Unrecognized match type {name}")
    if isinstance(wanted, dict) and not set(wanted) < (
        BUT if name == "anything-but" else {"equals-ignore-case", ""}
    ):
        raise PatternError(f"{name} does not know of {', '.join(wanted)}")
    # Whatever cannot be compared with a text and a number is no condition either.
    for value in ("", 0.0):
        with _as_pattern_error():
            OPERATORS[name](wanted, value)


@contextlib.contextmanager
def _as_pattern_error() -> Iterator[None]:
    try:
        yield
    except PatternError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PatternError("a condition is not valid") from error
