"""What a request breaks of its operation's API model.

AWS checks each request against the model before the service looks at it: members that must be
there, lengths, ranges, patterns and the values of an enumeration. LocalStack and moto check next to
none of that, so they answer 200 where AWS answers 400. The model is the one botocore ships, which
SDKs check against too, but only in part and only if they are not told to leave it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

TEXT = ("string", "char")
NUMBERS = ("integer", "long", "float", "double", "bigdecimal")
SIZED = (*TEXT, "blob", "list", "map")

PLANES = "\\uD800\\uDC00-\\uDBFF\\uDFFF"
"""How Java writes everything beyond the basic plane: as the two halves of its characters."""
LETTERS, JAVA_LETTERS = "[^\\W\\d_]", "\\p{L}"
OTHERS = {"\\p{N}": "\\d", "\\p{Z}": " \\xa0\\u2028\\u2029"}
"""Java's classes of characters, as far as the models use them and as near as Python has them."""


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong with a request."""

    member: str
    """The member of the request, at the top, that it is about."""
    path: str
    """Where it is, as AWS words it: actions.1.member.type."""
    value: Any
    """What stands there; None when nothing does."""
    constraint: str
    """What AWS says of it."""

    def __str__(self) -> str:
        # No XML has room for control characters, so no error could tell of them.
        text = "".join(letter if letter.isprintable() else "?" for letter in str(self.value))
        shown = "null" if self.value is None else f"'{text}'"
        return (
            f"Value {shown} at '{self.path}' failed to satisfy constraint: Member {self.constraint}"
        )


def violations(shape: StructureShape, request: Mapping[str, Any]) -> list[Violation]:
    """Everything that is wrong, in the order of the model."""
    found = []
    for name, inner in shape.members.items():
        value = request.get(name)
        at = _worded(name)
        if value is None:
            if name in shape.required_members:
                found.append(Violation(name, at, None, MISSING))
            continue
        found += [Violation(name, *rest) for rest in _inside(inner, value, at)]
    return found


MISSING = "must not be null"

_Found = tuple[str, Any, str]


def _worded(member: str) -> str:
    return member[:1].lower() + member[1:]


def _inside(shape: Shape, value: Any, at: str) -> Iterator[_Found]:
    """What is wrong with a value and what is in it: path, value, constraint."""
    for constraint in broken(shape, value):
        yield at, value, constraint
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        for name, inner in shape.members.items():
            path = f"{at}.{_worded(name)}"
            if value.get(name) is not None:
                yield from _inside(inner, value[name], path)
            elif name in shape.required_members:
                yield path, None, MISSING
    elif isinstance(shape, ListShape) and isinstance(value, Sequence):
        for number, item in enumerate(value, 1):
            yield from _inside(shape.member, item, f"{at}.{number}.member")
    elif isinstance(shape, MapShape) and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _inside(shape.key, key, f"{at}.key")
            yield from _inside(shape.value, item, f"{at}.{key}.member")


def broken(shape: Shape, value: Any) -> Iterator[str]:
    """The constraints of a shape which a value breaks, without looking into it."""
    rules = shape.metadata
    kind = shape.type_name
    if kind in NUMBERS and isinstance(value, (int, float)):
        yield from _out_of_range(rules, value, "value")
    elif kind in SIZED and hasattr(value, "__len__"):
        yield from _out_of_range(rules, len(value), "length")
    if kind in TEXT and isinstance(value, str):
        allowed = rules.get("enum")
        if allowed and value not in allowed:
            yield f"must satisfy enum value set: [{', '.join(allowed)}]"
        pattern = rules.get("pattern")
        if pattern and not compiled(pattern).fullmatch(value):
            yield f"must satisfy regular expression pattern: {pattern}"


def _out_of_range(rules: Mapping[str, Any], number: float, what: str) -> Iterator[str]:
    if number < rules.get("min", number):
        yield f"must have {what} greater than or equal to {rules['min']}"
    if number > rules.get("max", number):
        yield f"must have {what} less than or equal to {rules['max']}"


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of an API model, which Java's language is the one of, for Python.

    Raises re.error for one that is not understood: a test tries all of them.
    """
    text = pattern.replace(PLANES, "\U00010000-\U0010ffff").replace("\\p{ASCII}", "[\\x00-\\x7f]")
    # Letters cannot be one class among others in Python, so a set that has them becomes a choice.
    return re.compile(re.sub(r"\[([^]]*\\p\{L\}[^]]*)\]", _with_letters, text))


def _with_letters(found: re.Match[str]) -> str:
    others = found.group(1).replace(JAVA_LETTERS, "")
    for java, python in OTHERS.items():
        others = others.replace(java, python)
    return f"(?:{LETTERS}|[{others}])"
