"""Takes a world away that nobody will look at any more.

Its instances would be checked, its alarms judged and its queues read as long as LocalStack runs,
and whoever lists load balancers or groups would be told of it. A hundred such worlds take a
processor for themselves, and those that are looked at then wait for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from localstack.http import Request, Response, Router
from localstack.services.cloudwatch.models import cloudwatch_stores
from moto.autoscaling.models import autoscaling_backends
from moto.elbv2.models import elbv2_backends

from tidegate_localstack.emulated import engine, mapping_states, members


def _retire(request: Request) -> Response:
    prefix = request.get_json(force=True)["prefix"]
    with engine.LOCK:
        retired = [*_groups(prefix), *_load_balancers(prefix), *mapping_states.retire(prefix)]
        _alarms(prefix)
    return Response(json.dumps({"retired": retired}), mimetype="application/json")


def _is_of(prefix: str, name: str) -> bool:
    return f"{name}-".startswith(f"{prefix}-")


def _groups(prefix: str) -> Iterator[str]:
    """End the instances of groups, then the groups; nobody has to be drained for."""
    for backend in engine.backends(autoscaling_backends):
        for name, group in list(backend.autoscaling_groups.items()):
            if _is_of(prefix, name):
                for state in list(group.instance_states):
                    members.remove(group, state)
                del backend.autoscaling_groups[name]
                yield name


def _load_balancers(prefix: str) -> Iterator[str]:
    """Load balancers with all their rules, and then what these led to."""
    for backend in engine.backends(elbv2_backends):
        for owned in (backend.load_balancers, backend.target_groups):
            for arn, one in list(owned.items()):
                if _is_of(prefix, one.name):
                    del owned[arn]
                    yield arn


def _alarms(prefix: str) -> None:
    for regions in list(cloudwatch_stores.values()):
        for store in list(regions.values()):
            for arn, alarm in list(store.alarms.items()):
                if _is_of(prefix, alarm.alarm["AlarmName"]):
                    del store.alarms[arn]


def add_routes(router: Router[Any], prefix: str) -> None:
    """Add the route below a path."""
    router.add(f"{prefix}/retire", endpoint=_retire, methods=["POST"])
