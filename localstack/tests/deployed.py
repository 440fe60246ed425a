"""Functions of a test, made from their source text."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def packed(source: str) -> bytes:
    """A zip file with the source as its one module, `index`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("index.py", source)
    return archive.getvalue()


class Function:
    """A function in the local AWS; what is throttled is not tried again."""

    def __init__(self, name: str, source: str, **options: Any) -> None:
        self.name = name
        self.client = self.client_once()
        described = self.client.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=role(),
            Handler="index.handler",
            Code={"ZipFile": packed(source)},
            **options,
        )
        self.arn: str = described["FunctionArn"]

    @staticmethod
    def client_once() -> Any:
        """A client that tries nothing a second time."""
        once = Config(retries={"total_max_attempts": 1}, max_pool_connections=20)
        return boto3.client("lambda", config=once)

    def publish(self, source: str | None = None) -> str:
        """Publish a version, of other code if any is given, and name it."""
        if source is not None:
            self.client.update_function_code(FunctionName=self.name, ZipFile=packed(source))
        version: str = self.client.publish_version(FunctionName=self.name)["Version"]
        return version

    def alias(self, name: str, version: str, **weights: float) -> None:
        """Create an alias; weights are given as v2=0.1."""
        additional = {each.removeprefix("v"): weight for each, weight in weights.items()}
        self.client.create_alias(
            FunctionName=self.name,
            Name=name,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": additional},
        )

    def invoke(
        self, event: Any = None, qualifier: str | None = None, **options: Any
    ) -> dict[str, Any]:
        """Invoke it; the payload of the answer is read as JSON."""
        given = {"Qualifier": qualifier} if qualifier else {}
        answer: dict[str, Any] = self.client.invoke(
            FunctionName=self.name, Payload=json.dumps(event), **given, **options
        )
        text = answer["Payload"].read()
        return {**answer, "Payload": json.loads(text) if text else None}


def role() -> str:
    """A role that functions may have."""
    iam = boto3.client("iam")
    try:
        found = iam.get_role(RoleName="functions")
    except ClientError:
        document = json.dumps({"Version": "2012-10-17", "Statement": []})
        found = iam.create_role(RoleName="functions", AssumeRolePolicyDocument=document)
    arn: str = found["Role"]["Arn"]
    return arn
