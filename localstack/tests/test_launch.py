"""What is changed of LocalStack's own process before it starts."""

from __future__ import annotations

import pytest
from localstack.aws.protocol import serializer
from twisted.web import http
from werkzeug.datastructures import MIMEAccept

from tidegate_localstack.process import launch

SENT = (b"application/x-amz-json-1.0", b"application/x-www-form-urlencoded; charset=utf-8", b"")


def test_headers_are_read_as_before_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read, parse = http._parseContentType, serializer.parse_accept_header
    before = [read(header) for header in SENT]
    asked: list[bytes] = []

    def noted(header: bytes) -> bytes:
        asked.append(header)
        return read(header)

    monkeypatch.setattr(http, "_parseContentType", noted)
    monkeypatch.setattr(serializer, "parse_accept_header", parse)
    launch.read_headers_once()
    for _ in range(3):
        assert [http._parseContentType(header) for header in SENT] == before
    assert asked == list(SENT)
    accepted = "application/json, */*"
    assert serializer.parse_accept_header(accepted, MIMEAccept) == parse(accepted, MIMEAccept)
