"""Routes of this package's own, beside the AWS APIs on the same port.

Tests start one LocalStack and use it many times, so wiping its state must cost milliseconds and
not a restart. LocalStack's own state reset is not part of the free edition; the pieces it is made
of are.
"""

from __future__ import annotations

import json
import time
from typing import Any

from localstack.http import Request, Response, Router
from localstack.services.plugins import SERVICE_PLUGINS, ServiceState
from localstack.services.stores import AccountRegionBundle
from localstack.state import StateVisitor
from moto.autoscaling.models import autoscaling_backends
from moto.core.base_backend import BackendDict

from tidegate_localstack.emulated import (
    beside,
    bus_replays,
    engine,
    function_events,
    function_pool,
    instances,
    mapping_states,
)
from tidegate_localstack.process import faults, retirement, seeding

PREFIX = "/_tidegate"


class _Wipe(StateVisitor):
    """Empties each state container in place: moto's backends hold references to each other."""

    def visit(self, state_container: Any) -> None:
        if isinstance(state_container, BackendDict):
            for account in list(state_container.values()):
                for backend in list(account.values()):
                    backend.reset()
        elif isinstance(state_container, AccountRegionBundle):
            state_container.reset()
        # An asset directory is cleared by its service's own hook.


def wipe_all_services() -> list[str]:
    """Empty every service that has been used, and name them."""
    wiped = []
    with engine.LOCK:
        # First of all, so that nobody goes on reading what is just being emptied.
        mapping_states.clear()
        bus_replays.clear()
        for name in sorted(SERVICE_PLUGINS.list_available()):
            if SERVICE_PLUGINS.get_state(name) is not ServiceState.RUNNING:
                continue
            container = SERVICE_PLUGINS.get_service_container(name)
            if container is None:
                continue
            service = container.service
            service.lifecycle_hook.on_before_state_reset()
            service.accept_state_visitor(_Wipe())
            service.lifecycle_hook.on_after_state_reset()
            wiped.append(name)
        beside.clear_all()
        instances.stop_all()
        function_events.clear()
        function_pool.POOL.stop_all()
        faults.clear()
    return wiped


def _reset(_request: Request) -> Response:
    started = time.monotonic()
    wiped = wipe_all_services()
    answer = {"wiped": wiped, "seconds": round(time.monotonic() - started, 3)}
    return Response(json.dumps(answer), mimetype="application/json")


def _behaviour(request: Request) -> Response:
    """Change how the running instances of a group behave, without launching others."""
    given = request.get_json(force=True)
    changed = []
    with engine.LOCK:
        for backend in engine.backends(autoscaling_backends):
            group = backend.autoscaling_groups.get(given.get("group"))
            for state in group.instance_states if group else []:
                program = instances.program_of(state.instance)
                program.behaviour = program.behaviour.changed(given)
                changed.append(state.instance_id)
    return Response(json.dumps({"changed": changed}), mimetype="application/json")


def add_routes(router: Router[Any]) -> None:
    """Add the routes below /_tidegate."""
    router.add(f"{PREFIX}/reset", endpoint=_reset, methods=["POST"])
    router.add(f"{PREFIX}/behaviour", endpoint=_behaviour, methods=["POST"])
    faults.install(router, PREFIX)
    retirement.add_routes(router, PREFIX)
    seeding.add_routes(router, PREFIX)
