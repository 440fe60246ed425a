"""What the load generator tells must be what happened."""

from __future__ import annotations

from tidegate_localstack.worlds.load import Cookies, _version
from tidegate_localstack.worlds.tally import FLOWING, Tally


def test_answers_are_counted_by_version_and_errors_apart() -> None:
    tally = Tally()
    tally.count("1", good=True)
    tally.count("2", good=False)
    tally.count("2", good=True)
    assert sum(tally.by_minute.values()) == 3
    assert dict(tally.errors) == {"2": 1}
    assert tally.first_bad is not None


def test_users_flow_when_every_one_has_been_answered() -> None:
    tally = Tally()
    for _ in range(FLOWING - 1):
        tally.count("1", good=True)
    assert not tally.flowing.is_set()
    tally.count("1", good=False)
    assert tally.flowing.is_set()


def test_an_answer_that_names_no_version_came_from_nobody() -> None:
    assert _version(b'{"version": "7"}') == "7"
    assert _version(b"<html>") == "nobody"
    assert _version(b"[]") == "nobody"


def test_a_returning_user_sends_back_what_was_set_last() -> None:
    cookies = Cookies()
    assert cookies.sent() == {}
    cookies.keep(["AWSALBTG=blue-1; Max-Age=60; Path=/", "other=x"])
    cookies.keep(["AWSALBTG=green-2; Path=/"])
    assert cookies.sent() == {"Cookie": "AWSALBTG=green-2; other=x"}
