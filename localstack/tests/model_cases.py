"""Requests that break the API model of their operation in just one place, made from the model.

For every constraint that can be reached from an operation's input there is a request in which all
else is as it should be: a member left out, a number or a length past either end, text against its
pattern, a word that is none of those allowed. The model is botocore's own, read without any code of
the emulator.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import botocore.session
from botocore.model import OperationModel, Shape

WORDS = (
    "a", "HTTP", "200", "1", "ami-0a1b2c3d", "ipv4pool-coip-1a", "ipam-pool-1a", "0" * 36,
    "01234567-0123-0123-0123-0123456789ab", "Average", "eu-west-1",
    "lambda:GetLayerVersion", "arn:aws:lambda:eu-west-1:000000000000:function:a", "s3://a/b", "0:0",
    "arn:aws:iam::000000000000:role/a", "AAAA", "aa", "arn:aws:a:::a", "1.0", "0-0", "d-1", "*",
)  # fmt: skip
"""Text that fits the patterns there are."""
MISFITS = ("*", " ", ":", "\x01", "!" * 5, "!" * 36, "\n")
"""Text that fits hardly any."""
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
CONTROL = "[\\u0020-\\uD7FF\\uE000-\\uFFFD"
"""How a pattern begins that allows all but control characters; Python cannot read the rest."""


@dataclass(frozen=True)
class Case:
    """A request and what is wrong with it."""

    service: str
    operation: str
    member: str
    """The member at the top that is about."""
    path: str
    words: str
    """What the error has to say of it."""
    request: dict[str, Any]
    in_path: bool
    """Whether the member is a part of the URL, where nothing cannot be sent."""

    @property
    def is_missing(self) -> bool:
        return self.words == "null" and "." not in self.path


@functools.cache
def operation_model(service: str, operation: str) -> OperationModel:
    session = botocore.session.get_session()
    found: OperationModel = session.get_service_model(service).operation_model(operation)
    return found


def minimal(service: str, operation: str) -> dict[str, Any]:
    """A request with all that it must have, and nothing else."""
    shape = operation_model(service, operation).input_shape
    found: dict[str, Any] = sample(shape) if shape is not None else {}
    return found


@functools.cache
def cases(service: str, operation: str) -> tuple[Case, ...]:
    """A request for everything the model says of an operation's input."""
    return tuple(_cases(service, operation))


def _cases(service: str, operation: str) -> Iterator[Case]:
    shape = operation_model(service, operation).input_shape
    if shape is None:
        return
    for path, words, request in _broken(shape, "", frozenset()):
        member = path.partition(".")[0]
        named = next(m for m in shape.members if _worded(m) == member)
        located = shape.members[named].serialization.get("location")
        yield Case(service, operation, named, path, words, request, located == "uri")


def sample(shape: Shape) -> Any:
    """A value that breaks nothing."""
    rules = shape.metadata
    match shape.type_name:
        case "structure":
            return {name: sample(shape.members[name]) for name in shape.required_members}
        case "list":
            return [sample(shape.member)] * max(1, rules.get("min", 1))
        case "map":
            return {sample(shape.key): sample(shape.value)}
        case "string":
            return _text(rules)
        case kind:
            number = max(1, rules.get("min", 1))
            others = {"boolean": True, "timestamp": MOMENT, "blob": b"{}"}
            return others.get(kind, float(number) if kind in ("double", "float") else number)


def _text(rules: dict[str, Any]) -> str:
    if "enum" in rules:
        return str(rules["enum"][0])
    low, high = rules.get("min", 1), rules.get("max", 10_000)
    for word in WORDS:
        for text in (word, word * max(1, low)):
            if low <= len(text) <= high and _fits(text, rules.get("pattern")):
                return text
    raise AssertionError(f"nothing fits {rules}")


def _fits(text: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    if pattern.startswith(CONTROL):
        return "\x01" not in text
    # What is neither a letter nor one of the signs is not among the samples.
    return re.fullmatch(re.sub(r"\\p\{\w+\}", r"\\w", pattern), text) is not None


_Broken = tuple[str, str, Any]
"""Where it is, what is to be said of it, and the value with that in it."""


def _broken(shape: Shape, path: str, above: frozenset[str]) -> Iterator[_Broken]:
    """Every way to break a value of a shape in one place."""
    if shape.name in above:
        return
    above |= {shape.name}
    yield from _broken_itself(shape, path)
    match shape.type_name:
        case "structure":
            for name, inner in shape.members.items():
                at = f"{path}.{_worded(name)}" if path else _worded(name)
                whole = sample(shape)
                if name in shape.required_members:
                    yield at, "null", {k: v for k, v in whole.items() if k != name}
                yield from _within(inner, at, above, functools.partial(_put, whole, name))
        case "list":
            yield from _within(shape.member, f"{path}.1.member", above, lambda value: [value])
        case "map":
            value = sample(shape.value)
            yield from _within(shape.key, f"{path}.key", above, lambda key: {key: value})


def _put(whole: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    return {**whole, name: value}


def _within(
    shape: Shape, at: str, above: frozenset[str], around: Callable[[Any], Any]
) -> Iterator[_Broken]:
    for path, words, value in _broken(shape, at, above):
        yield path, words, around(value)


def _broken_itself(shape: Shape, path: str) -> Iterator[_Broken]:
    rules, kind = shape.metadata, shape.type_name
    low, high = rules.get("min"), rules.get("max")
    if kind in ("integer", "long", "float", "double"):
        if low is not None:
            yield path, f"value greater than or equal to {low}", low - 1
        if high is not None:
            yield path, f"value less than or equal to {high}", high + 1
    elif kind in ("string", "list"):
        whole = sample(shape)
        if low:
            yield path, f"length greater than or equal to {low}", whole[:1] * (low - 1)
        if high is not None:
            yield path, f"length less than or equal to {high}", whole[:1] * (high + 1)
    if kind == "string":
        if "enum" in rules:
            yield path, "enum value set", "no-such-word"[: high or None]
        if "pattern" in rules:
            fitting = (m for m in MISFITS if (low or 0) <= len(m) <= (high or 10_000))
            misfit = next((m for m in fitting if not _fits(m, rules["pattern"])), None)
            if misfit is not None:
                yield path, "regular expression pattern", misfit


def _worded(member: str) -> str:
    return member[:1].lower() + member[1:]
