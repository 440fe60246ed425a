"""What runs once when LocalStack starts.

LocalStack calls this module's hook through the entry-point group `localstack.hooks.on_infra_start`,
before it accepts requests.
"""

from __future__ import annotations

from localstack.runtime import hooks


@hooks.on_infra_start()
def on_start() -> None:
    """Add this package's own routes to the gateway."""
    from localstack.services.edge import ROUTER  # noqa: PLC0415

    from tidegate_localstack import control  # noqa: PLC0415

    control.add_routes(ROUTER)
