"""A function whose versions say which they are, and fail or are slow when they are told to.

How it behaves is a line of JSON, as with the programs on instances: the variable BEHAVIOUR of a
version says how that one behaves, and the event of an invocation how all do, or just the version
that it names as `only`.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

BEHAVIOUR = "BEHAVIOUR"
HANDLER = "index.handler"
LATEST = "$LATEST"
"""What is uploaded, and no version."""
RUNTIME = "python3.12"
SOURCE = """
import json
import os
import random
import time


def handler(event, context):
    told = json.loads(os.environ.get("BEHAVIOUR") or "{}")
    given = event if isinstance(event, dict) else {}
    if given.get("only", context.function_version) == context.function_version:
        told = {**told, **given}
    time.sleep(told.get("latency_ms", 0) / 1000)
    if random.random() < told.get("error_rate", 0):
        raise RuntimeError(f"version {context.function_version} was told to fail")
    answer = {"version": context.function_version}
    if "requestContext" in given:
        return {"statusCode": 200, "body": json.dumps(answer)}
    return answer
"""
"""A request that comes from an API is answered in the form it wants."""


def packed(source: str = SOURCE) -> bytes:
    """The code as a zip file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("index.py", source)
    return archive.getvalue()


def role(iam: Any, name: str) -> str:
    """A new role for a function; its ARN."""
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    arn: str = made["Role"]["Arn"]
    return arn


def create(
    functions: Any,
    name: str,
    role: str,
    source: str = SOURCE,
    variables: Mapping[str, str] | None = None,
    *,
    seconds: int = 3,
) -> None:
    """Create the function, with nothing published; an invocation may take so many seconds."""
    functions.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=role,
        Handler=HANDLER,
        Timeout=seconds,
        Code={"ZipFile": packed(source)},
        Environment={"Variables": dict(variables or {})},
    )


def is_there(functions: Any, name: str) -> bool:
    """Whether there is a function of this name."""
    try:
        functions.get_function_configuration(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        return False
    return True


def upload(functions: Any, name: str, behaviour: Mapping[str, Any] | None = None) -> None:
    """Let what is published next behave like this."""
    read = functions.get_function_configuration(FunctionName=name)
    variables = dict((read.get("Environment") or {}).get("Variables") or {})
    variables[BEHAVIOUR] = json.dumps(behaviour or {})
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def publish(functions: Any, name: str, behaviour: Mapping[str, Any] | None = None) -> str:
    """Publish a version that behaves like this, and name it."""
    upload(functions, name, behaviour)
    version: str = functions.publish_version(FunctionName=name)["Version"]
    return version
