"""The load balancers' own work: requests to them are really forwarded.

A request whose Host is `<name>.elb.localhost.localstack.cloud` (any port) goes through the listener
rules of the load balancer of that name to a program on a simulated instance, and what comes back is
counted. Once a second the counts become CloudWatch metrics with AWS's names and dimensions, so that
ordinary alarms see what users saw. A port in the Host chooses among several listeners.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import urllib3
from localstack.http import Request, Response, Router
from moto.elbv2.models import elbv2_backends

from tidegate_localstack.emulated import engine, flows, instances, targets
from tidegate_localstack.emulated.routing import Answer, Forward, Seen, decide
from tidegate_localstack.emulated.settings import SETTINGS

LOG = logging.getLogger(__name__)

NAMESPACE = "AWS/ApplicationELB"
HOST_PATTERN = r"<regex('[^.]+\.elb\.localhost\.localstack\.cloud(:\d+)?'):host>"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"}
TIMES_KEPT = 100
"""Response times sent to CloudWatch for one group and interval; more would say the same."""
HOST_COUNT_SECONDS = 5.0

_pool = urllib3.PoolManager(num_pools=500, maxsize=64, retries=False, timeout=60.0)


@dataclass
class Counts:
    """What one target group of one load balancer answered since the last publication."""

    by_class: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    times: list[float] = field(default_factory=list)
    answered: int = 0

    def add(self, status: int, seconds: float) -> None:
        """Count one answer of a target."""
        self.by_class[f"HTTPCode_Target_{status // 100}XX_Count"] += 1
        self.answered += 1
        if len(self.times) < TIMES_KEPT:
            self.times.append(seconds)
        elif (place := random.randrange(self.answered)) < TIMES_KEPT:
            self.times[place] = seconds


Key = tuple[str, str, str, str | None]
"""Account, region, load balancer and target group, the last two as dimensions name them."""

_counts: dict[Key, Counts] = defaultdict(Counts)
_counts_lock = threading.Lock()
_published = {"traffic": 0.0, "hosts": 0.0}


def _find(host: str) -> tuple[Any, Any, Any] | None:
    """The backend, load balancer and listener a host name stands for."""
    name, _, port = host.partition(":")
    name = name.partition(".")[0]
    for backend in engine.backends(elbv2_backends):
        for balancer in backend.load_balancers.values():
            if balancer.name.lower() == name.lower() and balancer.listeners:
                ports = (port, "80")
                listeners = sorted(
                    balancer.listeners.values(),
                    key=lambda one: ports.index(str(one.port)) if str(one.port) in ports else 2,
                )
                return backend, balancer, listeners[0]
    return None


def handle(request: Request, host: str, path: str = "") -> Response:
    """Answer one request to a load balancer."""
    seen = Seen(
        host=request.host,
        path=request.path,
        query=request.query_string.decode("latin-1"),
        method=request.method,
        headers=dict(request.headers),
        cookies=request.cookies,
        source_ip=request.remote_addr or "127.0.0.1",
    )
    with engine.LOCK:
        found = _find(host)
        if found is None:
            return Response(f"there is no load balancer at {host} with a listener\n", 404)
        backend, balancer, listener = found
        client = (seen.source_ip, request.environ.get("REMOTE_PORT", ""))
        if balancer.type == "network":
            decision = flows.decide(backend, balancer, listener, client)
        else:
            decision = decide(backend, listener, seen)
    if balancer.type == "network":
        return _pass_on(request, decision, flows.key_of(listener, client))
    at = (backend.account_id, backend.region_name, dimension(balancer.arn))
    return _forward(request, decision, at)


def _forward(request: Request, decision: Forward | Answer, at: tuple[str, str, str]) -> Response:
    """Carry out what an application load balancer decided."""
    if isinstance(decision, Answer):
        return Response(decision.body, decision.status, headers=decision.headers)
    if decision.address is None:
        return _own_error(at, 503, "no target is registered")
    started = time.perf_counter()
    try:
        answer = _ask(decision.address, request)
    except urllib3.exceptions.TimeoutError:
        return _own_error(at, 504, "the target did not answer in time")
    except urllib3.exceptions.HTTPError as error:
        LOG.warning("target %s of %s failed: %s", decision.address, at[2], error)
        return _own_error(at, 502, "the target closed the connection")
    with _counts_lock:
        counts = _counts[(*at, dimension(decision.group.arn))]
        # A busy machine's delay is not the target's, and would set off alarms on its latency.
        own = answer.headers.pop(instances.TOOK, None)
        counts.add(answer.status, float(own) if own else time.perf_counter() - started)
    response = _returned(answer)
    if decision.set_cookie:
        response.headers.add("Set-Cookie", decision.set_cookie)
    return response


def _pass_on(request: Request, decision: Forward | Answer, key: flows.FlowKey) -> Response:
    """Send a request along its connection through a network load balancer.

    AWS resets a connection it has no target for; here that is told with a 503, or a 502.
    """
    if isinstance(decision, Answer) or decision.address is None:
        return Response("the connection has no target\n", 503)
    try:
        answer = _ask(decision.address, request)
    except urllib3.exceptions.HTTPError as error:
        LOG.warning("target %s failed: %s", decision.address, error)
        flows.reset(key)
        return Response("the target reset the connection\n", 502)
    closing = request.headers.get("Connection", "").lower() == "close"
    flows.passed(key, len(request.get_data()) + len(answer.data), closing=closing)
    return _returned(answer)


def _ask(address: tuple[str, int], request: Request) -> urllib3.BaseHTTPResponse:
    return _pool.request(
        request.method,
        f"http://{address[0]}:{address[1]}{request.full_path.rstrip('?')}",
        headers=_forwarded_headers(request),
        body=request.get_data() or None,
        redirect=False,
        decode_content=False,
    )


def _returned(answer: urllib3.BaseHTTPResponse) -> Response:
    response = Response(answer.data, answer.status)
    response.headers.clear()
    for key, value in answer.headers.items():
        if key.lower() not in HOP_BY_HOP:
            response.headers.add(key, value)
    return response


def _own_error(at: tuple[str, str, str], status: int, text: str) -> Response:
    with _counts_lock:
        _counts[(*at, None)].by_class[f"HTTPCode_ELB_{status // 100}XX_Count"] += 1
    return Response(f"{text}\n", status)


def _forwarded_headers(request: Request) -> dict[str, str]:
    kept = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
    earlier = kept.get("X-Forwarded-For")
    source = request.remote_addr or "127.0.0.1"
    kept["X-Forwarded-For"] = f"{earlier}, {source}" if earlier else source
    kept["X-Forwarded-Proto"] = "http"
    return kept


def dimension(arn: str) -> str:
    """How a metric names a load balancer or target group: the end of its ARN."""
    resource = arn.split(":", 5)[5]
    return resource.removeprefix("loadbalancer/")


def _dimensions(balancer: str, group: str | None) -> list[dict[str, str]]:
    found = [{"Name": "LoadBalancer", "Value": balancer}]
    return found + ([{"Name": "TargetGroup", "Value": group}] if group else [])


def _publish(
    account: str, region: str, data: list[dict[str, Any]], namespace: str = NAMESPACE
) -> None:
    from tidegate_localstack.emulated.alarms import metric_store  # noqa: PLC0415

    metric_store().add_metric_data(account, region, namespace, data)


def _publish_flows() -> None:
    for backend, balancer, values in flows.metric_data():
        where = _dimensions(dimension(balancer.arn), None)
        data = [{"MetricName": n, "Dimensions": where, "Value": v} for n, v in values.items()]
        _publish(backend.account_id, backend.region_name, data, flows.NAMESPACE)


def _publish_traffic() -> None:
    with _counts_lock:
        taken = dict(_counts)
        _counts.clear()
    totals: dict[Key, Counts] = defaultdict(Counts)
    for (account, region, balancer, group), counts in taken.items():
        data = _described(counts, _dimensions(balancer, group))
        _publish(account, region, data)
        total = totals[(account, region, balancer, None)]
        total.answered += counts.answered
        total.times += counts.times
        if group:
            for name, count in counts.by_class.items():
                total.by_class[name] += count
    for (account, region, balancer, _), counts in totals.items():
        _publish(account, region, _described(counts, _dimensions(balancer, None)))


def _described(counts: Counts, dimensions: list[dict[str, str]]) -> list[dict[str, Any]]:
    """As PutMetricData takes it; like AWS, only what is not zero."""
    sums = dict(counts.by_class)
    if counts.answered:
        sums["RequestCount"] = counts.answered
    data: list[dict[str, Any]] = [
        {"MetricName": name, "Dimensions": dimensions, "Value": float(count), "Unit": "Count"}
        for name, count in sums.items()
    ]
    if counts.times:
        time_metric = {"MetricName": "TargetResponseTime", "Unit": "Seconds"}
        data.append({**time_metric, "Dimensions": dimensions, "Values": counts.times})
    return data


def _publish_host_counts() -> None:
    for backend in engine.backends(elbv2_backends):
        for arn, balancers in targets.load_balancers_by_group(backend).items():
            group = backend.target_groups.get(arn)
            if group is None:
                continue
            states = [t.state for t in targets.targets_of(group).values()]
            for balancer in balancers:
                where = _dimensions(dimension(balancer), dimension(arn))
                counted = {"HealthyHostCount": "healthy", "UnHealthyHostCount": "unhealthy"}
                _publish(
                    backend.account_id,
                    backend.region_name,
                    [
                        {"MetricName": m, "Dimensions": where, "Value": float(states.count(state))}
                        for m, state in counted.items()
                    ],
                    flows.NAMESPACE if ":loadbalancer/net/" in balancer else NAMESPACE,
                )


def tick(now: float) -> None:
    """Publish what is due."""
    if now - _published["traffic"] >= SETTINGS.metrics_seconds:
        _published["traffic"] = now
        _publish_traffic()
        _publish_flows()
    if now - _published["hosts"] >= max(HOST_COUNT_SECONDS, SETTINGS.metrics_seconds):
        _published["hosts"] = now
        _publish_host_counts()


def add_routes(router: Router[Any]) -> None:
    """Route the load balancers' host names here."""
    for path in ("/", "/<path:path>"):
        router.add(path, endpoint=handle, host=HOST_PATTERN, methods=METHODS)
    engine.every_tick(tick)
