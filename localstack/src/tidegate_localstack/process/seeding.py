"""Routes that seed worlds and describe them, for tests that do both many times.

`tide-aws seed` and `tide-aws snapshot` are processes, and most of what these do is to load what
boto3 knows of AWS: a second of work each time. The process LocalStack runs in has it loaded.
"""

from __future__ import annotations

import functools
import json

import boto3
from localstack import config
from localstack.http import Request, Response, Router

from tidegate_localstack.errors import LocalAwsError
from tidegate_localstack.process.instance import REGION
from tidegate_localstack.worlds.seed import KINDS
from tidegate_localstack.worlds.snapshot import Snapshot
from tidegate_localstack.worlds.world import Clients


@functools.cache
def _clients() -> Clients:
    session = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
    )
    return Clients(f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}", session)


def _seed(request: Request) -> Response:
    given = request.get_json(force=True)
    try:
        world = KINDS[given["kind"]](_clients(), given["prefix"]).seed()
    except LocalAwsError as error:
        return Response(str(error), status=500)
    return Response(json.dumps(world), mimetype="application/json")


def _snapshot(request: Request) -> Response:
    taken = Snapshot(_clients(), request.args["prefix"]).take()
    text = json.dumps(taken, indent=2, sort_keys=True)
    return Response(text, mimetype="application/json")


def add_routes(router: Router[object], prefix: str) -> None:
    """Add both routes below a path."""
    router.add(f"{prefix}/seed", endpoint=_seed, methods=["POST"])
    router.add(f"{prefix}/snapshot", endpoint=_snapshot, methods=["GET"])
