"""Prepares a new version on one side of a world, as infrastructure code would.

A roll-out begins where the build ends: there is a launch template version with the new software,
and the idle group points at it. How well that software behaves is in its user data.
"""

from __future__ import annotations

import argparse
import json

import boto3

from tidegate_localstack.world import user_data


def main() -> None:
    """Create a launch template version and point the group at it, by number."""
    parser = argparse.ArgumentParser(description="Prepare a new version on one side of a world.")
    parser.add_argument("--prefix", default="checkout")
    parser.add_argument("--side", choices=("blue", "green"), default="green")
    parser.add_argument("--version", default="2")
    parser.add_argument("--error-rate", type=float, default=0.0)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--unhealthy", action="store_true")
    options = parser.parse_args()
    data = user_data(
        options.version,
        error_rate=options.error_rate,
        latency_ms=options.latency_ms,
        healthy=not options.unhealthy,
    )
    created = boto3.client("ec2").create_launch_template_version(
        LaunchTemplateName=options.prefix,
        SourceVersion="1",
        LaunchTemplateData={"UserData": data},
    )
    number = str(created["LaunchTemplateVersion"]["VersionNumber"])
    group = f"{options.prefix}-{options.side}"
    boto3.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=group,
        LaunchTemplate={"LaunchTemplateName": options.prefix, "Version": number},
    )
    print(json.dumps({"group": group, "template_version": number, "version": options.version}))


if __name__ == "__main__":
    main()
