"""What runs once when LocalStack starts.

LocalStack calls this module's hook through the entry-point group `localstack.hooks.on_infra_start`,
before it accepts requests.
"""

from __future__ import annotations

import threading

from localstack.runtime import hooks

WARMED = ("ec2", "elbv2", "autoscaling", "cloudwatch", "events", "sqs")


@hooks.on_infra_start()
def on_start() -> None:
    """Add this package's own routes to the gateway."""
    from localstack.aws import handlers  # noqa: PLC0415
    from localstack.services.edge import ROUTER  # noqa: PLC0415

    from tidegate_localstack import control, dns, launch_templates, traffic  # noqa: PLC0415

    launch_templates.repair()
    control.add_routes(ROUTER)
    traffic.add_routes(ROUTER)
    handlers.serve_custom_service_request_handlers.append(dns.throttle)
    threading.Thread(target=_warm_up, name="tidegate-warm-up", daemon=True).start()


def _warm_up() -> None:
    """Load the services every seed uses, which takes seconds, while the gateway starts."""
    from localstack.services.plugins import SERVICE_PLUGINS  # noqa: PLC0415

    for service in WARMED:
        SERVICE_PLUGINS.require(service)
