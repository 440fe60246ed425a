"""Failures on request: what AWS does rarely, a test asks for.

`POST /_tidegate/faults` with `{"operation": "elbv2.ModifyRule", "kind": "throttle", "times": 2}`
makes the next two such calls fail; `"seconds"` limits a fault in time instead. `"match"` limits it
to requests that contain a text, `"client"` to those signed with an access key, so that tests in the
same LocalStack fault only their own world: many operations name nothing that is of one world.
With `"after": true` the call is carried out first and its answer lost, which leaves the caller in
doubt. `GET` lists the faults with how often each struck, `DELETE` removes them all.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import asdict, dataclass, fields
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.protocol.serializer import create_serializer
from localstack.http import Request, Response, Router

THROTTLES = {
    "elbv2": ("ThrottlingException", "Rate exceeded"),
    "ecs": ("ThrottlingException", "Rate exceeded"),
    "codedeploy": ("ThrottlingException", "Rate exceeded"),
}
"""Other services say `Throttling`."""

KINDS = ("throttle", "error", "deny", "timeout", "delay")


class FaultError(ValueError):
    """The description of a fault cannot be used."""


@dataclass
class Fault:
    """One failure asked for."""

    operation: str
    """`service.Operation`, or `service.*`, or `*`."""
    kind: str
    times: int | None = None
    seconds: float | None = None
    match: str = ""
    client: str = ""
    """The access key of those whose calls it strikes; everybody's when empty."""
    after: bool = False
    delay_seconds: float = 30.0
    """How long `timeout` and `delay` keep the caller waiting."""
    id: str = ""
    struck: int = 0
    ends: float = float("inf")

    @staticmethod
    def described_by(given: dict[str, Any]) -> Fault:
        """Read a request body, refusing what would silently do nothing."""
        known = {f.name for f in fields(Fault)} - {"id", "struck", "ends"}
        unknown = set(given) - known
        if unknown:
            raise FaultError(f"unknown fields {sorted(unknown)}; known are {sorted(known)}")
        if given.get("kind") not in KINDS:
            raise FaultError(f"kind must be one of {', '.join(KINDS)}")
        if not given.get("operation"):
            raise FaultError("operation is missing; give for example elbv2.ModifyRule")
        fault = Fault(**given)
        fault.id = uuid.uuid4().hex[:8]
        if fault.seconds is not None:
            fault.ends = time.monotonic() + fault.seconds
        elif fault.times is None:
            fault.times = 1
        return fault

    def takes(self, context: RequestContext, *, after: bool) -> bool:
        """Whether this call is struck now."""
        service = context.service.service_name if context.service else ""
        name = f"{service}.{context.operation.name if context.operation else ''}"
        return (
            self.after == after
            and self.operation in ("*", f"{service}.*", name)
            and (self.times is None or self.struck < self.times)
            and time.monotonic() < self.ends
            and self._is_of_client(context)
            and self.match in json.dumps(context.service_request, default=str)
        )

    def _is_of_client(self, context: RequestContext) -> bool:
        signed = context.request.headers.get("Authorization", "")
        return not self.client or f"Credential={self.client}/" in signed


_faults: list[Fault] = []
_lock = threading.Lock()


def _strike(context: RequestContext, *, after: bool) -> Fault | None:
    if context.is_internal_call:
        return None
    with _lock:
        for fault in _faults:
            if fault.takes(context, after=after):
                fault.struck += 1
                return fault
    return None


def _error(context: RequestContext, fault: Fault) -> CommonServiceException:
    service = context.service.service_name if context.service else ""
    operation = context.operation.name if context.operation else ""
    if fault.kind == "throttle":
        code, message = THROTTLES.get(service, ("Throttling", "Rate exceeded"))
        return CommonServiceException(code, message, status_code=400, sender_fault=True)
    if fault.kind == "deny":
        code = "AccessDeniedException" if service in ("ecs", "codedeploy") else "AccessDenied"
        message = f"User is not authorized to perform: {service}:{operation}"
        return CommonServiceException(code, message, status_code=403, sender_fault=True)
    if fault.kind == "timeout":
        return CommonServiceException("RequestTimeout", "no answer came in time", status_code=504)
    return CommonServiceException("InternalFailure", "an injected error", status_code=500)


def before_call(chain: Any, context: RequestContext, response: Any) -> None:
    """Fail or delay a call before anything happens."""
    fault = _strike(context, after=False)
    if fault is not None:
        if fault.kind in ("timeout", "delay"):
            time.sleep(fault.delay_seconds)
        if fault.kind != "delay":
            raise _error(context, fault)


def after_call(chain: Any, context: RequestContext, response: Any) -> None:
    """Lose the answer to a call that was carried out."""
    if not (context.service and context.operation) or response.status_code >= 400:
        return
    fault = _strike(context, after=True)
    if fault is not None:
        if fault.kind in ("timeout", "delay"):
            time.sleep(fault.delay_seconds)
        if fault.kind != "delay":
            serializer = create_serializer(context.service, context.protocol)
            headers = context.request.headers
            error = _error(context, fault)
            response.update_from(
                serializer.serialize_error_to_response(
                    error, context.operation, headers, context.request_id
                )
            )


def _add(request: Request) -> Response:
    try:
        fault = Fault.described_by(request.get_json(force=True))
    except (FaultError, TypeError) as error:
        return Response(f"{error}\n", 400)
    with _lock:
        _faults.append(fault)
    return Response(json.dumps({"id": fault.id}), 201, mimetype="application/json")


def _list(_request: Request) -> Response:
    with _lock:
        described = [{k: v for k, v in asdict(fault).items() if k != "ends"} for fault in _faults]
    return Response(json.dumps({"faults": described}), mimetype="application/json")


def _remove(_request: Request, fault_id: str | None = None) -> Response:
    with _lock:
        _faults[:] = [fault for fault in _faults if fault_id not in (None, fault.id)]
    return Response("", 204)


def clear() -> None:
    """Remove every fault, when all state is wiped."""
    with _lock:
        _faults.clear()


def install(router: Router[Any], prefix: str) -> None:
    """Put the handlers into the gateway and add the routes."""
    from localstack.aws import handlers  # noqa: PLC0415

    handlers.serve_custom_service_request_handlers.append(before_call)
    handlers.run_custom_response_handlers.append(after_call)
    router.add(f"{prefix}/faults", endpoint=_add, methods=["POST"])
    router.add(f"{prefix}/faults", endpoint=_list, methods=["GET"])
    router.add(f"{prefix}/faults", endpoint=_remove, methods=["DELETE"])
    router.add(f"{prefix}/faults/<fault_id>", endpoint=_remove, methods=["DELETE"])
