"""What AWS lists, asked once.

A snapshot looks at the same lists several times: for what stands in them, and for its tags. Most
lists cannot be asked for one world alone, and are long where a hundred worlds share an account.
"""

from __future__ import annotations

from typing import Any

from tidegate_localstack.worlds.world import Clients


class Lists:
    """All pages of each list, as they were when it was first asked for."""

    def __init__(self, aws: Clients) -> None:
        self.aws = aws
        self._known: dict[tuple[Any, ...], list[Any]] = {}

    def of(self, service: str, operation: str, key: str, **options: str) -> list[Any]:
        """Everything that an operation lists under a key."""
        asked = (service, operation, *sorted(options.items()))
        if asked not in self._known:
            pages = getattr(self.aws, service).get_paginator(operation).paginate(**options)
            self._known[asked] = [item for page in pages for item in page[key]]
        return self._known[asked]
