"""What every service module shares: the shape of a handler, and how one refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext

Handler = Callable[[RequestContext, Any], Any]
"""Answers one operation; a table of them makes a service."""


def refuse(code: str, message: str) -> CommonServiceException:
    """A client's error, as AWS words it."""
    return CommonServiceException(code, message, status_code=400, sender_fault=True)
