"""What is run when a function is invoked: a version's code, and what it is run with.

A version never changes, but `$LATEST` does, and moto keeps both as objects whose fields move. What
is taken from such an object here stands still: processes of the same build are the same, and those
of an older one are told apart from them.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localstack.aws.api import CommonServiceException

ANSWER = "TIDEGATE_ANSWER"
"""The variable with what is answered, without running anything."""
NOTHING = "null"
"""The answer of code that has nothing in it."""

_emptiness: dict[tuple[str, str], bool] = {}
"""By code and handler, since the answer is wanted for every invocation."""


@dataclass(frozen=True)
class Build:
    """Code and what it is run with."""

    account: str
    region: str
    function: str
    version: str
    digest: str
    handler: str
    runtime: str
    seconds: float
    """How long an invocation may take."""
    memory: int
    variables: tuple[tuple[str, str], ...]
    code: bytes = field(repr=False, compare=False)

    @property
    def owner(self) -> tuple[str, str, str]:
        """The function, whose versions share the reserved concurrency."""
        return self.account, self.region, self.function

    def answer(self) -> str | None:
        """What is answered without running anything; None where there is something to run."""
        told = dict(self.variables).get(ANSWER)
        if told is None and self._is_empty():
            return NOTHING
        return told

    def environment(self, endpoint: str) -> Mapping[str, str]:
        """The variables a process of this build has; the function's own come last."""
        return {
            "_HANDLER": self.handler,
            # The key says which account it is, and the secret is not looked at.
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory),
            "AWS_LAMBDA_FUNCTION_NAME": self.function,
            "AWS_LAMBDA_FUNCTION_VERSION": self.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.function}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"[{self.version}]{self.digest[:32]}",
            "TZ": ":UTC",
            **dict(self.variables),
        }

    def unpack(self, folder: Path) -> None:
        """Put the code into a folder."""
        if not self.runtime.startswith("python"):
            raise NotImplementedError(f"functions of the runtime {self.runtime} do not run here")
        with self._archive() as archive:
            archive.extractall(folder)

    def _is_empty(self) -> bool:
        """Whether the handler's module is there, with nothing in it."""
        known = _emptiness.get((self.digest, self.handler))
        if known is None:
            module = self.handler.rpartition(".")[0].replace(".", "/") + ".py"
            with self._archive() as archive:
                files = {each.filename: each.file_size for each in archive.infolist()}
            known = _emptiness[self.digest, self.handler] = files.get(module) == 0
        return known

    def _archive(self) -> zipfile.ZipFile:
        if not self.code:
            raise NotImplementedError("a function whose code is not a zip file does not run here")
        try:
            return zipfile.ZipFile(io.BytesIO(self.code))
        except zipfile.BadZipFile as error:
            # AWS says so when the code is given, and nothing can be invoked that has none.
            raise CommonServiceException(
                "InvalidZipFileException", "Could not unzip uploaded file", status_code=502
            ) from error


def build_of(function: Any) -> Build:
    """What one of moto's functions, or versions of them, runs at this moment."""
    code: bytes = getattr(function, "code_bytes", b"")
    return Build(
        account=function.account_id,
        region=function.region,
        function=function.function_name,
        version=str(function.version),
        digest=getattr(function, "code_digest", ""),
        handler=function.handler or "",
        runtime=function.run_time or "",
        seconds=float(function.timeout),
        memory=int(function.memory_size),
        variables=tuple(sorted(function.environment_vars.items())),
        code=code,
    )


def is_failure(answer: str) -> bool:
    """Whether an answer that was told to a function is that of one that failed."""
    try:
        read = json.loads(answer)
    except ValueError:
        return False
    return isinstance(read, dict) and "errorMessage" in read
