"""How CodeDeploy deployments go on over time: the machine that moves every active one.

In place, the instances of the deployment group go through their lifecycle events, as many at once
as the configuration allows. A deployment fails when too few instances stay healthy, stops when one
of its alarms fires; a rollback is a new deployment of the last revision that succeeded.
"""

from __future__ import annotations

from datetime import UTC, datetime

from localstack.services.cloudwatch.models import cloudwatch_stores
from moto.codedeploy.models import codedeploy_backends

from tidegate_localstack.emulated import rollout_green, shifts
from tidegate_localstack.emulated.engine import backends
from tidegate_localstack.emulated.runs import (
    ACTIVE,
    ALLOW,
    BLOCK,
    INSTALL,
    Run,
    backend_of,
    deploy,
    instances_of,
    run_of,
    stop,
    succeed,
)


def _firing_alarm(run: Run) -> str | None:
    backend = backend_of(run)
    config = run.deployment.override_alarm_configuration or run.group.alarm_configuration or {}
    watched = [a["name"] for a in config.get("alarms") or []] if config.get("enabled") else []
    known = cloudwatch_stores[backend.account_id][backend.region_name].alarms.values()
    firing = [a.alarm["AlarmName"] for a in known if a.alarm["StateValue"] == "ALARM"]
    return next((name for name in firing if name in watched), None)


def _begin(run: Run) -> None:
    if not run.become("InProgress"):
        return
    run.started = datetime.now(UTC)
    if run.platform != "Server":
        shifts.begin(run)
        return
    if run.is_blue_green:
        rollout_green.begin(run)
        return
    style = run.group.deployment_style or {}
    balanced = style.get("deploymentOption") == "WITH_TRAFFIC_CONTROL"
    events = (*BLOCK, *INSTALL, *ALLOW) if balanced else INSTALL
    run.targets = instances_of(run, "Blue", events)


def _advance(run: Run, now: float) -> None:
    deployment = run.deployment
    if deployment.status == "Created":
        run.become("Queued")
    elif deployment.status == "Queued":
        _begin(run)
    elif (alarm := _firing_alarm(run)) and not run.is_rollback:
        error = ("ALARM_ACTIVE", f"One or more alarms have been activated: {alarm}")
        stop(run, "Stopped", error, "DEPLOYMENT_STOP_ON_ALARM")
    elif run.platform != "Server":
        shifts.advance(run, now)
    elif run.is_blue_green:
        rollout_green.PHASES[run.phase](run, now)
    elif not run.targets:
        message = "The deployment failed because no instances were found for your deployment group"
        stop(run, "Failed", ("NO_INSTANCES", message), "DEPLOYMENT_FAILURE")
    elif deploy(run, run.targets, (*BLOCK, *INSTALL, *ALLOW), ("Succeeded",), now):
        succeed(run, label="Blue")


def tick(now: float) -> None:
    """Move every active deployment on."""
    for backend in backends(codedeploy_backends):
        for deployment in list(backend.deployments.values()):
            if deployment.status in ACTIVE:
                _advance(run_of(deployment), now)
