"""State of ours that goes with an object of moto's or LocalStack's.

Their groups, instances and deployments lack what happens to them over time. It is kept here, in a
type of its own for each kind, and not among the fields of objects that are not ours: there nobody
would find it, and any version of theirs may have a field of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

State = TypeVar("State")

_all: list[Beside[Any]] = []


class Beside(Generic[State]):
    """One piece of state for each object: made when first asked for, gone with the object."""

    def __init__(self, make: Callable[[Any], State]) -> None:
        self._make = make
        self._known: WeakKeyDictionary[Any, State] = WeakKeyDictionary()
        _all.append(self)

    def of(self, owner: Any) -> State:
        """The state that goes with this object."""
        found = self._known.get(owner)
        if found is None:
            found = self._known[owner] = self._make(owner)
        return found

    def put(self, owner: Any, state: State) -> None:
        """Let this be the state that goes with this object."""
        self._known[owner] = state

    def clear(self) -> None:
        """Forget the state of every object."""
        self._known.clear()


def clear_all() -> None:
    """Forget everything, when all services are wiped: some of their objects live on, emptied."""
    for one in _all:
        one.clear()
