"""The rule language of composite alarms.

LocalStack evaluates only `ALARM("arn") OR ALARM("arn")`. This reads the whole language: ALARM, OK
and INSUFFICIENT_DATA of an alarm's name or ARN, AND, OR, NOT, TRUE, FALSE and parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

StateOf = Callable[[str], str]
"""Gives the state of the alarm of a name or ARN."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<function>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^()"\s]+))\s*\)
      | (?P<word>AND|OR|NOT|TRUE|FALSE)\b
      | (?P<parenthesis>[()])
    )""",
    re.VERBOSE,
)


class RuleError(ValueError):
    """The rule is not in the language."""


def children(rule: str) -> list[str]:
    """The alarms a rule mentions, by name or ARN as written."""
    return [found["quoted"] or found["plain"] for found in _tokens(rule) if found["function"]]


def evaluate(rule: str, state_of: StateOf) -> bool:
    """Whether the rule holds."""
    tokens = list(_tokens(rule))
    value, rest = _either(tokens, state_of)
    if rest:
        raise RuleError(f"unexpected {rest[0].group().strip()!r} in the alarm rule {rule!r}")
    return value


def _tokens(rule: str) -> Iterator[re.Match[str]]:
    position = 0
    text = rule.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise RuleError(f"cannot read the alarm rule from {text[position:].strip()!r} on")
        yield found
        position = found.end()


Parsed = tuple[bool, list[re.Match[str]]]
"""The value so far and the tokens not read yet."""


def _either(tokens: list[re.Match[str]], state_of: StateOf) -> Parsed:
    value, rest = _both(tokens, state_of)
    while rest and rest[0]["word"] == "OR":
        other, rest = _both(rest[1:], state_of)
        value = value or other
    return value, rest


def _both(tokens: list[re.Match[str]], state_of: StateOf) -> Parsed:
    value, rest = _one(tokens, state_of)
    while rest and rest[0]["word"] == "AND":
        other, rest = _one(rest[1:], state_of)
        value = value and other
    return value, rest


def _one(tokens: list[re.Match[str]], state_of: StateOf) -> Parsed:
    if not tokens:
        raise RuleError("the alarm rule ends where an alarm should follow")
    first, rest = tokens[0], tokens[1:]
    if first["function"]:
        return state_of(first["quoted"] or first["plain"]) == first["function"], rest
    if first["word"] in ("TRUE", "FALSE"):
        return first["word"] == "TRUE", rest
    if first["word"] == "NOT":
        value, rest = _one(rest, state_of)
        return not value, rest
    if first["parenthesis"] == "(":
        value, rest = _either(rest, state_of)
        if rest and rest[0]["parenthesis"] == ")":
            return value, rest[1:]
        raise RuleError("a parenthesis in the alarm rule is not closed")
    raise RuleError(f"unexpected {first.group().strip()!r} in the alarm rule")
