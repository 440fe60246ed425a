"""Actions of rules and listeners as AWS keeps them, which is more than it was told.

A forward to one target group can be written in two ways, as `TargetGroupArn` and as a
`ForwardConfig` with that one group, and AWS shows both, whichever was used. moto shows what it was
given.
"""

from __future__ import annotations

from typing import Any

from moto.elbv2.models import FakeAction

FORWARD = "forward"


def completed(data: dict[str, Any]) -> dict[str, Any]:
    """An action with both ways of naming its target group, if it forwards to just one."""
    if data.get("Type") != FORWARD:
        return data
    groups = (data.get("ForwardConfig") or {}).get("TargetGroups") or []
    arn = data.get("TargetGroupArn")
    if arn and not groups:
        one = {"TargetGroupArn": arn, "Weight": 1}
        config = {**(data.get("ForwardConfig") or {}), "TargetGroups": [one]}
        return {**data, "ForwardConfig": config}
    if len(groups) == 1 and not arn:
        return {**data, "TargetGroupArn": groups[0]["TargetGroupArn"]}
    return data


def repair() -> None:
    """Let moto's actions be complete from the moment they are made."""
    original = FakeAction.__init__

    def __init__(self: FakeAction, data: dict[str, Any]) -> None:
        original(self, completed(data))

    setattr(FakeAction, "__init__", __init__)  # noqa: B010
