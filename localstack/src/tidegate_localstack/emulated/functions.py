"""Lambda's operations that run functions, and the table of all that are supplied here.

A function is run by a process, as its code says. One that has the environment variable
TIDEGATE_ANSWER runs nothing and answers what that says, with `errorMessage` in it as a function
that failed; and one whose handler's module is empty answers `null`.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.api.lambda_ import ThrottleReason, TooManyRequestsException

from tidegate_localstack.emulated import (
    function_aliases,
    function_events,
    function_invocations,
    function_options,
    function_provisioning,
    function_revisions,
    function_versions,
    mapping_operations,
    mapping_tags,
)
from tidegate_localstack.emulated.function_invocations import Target
from tidegate_localstack.emulated.function_pool import ThrottledError
from tidegate_localstack.emulated.function_worker import Outcome
from tidegate_localstack.emulated.handlers import Handler

LOG_TAIL_BYTES = 4096
PAYLOAD_BYTES = 6_291_456
"""How much may be given to a function, and how much it may answer."""


def invoke(context: RequestContext, request: Any) -> dict[str, Any]:
    """Run a function: now, or later for an event that nobody waits for; a dry run only finds it."""
    target = function_invocations.find(
        context.account_id, context.region, request["FunctionName"], request.get("Qualifier")
    )
    kind = request.get("InvocationType") or "RequestResponse"
    if kind == "DryRun":
        return {"StatusCode": 204}
    payload = read_payload(request.get("Payload"))
    request_id = context.request_id or str(uuid.uuid4())
    if kind == "Event":
        function_events.receive(target, payload, request_id)
        return {"StatusCode": 202}
    try:
        outcome = function_invocations.run(target, payload, request_id)
    except ThrottledError as error:
        raise TooManyRequestsException(
            "Rate Exceeded.", Reason=ThrottleReason(error.reason), Type="User"
        ) from error
    return _told(target, outcome, request_id, with_log=request.get("LogType") == "Tail")


def invoke_async(context: RequestContext, request: Any) -> dict[str, Any]:
    """The old way to have a function invoked for an event."""
    event = {**request, "InvocationType": "Event", "Payload": request.get("InvokeArgs")}
    return {"Status": invoke(context, event)["StatusCode"]}


def read_payload(given: Any) -> str:
    """The event of a request, which is an empty one when there is none."""
    raw: bytes = (given.read() if hasattr(given, "read") else given) or b"{}"
    if len(raw) > PAYLOAD_BYTES:
        raise CommonServiceException(
            "RequestTooLargeException",
            f"Request must be smaller than {PAYLOAD_BYTES} bytes for the InvokeFunction operation",
            status_code=413,
        )
    try:
        text = raw.decode()
        json.loads(text)
    except ValueError as error:
        raise CommonServiceException(
            "InvalidRequestContentException",
            f"Could not parse request body into json: {error}",
            status_code=400,
        ) from error
    return text


def _told(target: Target, outcome: Outcome, request_id: str, *, with_log: bool) -> dict[str, Any]:
    failed, payload = outcome.failed, outcome.payload
    if len(payload) > PAYLOAD_BYTES:
        failed = True
        words = (
            f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_BYTES} bytes)."
        )
        payload = json.dumps({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": words})
    version = target.invoked.version
    told = {"StatusCode": 200, "Payload": payload.encode(), "ExecutedVersion": version}
    if failed:
        told["FunctionError"] = "Unhandled"
    if with_log:
        told["LogResult"] = log_tail(target, outcome, request_id)
    return told


def log_tail(target: Target, outcome: Outcome, request_id: str) -> str:
    """The end of an invocation's log as AWS words it, in Base64."""
    head = f"START RequestId: {request_id} Version: {target.invoked.version}\n"
    report = {
        "RequestId": request_id,
        "Duration": f"{outcome.milliseconds:.2f} ms",
        "Billed Duration": f"{int(outcome.milliseconds) + 1} ms",
        "Memory Size": f"{target.build.memory} MB",
        "Max Memory Used": f"{target.build.memory} MB",
    }
    if outcome.init_milliseconds is not None:
        report["Init Duration"] = f"{outcome.init_milliseconds:.2f} ms"
    told = "\t".join(f"{name}: {value}" for name, value in report.items())
    tail = f"END RequestId: {request_id}\nREPORT {told}\t\n"
    text = head.encode() + outcome.log + tail.encode()
    return base64.b64encode(text[-LOG_TAIL_BYTES:]).decode()


OPERATIONS: dict[str, Handler] = {
    **function_aliases.OPERATIONS,
    **function_options.OPERATIONS,
    **function_provisioning.OPERATIONS,
    **function_revisions.OPERATIONS,
    **function_versions.OPERATIONS,
    **mapping_operations.OPERATIONS,
    **mapping_tags.OPERATIONS,
}
WAITING: dict[str, Handler] = {"Invoke": invoke, "InvokeAsync": invoke_async}
"""Operations that take as long as a function does."""
