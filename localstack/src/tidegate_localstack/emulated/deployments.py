"""CodeDeploy: the operations.

moto records a deployment and leaves it at `Created`. Here `rollout.py` carries it out, target by
target; this module is what callers see of that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore import xform_name
from localstack.aws.api import RequestContext
from localstack.services.moto import call_moto
from moto.codedeploy.models import codedeploy_backends

from tidegate_localstack.emulated import deploy_configs, runs
from tidegate_localstack.emulated.handlers import Handler, refuse
from tidegate_localstack.emulated.runs import ACTIVE, Run, Target

MAX_TARGETS_DESCRIBED = 25
MAX_DEPLOYMENTS_DESCRIBED = 25
DEPLOYMENT_ID = re.compile("d-[A-Z0-9]{9}")


def _backend(context: RequestContext) -> Any:
    return codedeploy_backends[context.account_id][context.region]


def _check_deployment_id(identifier: str) -> None:
    if not identifier:
        raise refuse("DeploymentIdRequiredException", "The deployment ID must be specified")
    if not DEPLOYMENT_ID.fullmatch(identifier):
        raise refuse("InvalidDeploymentIdException", f"The deployment ID {identifier} is not valid")


def _run(context: RequestContext, request: Any) -> Run:
    # Some operations' models let the ID be left out, which the service then objects to.
    identifier = request.get("deploymentId") or ""
    _check_deployment_id(identifier)
    deployment = _backend(context).deployments.get(identifier)
    if deployment is None:
        raise refuse(
            "DeploymentDoesNotExistException",
            f"The deployment {identifier} could not be found",
        )
    return runs.run_of(deployment)


def _create(context: RequestContext, request: Any) -> Any:
    backend = _backend(context)
    name, group_name = request["applicationName"], request.get("deploymentGroupName")
    if not group_name:
        _application_named(backend, name)
        raise refuse(
            "DeploymentGroupNameRequiredException", "The deployment group name must be specified"
        )
    group = _group_named(backend, name, group_name)
    config = request.get("deploymentConfigName") or str(group.deployment_config_name)
    deploy_configs.config_named(backend, config)
    _check_target_instances(group, request.get("targetInstances"))
    for deployment in backend.deployments.values():
        if deployment.deployment_group is group and deployment.status in ACTIVE:
            raise refuse(
                "DeploymentLimitExceededException",
                f"The Deployment Group '{group_name}' already has an active Deployment "
                f"'{deployment.deployment_id}'",
            )
    answer = call_moto(context)
    run = runs.register(backend, answer["deploymentId"])
    return {"deploymentId": run.deployment.deployment_id}


def _check_target_instances(group: Any, given: Any) -> None:
    """Only a blue/green deployment between existing environments names its instances."""
    option = (group.blue_green_deployment_configuration or {}).get("greenFleetProvisioningOption")
    blue_green = (group.deployment_style or {}).get("deploymentType") == "BLUE_GREEN"
    discovers = blue_green and (option or {}).get("action") == "DISCOVER_EXISTING"
    if discovers != bool(given):
        raise refuse(
            "InvalidTargetInstancesException",
            "Target instances must be given for a blue/green deployment that discovers existing "
            "instances, and for no other",
        )


def _described(run: Run) -> dict[str, Any]:
    answer = {k: v for k, v in run.deployment.to_dict().items() if v not in (None, "", {}, [])}
    answer.update(run.times())
    answer["deploymentOverview"] = run.overview()
    if run.error:
        answer["errorInformation"] = {"code": run.error[0], "message": run.error[1]}
    if run.rollback_info:
        answer["rollbackInfo"] = run.rollback_info
    if run.previous_revision:
        answer["previousRevision"] = run.previous_revision
    return answer


def _get(context: RequestContext, request: Any) -> Any:
    return {"deploymentInfo": _described(_run(context, request))}


def _batch_get(context: RequestContext, request: Any) -> Any:
    known, asked = _backend(context).deployments, request["deploymentIds"]
    if len(asked) > MAX_DEPLOYMENTS_DESCRIBED:
        raise refuse(
            "BatchLimitExceededException",
            f"At most {MAX_DEPLOYMENTS_DESCRIBED} deployments can be asked for, not {len(asked)}",
        )
    for identifier in asked or [""]:
        _check_deployment_id(identifier)
    found = [runs.run_of(known[i]) for i in asked if i in known]
    return {"deploymentsInfo": [_described(run) for run in found]}


def _application_named(backend: Any, name: str) -> None:
    if name not in backend.applications:
        raise refuse("ApplicationDoesNotExistException", f"No application found for name: {name}")


def _group_named(backend: Any, application: str, name: str) -> Any:
    _application_named(backend, application)
    group = backend.deployment_groups.get(application, {}).get(name)
    if group is None:
        raise refuse(
            "DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}"
        )
    return group


def _get_group(context: RequestContext, request: Any) -> Any:
    backend = _backend(context)
    group = _group_named(backend, request["applicationName"], request["deploymentGroupName"])
    info = {k: v for k, v in group.to_dict().items() if v not in (None, "", {}, [])}
    # Created from names, described as pairs; moto gives the names back, which no SDK can read.
    info["autoScalingGroups"] = [
        {"name": name, "hook": f"CodeDeploy-managed-automatic-launch-deployment-hook-{name}"}
        for name in group.auto_scaling_groups
    ]
    if group.alarm_configuration:
        info["alarmConfiguration"] = group.alarm_configuration
    mine = [runs.run_of(d) for d in backend.deployments.values() if d.deployment_group is group]
    if mine:
        info["targetRevision"] = mine[-1].deployment.revision
    for key, wanted in (
        ("lastAttemptedDeployment", mine),
        ("lastSuccessfulDeployment", [r for r in mine if r.deployment.status == "Succeeded"]),
    ):
        if wanted:
            last = wanted[-1]
            info[key] = {
                "deploymentId": last.deployment.deployment_id,
                "status": last.deployment.status,
                "createTime": last.created,
                **({"endTime": last.completed} if last.completed else {}),
            }
    return {"deploymentGroupInfo": info}


def _stop(context: RequestContext, request: Any) -> Any:
    run = _run(context, request)
    if not runs.stop(
        run,
        "Stopped",
        ("MANUAL_STOP", "The deployment was stopped on request"),
        "DEPLOYMENT_STOP_ON_REQUEST",
        roll_back=request.get("autoRollbackEnabled"),
    ):
        raise refuse(
            "DeploymentAlreadyCompletedException",
            f"The deployment {run.deployment.deployment_id} has already completed",
        )
    return {"status": "Succeeded", "statusMessage": "No more commands will be scheduled"}


def _continue(context: RequestContext, request: Any) -> Any:
    run = _run(context, request)
    wait = request.get("deploymentWaitType") or "READY_WAIT"
    if run.waiting_for != wait:
        raise refuse(
            "DeploymentIsNotInReadyStateException",
            f"The deployment {run.deployment.deployment_id} does not wait for {wait}",
        )
    run.waiting_for = None
    return {}


def _list_targets(context: RequestContext, request: Any) -> Any:
    filters = request.get("targetFilters") or {}
    statuses, labels = filters.get("TargetStatus"), filters.get("ServerInstanceLabel")
    return {
        "targetIds": [
            target.id
            for target in _run(context, request).targets
            if (not statuses or target.status in statuses)
            and (not labels or target.label in labels)
        ]
    }


def _described_target(run: Run, target: Target) -> dict[str, Any]:
    common = {
        "deploymentId": run.deployment.deployment_id,
        "targetId": target.id,
        "targetArn": target.id,
        "status": target.status,
        "lastUpdatedAt": target.updated,
        "lifecycleEvents": [event.described() for event in target.events],
    }
    kind, key, own = "InstanceTarget", "instanceTarget", {"instanceLabel": target.label}
    if run.shift is not None:
        kind, key, own = run.shift.described()
    return {"deploymentTargetType": kind, key: {**common, **own}}


def _batch_get_targets(context: RequestContext, request: Any) -> Any:
    run, ids = _run(context, request), request.get("targetIds") or []
    if not 1 <= len(ids) <= MAX_TARGETS_DESCRIBED:
        raise refuse(
            "DeploymentTargetListSizeExceededException",
            f"The number of target ids must be 1 to {MAX_TARGETS_DESCRIBED}, not {len(ids)}",
        )
    unknown = set(ids) - {target.id for target in run.targets}
    if unknown:
        raise refuse(
            "DeploymentTargetDoesNotExistException",
            f"The deployment {run.deployment.deployment_id} has no target {min(unknown)}",
        )
    return {"deploymentTargets": [_described_target(run, t) for t in run.targets if t.id in ids]}


def _get_target(context: RequestContext, request: Any) -> Any:
    both = {"deploymentId": request["deploymentId"], "targetIds": [request["targetId"]]}
    return {"deploymentTarget": _batch_get_targets(context, both)["deploymentTargets"][0]}


def _update_group(context: RequestContext, request: Any) -> Any:
    """moto has no UpdateDeploymentGroup; what is not given stays."""
    backend, name = _backend(context), request["applicationName"]
    group = _group_named(backend, name, request["currentDeploymentGroupName"])
    if config := request.get("deploymentConfigName"):
        deploy_configs.config_named(backend, config)
    wanted = request.get("newDeploymentGroupName")
    if (
        wanted not in (None, group.deployment_group_name)
        and wanted in backend.deployment_groups[name]
    ):
        raise refuse(
            "DeploymentGroupAlreadyExistsException",
            f"Deployment group name already exists: {wanted}",
        )
    for key, value in request.items():
        attribute = xform_name(key)
        if hasattr(group, attribute):
            setattr(group, attribute, value)
    if renamed := request.get("newDeploymentGroupName"):
        del backend.deployment_groups[name][group.deployment_group_name]
        group.deployment_group_name = renamed
        backend.deployment_groups[name][renamed] = group
    return {"hooksNotCleanedUp": []}


def _check_listed(backend: Any, application: str | None, group: str | None) -> None:
    """Deployments are listed of everything, or of one application and group of it."""
    if application and group:
        _group_named(backend, application, group)
    elif application:
        _application_named(backend, application)
        raise refuse(
            "DeploymentGroupNameRequiredException", "The deployment group name must be specified"
        )
    elif group:
        raise refuse("ApplicationNameRequiredException", "The application name must be specified")


def _list(context: RequestContext, request: Any) -> Any:
    statuses = request.get("includeOnlyStatuses")
    name, group = request.get("applicationName"), request.get("deploymentGroupName")
    _check_listed(_backend(context), name, group)
    created = request.get("createTimeRange") or {}

    def wanted(run: Run) -> bool:
        deployment, start = run.deployment, created.get("start")
        moment: datetime = run.times()["createTime"]
        return (
            name in (None, deployment.application_name)
            and group in (None, deployment.deployment_group_name)
            and (not statuses or deployment.status in statuses)
            and (start is None or moment >= start)
            and (created.get("end") is None or moment <= created["end"])
        )

    known = [runs.run_of(d) for d in reversed(_backend(context).deployments.values())]
    return {"deployments": [run.deployment.deployment_id for run in known if wanted(run)]}


OPERATIONS: Mapping[str, Handler] = {
    "CreateDeployment": _create,
    "GetDeployment": _get,
    "BatchGetDeployments": _batch_get,
    "GetDeploymentGroup": _get_group,
    "StopDeployment": _stop,
    "ContinueDeployment": _continue,
    "ListDeployments": _list,
    "ListDeploymentTargets": _list_targets,
    "BatchGetDeploymentTargets": _batch_get_targets,
    "GetDeploymentTarget": _get_target,
    "UpdateDeploymentGroup": _update_group,
    **deploy_configs.OPERATIONS,
}
