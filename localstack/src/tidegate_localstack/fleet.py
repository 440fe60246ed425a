"""Auto Scaling, where moto forgets something.

moto registers the instances of a growing group with its target groups, but when the group shrinks
it leaves the terminated ones registered and healthy for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.moto import call_moto
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

Handler = Callable[[RequestContext, Any], Any]

RESIZING_OPERATIONS = (
    "UpdateAutoScalingGroup",
    "SetDesiredCapacity",
    "TerminateInstanceInAutoScalingGroup",
    "DeleteAutoScalingGroup",
)


def _resize(context: RequestContext, _request: Any) -> Any:  # noqa: ANN401
    answer = call_moto(context)
    ec2 = ec2_backends[context.account_id][context.region]
    elbv2 = elbv2_backends[context.account_id][context.region]
    for group in elbv2.target_groups.values():
        instances = {target: ec2.get_instance_by_id(target) for target in group.targets}
        group.deregister_terminated_instances(
            [target for target, i in instances.items() if i and i.state == "terminated"]
        )
    return answer


OPERATIONS: Mapping[str, Handler] = dict.fromkeys(RESIZING_OPERATIONS, _resize)
