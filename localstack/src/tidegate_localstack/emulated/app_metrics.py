"""What the programs on the instances report of themselves, as an application's own metrics.

Behind a network load balancer or a DNS name nothing on the way counts HTTP errors, so that people
let their application do it. Here each Auto Scaling group has `Requests` and `Errors` in the
namespace `App`, once a second while requests arrive.
"""

from __future__ import annotations

from moto.autoscaling.models import autoscaling_backends

from tidegate_localstack.emulated import engine, instances
from tidegate_localstack.emulated.settings import SETTINGS

NAMESPACE = "App"
_published = {"at": 0.0}


def tick(now: float) -> None:
    """Publish what the programs counted."""
    from tidegate_localstack.emulated.alarms import metric_store  # noqa: PLC0415

    if now - _published["at"] < SETTINGS.metrics_seconds:
        return
    _published["at"] = now
    for backend in engine.backends(autoscaling_backends):
        for group in backend.autoscaling_groups.values():
            taken = [instances.program_of(s.instance).take_counts() for s in group.instance_states]
            requests, errors = sum(t[0] for t in taken), sum(t[1] for t in taken)
            if requests:
                where = [{"Name": "AutoScalingGroupName", "Value": group.name}]
                data = [
                    {"MetricName": name, "Dimensions": where, "Value": float(value)}
                    for name, value in (("Requests", requests), ("Errors", errors))
                ]
                metric_store().add_metric_data(
                    backend.account_id, backend.region_name, NAMESPACE, data
                )
