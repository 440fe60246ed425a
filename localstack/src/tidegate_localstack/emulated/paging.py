"""Cuts what an operation lists into pages, where moto answers everything whatever was asked.

Which operations have pages, and what their members are called, is in botocore's model of them. The
operation itself is asked for everything, page by page where moto has pages of its own (which are of
50 and fail at a token that is not its own), and the cut is made here, the same for all.
"""

from __future__ import annotations

import base64
import functools
import re
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from localstack.aws.api import RequestContext
from localstack.aws.forwarder import create_aws_request_context

from tidegate_localstack.emulated.handlers import Handler, refuse


@dataclass(frozen=True)
class Limits:
    """What a service says of its pages."""

    usual: int
    """How many are listed where no number is given."""
    most: int
    """More than this is never on one page."""
    bad_token: str
    """The error for a token that no answer has given."""
    refused_above: str | None = None
    """The error for more than that; without one the page has just no more."""


LIMITS = {
    "elbv2": Limits(400, 400, "ValidationError"),
    "autoscaling": Limits(50, 100, "InvalidNextToken", "ValidationError"),
    "lambda": Limits(50, 50, "InvalidParameterValueException"),
    "ecs": Limits(100, 100, "InvalidParameterException"),
    "route53": Limits(100, 100, "InvalidInput"),
}
MARK = "tidegate:"


def token_at(offset: int) -> str:
    """The token with which a list goes on at an offset."""
    return base64.b64encode(f"{MARK}{offset}".encode()).decode()


def offset_of(token: str | None, error: str) -> int:
    """Where a token goes on, or the error for one that no answer has given."""
    if not token:
        return 0
    try:
        text = base64.b64decode(token, validate=True).decode()
    except ValueError:
        text = ""
    if not re.fullmatch(f"{MARK}[0-9]+", text):
        raise refuse(error, f"The token '{token}' is invalid")
    return int(text.removeprefix(MARK))


@dataclass(frozen=True)
class Pages:
    """How an operation is asked for a page, and how it answers one."""

    service: str
    token: str
    size: str
    next_token: str
    listed: str
    truncated: str | None = None
    """The member that says whether there is more; with it goes the size that was given."""

    def start_of(self, request: Any) -> int:
        """Where the page begins that a request asks for."""
        return offset_of(request.get(self.token), LIMITS[self.service].bad_token)

    def length_of(self, request: Any) -> int:
        """How many a request wants on its page."""
        limits = LIMITS[self.service]
        given = request.get(self.size)
        if given is None:
            return limits.usual
        number = int(given) if str(given).isdigit() else 0
        if number < 1 or (limits.refused_above and number > limits.most):
            raise refuse(
                limits.refused_above or limits.bad_token,
                f"{self.size} must be a number from 1 to {limits.most}, not {given}",
            )
        return min(number, limits.most)


@functools.cache
def _models(service: str) -> dict[str, Any]:
    loader = botocore.session.get_session().get_component("data_loader")
    pages: dict[str, Any] = loader.load_service_model(service, "paginators-1")["pagination"]
    return pages


def pages_of(model: ServiceModel, operation: str) -> Pages | None:
    """The pages of an operation, if it has any and lets one choose their size."""
    service = str(model.service_name)
    given = _models(service).get(operation) if service in LIMITS else None
    if given is None or "limit_key" not in given or isinstance(given["input_token"], list):
        return None
    return Pages(
        service,
        token=given["input_token"],
        size=given["limit_key"],
        next_token=given["output_token"],
        listed=given["result_key"],
        truncated=given.get("more_results"),
    )


def paged(handler: Handler, pages: Pages) -> Handler:
    """The same operation, page by page."""

    def handle(context: RequestContext, request: Any) -> Any:
        # A wrong token or size is told before anything is asked for.
        cut(pages, request or {}, {pages.listed: []})
        return cut(pages, request or {}, _everything(handler, pages, context, request or {}))

    return handle


def cut(pages: Pages, request: Any, answer: Any) -> Any:
    """The page a request asks for, out of an answer with everything."""
    start, length = pages.start_of(request), pages.length_of(request)
    everything, end = answer.get(pages.listed), start + length
    if everything is None:
        return answer
    page = {key: value for key, value in answer.items() if key != pages.next_token}
    page[pages.listed] = everything[start:end]
    if pages.truncated:
        page |= {pages.truncated: end < len(everything), pages.size: str(length)}
    if end < len(everything):
        page[pages.next_token] = token_at(end)
    return page


def _everything(handler: Handler, pages: Pages, context: RequestContext, request: Any) -> Any:
    """What the operation answers without any page, or with all of its own pages together."""
    given = {key: value for key, value in request.items() if value is not None}
    asked = {key: value for key, value in given.items() if key not in (pages.token, pages.size)}
    answer = handler(context if asked == given else _asking(context, asked), asked)
    while token := answer.get(pages.next_token):
        further = {**asked, pages.token: token}
        more = handler(_asking(context, further), further)
        more[pages.listed] = [*answer[pages.listed], *more[pages.listed]]
        answer = more
    return answer


def _asking(context: Any, request: Any) -> RequestContext:
    """The context of another request for the same operation; moto reads the request in there."""
    made: Any = create_aws_request_context(
        service_name=context.service.service_name,
        action=context.operation.name,
        parameters=request,
        region=context.region,
        protocol=context.protocol,
    )
    headers = context.request.headers.copy()
    headers.update(made.request.headers)
    made.request.headers = headers
    made.account_id, made.partition = context.account_id, context.partition
    asking: RequestContext = made
    return asking
