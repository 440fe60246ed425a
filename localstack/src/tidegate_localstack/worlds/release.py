"""Prepares a new version on one side of a world, as infrastructure code would.

A roll-out begins where the build ends: there is a launch template version with the new software,
and the idle group points at it. How well that software behaves is in its user data. In a world that
is a function, a version of it is published, to which no alias leads yet.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import boto3

from tidegate_localstack.errors import LocalAwsError
from tidegate_localstack.worlds import function
from tidegate_localstack.worlds.world import user_data

UNKNOWN_WORLD = 2
"""The exit code for a world that is not there, as for a wrong argument."""


def main() -> None:
    """Create a launch template version and point the group at it, or publish a function."""
    parser = argparse.ArgumentParser(description="Prepare a new version on one side of a world.")
    parser.add_argument("--prefix", default="checkout")
    parser.add_argument("--side", choices=("blue", "green"), default="green")
    parser.add_argument("--version", default="2")
    parser.add_argument("--error-rate", type=float, default=0.0)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--unhealthy", action="store_true")
    parser.add_argument(
        "--lose-rate", type=float, default=0.0, help="share of events that are lost without a word"
    )
    parser.add_argument(
        "--twice-rate", type=float, default=0.0, help="share of events that are handled twice"
    )
    parser.add_argument(
        "--unpublished", action="store_true", help="of a function: upload, and publish nothing"
    )
    options = parser.parse_args()
    ec2, autoscaling = boto3.client("ec2"), boto3.client("autoscaling")
    group = f"{options.prefix}-{options.side}"
    functions = boto3.client("lambda")
    if function.is_there(functions, options.prefix):
        behaviour = {
            "error_rate": options.error_rate,
            "latency_ms": options.latency_ms,
            "lose_rate": options.lose_rate,
            "twice_rate": options.twice_rate,
        }
        if options.unpublished:
            function.upload(functions, options.prefix, behaviour)
            print(json.dumps({"function": options.prefix, "version": function.LATEST}))
            return
        version = function.publish(functions, options.prefix, behaviour)
        print(json.dumps({"function": options.prefix, "version": version}))
        return
    try:
        check_world(autoscaling, options.prefix, group)
    except LocalAwsError as error:
        print(f"tide-aws: {error}", file=sys.stderr)
        sys.exit(UNKNOWN_WORLD)
    data = user_data(
        options.version,
        error_rate=options.error_rate,
        latency_ms=options.latency_ms,
        healthy=not options.unhealthy,
    )
    created = ec2.create_launch_template_version(
        LaunchTemplateName=options.prefix,
        SourceVersion="1",
        LaunchTemplateData={"UserData": data},
    )
    number = str(created["LaunchTemplateVersion"]["VersionNumber"])
    autoscaling.update_auto_scaling_group(
        AutoScalingGroupName=group,
        LaunchTemplate={"LaunchTemplateName": options.prefix, "Version": number},
    )
    print(json.dumps({"group": group, "template_version": number, "version": options.version}))


def check_world(autoscaling: Any, prefix: str, group: str) -> None:
    """Make sure that there is what a release changes, before it changes anything."""
    groups = {
        one["AutoScalingGroupName"]
        for page in autoscaling.get_paginator("describe_auto_scaling_groups").paginate()
        for one in page["AutoScalingGroups"]
    }
    if group in groups:
        return
    side = group.removeprefix(prefix)
    known = sorted(name.removesuffix(side) for name in groups if name.endswith(side))
    there = f"there are {', '.join(known)}" if known else "there is none at all"
    raise LocalAwsError(
        f"there is no world {prefix} with a group {group}; of such worlds {there}. "
        "`tide-aws seed` creates one, with --prefix for its name and --kind for its kind."
    )


if __name__ == "__main__":
    main()
