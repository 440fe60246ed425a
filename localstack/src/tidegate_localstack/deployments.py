"""CodeDeploy: the operations, for deployments to EC2 instances.

moto records a deployment and leaves it at `Created`. Here `rollout.py` carries it out, target by
target; this module is what callers see of that. Deployments to Lambda and ECS are refused as not
emulated, so that nobody takes a recorded deployment for one that ran.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.services.moto import call_moto
from moto.codedeploy.models import codedeploy_backends

from tidegate_localstack import rollout
from tidegate_localstack.rollout import ACTIVE, CONFIGURATIONS, Run

Handler = Callable[[RequestContext, Any], Any]

MAX_TARGETS_DESCRIBED = 25


def _backend(context: RequestContext) -> Any:
    return codedeploy_backends[context.account_id][context.region]


def _refuse(code: str, message: str) -> CommonServiceException:
    return CommonServiceException(code, message, status_code=400, sender_fault=True)


def _run(context: RequestContext, request: Any) -> Run:
    deployment = _backend(context).deployments.get(request["deploymentId"])
    if deployment is None:
        raise _refuse(
            "DeploymentDoesNotExistException",
            f"The deployment {request['deploymentId']} could not be found",
        )
    return rollout.run_of(deployment)


def _create(context: RequestContext, request: Any) -> Any:
    backend = _backend(context)
    name, group_name = request["applicationName"], request.get("deploymentGroupName") or ""
    group = backend.deployment_groups.get(name, {}).get(group_name)
    if group is not None:
        if (group.application.compute_platform or "Server") != "Server":
            raise NotImplementedError("only deployments to the platform Server are emulated")
        config = request.get("deploymentConfigName") or str(group.deployment_config_name)
        if config.rpartition(".")[2] not in CONFIGURATIONS:
            raise _refuse(
                "DeploymentConfigDoesNotExistException",
                f"No deployment configuration found for name: {config}",
            )
        for deployment in backend.deployments.values():
            if deployment.deployment_group is group and deployment.status in ACTIVE:
                raise _refuse(
                    "DeploymentLimitExceededException",
                    f"The Deployment Group '{group_name}' already has an active Deployment "
                    f"'{deployment.deployment_id}'",
                )
    answer = call_moto(context)
    return {"deploymentId": register(backend, answer["deploymentId"])}


def register(backend: Any, deployment_id: str) -> str:
    """Give a new deployment an id of AWS's form, and start it."""
    deployment = backend.deployments.pop(deployment_id)
    random_part = "".join(random.choices(string.ascii_uppercase + string.digits, k=9))
    deployment.deployment_id = f"d-{random_part}"
    backend.deployments[deployment.deployment_id] = deployment
    rollout.run_of(deployment)
    return str(deployment.deployment_id)


def _described(run: Run) -> dict[str, Any]:
    answer = {k: v for k, v in run.deployment.to_dict().items() if v not in (None, "", {}, [])}
    answer.update(run.times())
    answer["deploymentOverview"] = run.overview()
    if run.error:
        answer["errorInformation"] = {"code": run.error[0], "message": run.error[1]}
    if run.rollback_info:
        answer["rollbackInfo"] = run.rollback_info
    return answer


def _get(context: RequestContext, request: Any) -> Any:
    return {"deploymentInfo": _described(_run(context, request))}


def _batch_get(context: RequestContext, request: Any) -> Any:
    known = _backend(context).deployments
    found = [rollout.run_of(known[i]) for i in request["deploymentIds"] if i in known]
    return {"deploymentsInfo": [_described(run) for run in found]}


def _get_group(context: RequestContext, request: Any) -> Any:
    answer = call_moto(context)
    backend = _backend(context)
    groups = backend.deployment_groups[request["applicationName"]]
    group = groups[request["deploymentGroupName"]]
    info = answer["deploymentGroupInfo"]
    if group.alarm_configuration:
        info["alarmConfiguration"] = group.alarm_configuration
    runs = [rollout.run_of(d) for d in backend.deployments.values() if d.deployment_group is group]
    for key, wanted in (
        ("lastAttemptedDeployment", runs),
        ("lastSuccessfulDeployment", [r for r in runs if r.deployment.status == "Succeeded"]),
    ):
        if wanted:
            last = wanted[-1].deployment
            info[key] = {
                "deploymentId": last.deployment_id,
                "status": last.status,
                **{k: v for k, v in wanted[-1].times().items() if k != "startTime"},
            }
    return answer


def _stop(context: RequestContext, request: Any) -> Any:
    run = _run(context, request)
    if run.deployment.status not in ACTIVE:
        raise _refuse(
            "DeploymentAlreadyCompletedException",
            f"The deployment {run.deployment.deployment_id} has already completed",
        )
    automatic = request.get("autoRollbackEnabled")
    rollout.stop(
        run,
        "Stopped",
        ("MANUAL_STOP", "The deployment was stopped on request"),
        "DEPLOYMENT_STOP_ON_REQUEST",
        roll_back=automatic,
    )
    return {"status": "Succeeded", "statusMessage": "No more commands will be scheduled"}


def _continue(context: RequestContext, request: Any) -> Any:
    run = _run(context, request)
    wait = request.get("deploymentWaitType") or "READY_WAIT"
    if run.waiting_for != wait:
        raise _refuse(
            "DeploymentIsNotInReadyStateException",
            f"The deployment {run.deployment.deployment_id} does not wait for {wait}",
        )
    run.waiting_for = None
    return {}


def _list_targets(context: RequestContext, request: Any) -> Any:
    wanted = (request.get("targetFilters") or {}).get("TargetStatus")
    targets = _run(context, request).targets
    return {"targetIds": [t.id for t in targets if not wanted or t.status in wanted]}


def _batch_get_targets(context: RequestContext, request: Any) -> Any:
    run, ids = _run(context, request), request.get("targetIds") or []
    if not 1 <= len(ids) <= MAX_TARGETS_DESCRIBED:
        raise _refuse(
            "DeploymentTargetListSizeExceededException",
            f"The number of target ids must be 1 to {MAX_TARGETS_DESCRIBED}, not {len(ids)}",
        )
    described = []
    for target in run.targets:
        if target.id in ids:
            instance = {
                "deploymentId": run.deployment.deployment_id,
                "targetId": target.id,
                "status": target.status,
                "lastUpdatedAt": target.updated,
                "lifecycleEvents": [event.described() for event in target.events],
                "instanceLabel": target.label,
            }
            described.append({"deploymentTargetType": "InstanceTarget", "instanceTarget": instance})
    return {"deploymentTargets": described}


def _list(context: RequestContext, request: Any) -> Any:
    statuses = request.get("includeOnlyStatuses")
    name, group = request.get("applicationName"), request.get("deploymentGroupName")
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

    runs = [rollout.run_of(d) for d in reversed(_backend(context).deployments.values())]
    return {"deployments": [run.deployment.deployment_id for run in runs if wanted(run)]}


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
}
