"""Patterns in EventBridge's language: what matches, what does not, and what is no pattern."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate_localstack.emulated.event_patterns import PatternError, check, matches


@pytest.mark.parametrize(
    ("condition", "good", "bad"),
    [
        ("paid", "paid", "unpaid"),
        (1, 1, True),
        (None, None, "null"),
        ({"prefix": "eu-"}, "eu-west-1", "us-east-1"),
        ({"prefix": {"equals-ignore-case": "EU-"}}, "eu-west-1", "us-east-1"),
        ({"suffix": ".png"}, "a.png", "a.jpg"),
        ({"equals-ignore-case": "PAID"}, "Paid", "unpaid"),
        ({"numeric": [">", 0, "<=", 5]}, 5, 0),
        ({"numeric": ["=", 3.0]}, 3, "3"),
        ({"anything-but": ["a", "b"]}, "c", "b"),
        ({"anything-but": 7}, 8, 7),
        ({"anything-but": {"prefix": "init"}}, "done", "initial"),
        ({"anything-but": {"suffix": [".tmp", ".log"]}}, "a.txt", "a.log"),
        ({"anything-but": {"wildcard": "*/lib/*"}}, "/usr/bin", "/usr/lib/x"),
        ({"wildcard": "dir/*.png"}, "dir/.png", "dir/a.jpg"),
        ({"wildcard": r"50\*"}, "50*", "500"),
        ({"cidr": "10.0.0.0/24"}, "10.0.0.17", "10.0.1.17"),
    ],
)
def test_a_condition_holds_for_one_value_and_not_for_another(
    condition: Any, good: Any, bad: Any
) -> None:
    pattern = {"detail": {"field": [condition]}}
    check(pattern)
    assert matches(pattern, {"detail": {"field": good}})
    assert not matches(pattern, {"detail": {"field": bad}})
    assert not matches(pattern, {"detail": {}})


def test_a_field_may_have_to_be_there_or_not() -> None:
    wanted, unwanted = ({"detail": {"field": [{"exists": each}]}} for each in (True, False))
    for event, is_there in (
        ({"detail": {"field": None}}, True),
        ({"detail": {}}, False),
        ({}, False),
    ):
        assert matches(wanted, event) is is_there
        assert matches(unwanted, event) is not is_there


def test_one_of_several_values_is_enough_on_either_side() -> None:
    assert matches({"a": ["x", "y"]}, {"a": ["y", "z"]})
    assert not matches({"a": ["x", "y"]}, {"a": ["z"]})


def test_conditions_on_a_list_of_objects_are_about_one_of_them() -> None:
    pattern = {"items": {"kind": ["book"], "price": [{"numeric": [">", 10]}]}}
    assert matches(pattern, {"items": [{"kind": "pen", "price": 1}, {"kind": "book", "price": 20}]})
    assert not matches(
        pattern, {"items": [{"kind": "pen", "price": 20}, {"kind": "book", "price": 1}]}
    )


def test_one_alternative_is_enough() -> None:
    pattern = {"source": ["shop"], "$or": [{"a": [1]}, {"b": [2]}]}
    assert matches(pattern, {"source": "shop", "b": 2})
    assert not matches(pattern, {"source": "shop", "a": 2, "b": 1})


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        [],
        {"a": "b"},
        {"a": []},
        {"a": [["b"]]},
        {"a": [{"prefix": 3}]},
        {"a": [{"like": "b"}]},
        {"a": [{"prefix": "b", "suffix": "c"}]},
        {"a": [{"numeric": ["~", 1]}]},
        {"a": [{"numeric": [">"]}]},
        {"a": [{"exists": "yes"}]},
        {"a": [{"anything-but": {"numeric": 1}}]},
    ],
)
def test_what_is_no_pattern_is_refused(pattern: Any) -> None:
    with pytest.raises(PatternError):
        check(pattern)
