"""What runs once when LocalStack starts.

LocalStack calls this module's hook through the entry-point group `localstack.hooks.on_infra_start`,
before it accepts requests.
"""

from __future__ import annotations

import threading
from typing import Any

from localstack.runtime import hooks
from localstack.utils.sync import SynchronizedDefaultDict

WARMED = ("ec2", "elbv2", "autoscaling", "cloudwatch", "events", "sqs")


@hooks.on_infra_start()
def on_start() -> None:
    """Add this package's own routes to the gateway."""
    from localstack.aws import handlers  # noqa: PLC0415
    from localstack.aws.handlers.internal import LocalstackResourceHandler  # noqa: PLC0415
    from localstack.aws.handlers.service_plugin import ServiceLoader  # noqa: PLC0415
    from localstack.services.edge import ROUTER  # noqa: PLC0415

    from tidegate_localstack.emulated import actions, dns, launch_templates, model_check, traffic  # noqa: PLC0415
    from tidegate_localstack.process import control  # noqa: PLC0415

    launch_templates.repair()
    actions.repair()
    control.add_routes(ROUTER)
    traffic.add_routes(ROUTER)
    pass_when_loaded(ServiceLoader)
    look_only_at_own_paths(LocalstackResourceHandler)
    before_services: Any = handlers.serve_custom_service_request_handlers
    before_services.append(dns.throttle)
    before_services.append(model_check.check)
    threading.Thread(target=_warm_up, name="tidegate-warm-up", daemon=True).start()


def pass_when_loaded(loader: type[Any]) -> None:
    """Let requests wait until all operations of their service are known.

    LocalStack 4.13 notes a service as loaded before it has its operations, so of several first
    requests at once all but one may be told that there is no such operation.
    """
    load, loaded = loader.require_service, set[str]()
    locks = SynchronizedDefaultDict(threading.RLock)

    def require(self: Any, chain: Any, context: Any, response: Any) -> None:
        name = context.service.service_name if context.service else ""
        if name in loaded:
            return
        with locks[name]:
            load(self, chain, context, response)
            loaded.add(name)

    loader.require_service = require


def look_only_at_own_paths(handler: type[Any]) -> None:
    """Match a request with LocalStack's own resources only where its path may be one of theirs.

    All their paths begin with an underscore, and what looks for one tries patterns on every
    request: a tenth of what a call costs here.
    """
    respond = handler.__call__

    def respond_to_own(self: Any, chain: Any, context: Any, response: Any) -> None:
        if context.request.path.startswith("/_"):
            respond(self, chain, context, response)

    handler.__call__ = respond_to_own


def _warm_up() -> None:
    """Load the services every seed uses, which takes seconds, while the gateway starts."""
    from localstack.services.plugins import SERVICE_PLUGINS  # noqa: PLC0415

    for service in WARMED:
        SERVICE_PLUGINS.require(service)
