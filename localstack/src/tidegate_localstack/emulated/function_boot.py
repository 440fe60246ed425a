"""The inside of a function's process: loads the handler, then answers one call after the other.

It is run as a file by a Python of its own and imports nothing of this package. Calls and answers
are lines of JSON on a socket whose number is the one argument: what the function prints is its log.
What AWS's own runtime for Python says of a handler that cannot be loaded or that fails is said
here in the same words.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

TASK_ROOT = "/var/task"
"""Where AWS puts the code; a stack trace names it so here, too."""

Handler = Callable[[Any, Any], Any]


class BrokenError(Exception):
    """Why there is no handler: the type of the error and its words."""


class Context:
    """What a handler is told beside the event."""

    def __init__(self, call: dict[str, Any]) -> None:
        self.aws_request_id: str = call["id"]
        self.invoked_function_arn: str = call["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._ends = time.monotonic() + float(call["seconds"])

    def get_remaining_time_in_millis(self) -> int:
        """How long the function may still run."""
        return max(0, int((self._ends - time.monotonic()) * 1000))


def load(named: str) -> Handler:
    """The handler that `module.function` names."""
    try:
        module_name, name = named.rsplit(".", 1)
    except ValueError as error:
        raise BrokenError(
            "Runtime.MalformedHandlerName", f"Bad handler '{named}': {error}"
        ) from None
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except SyntaxError as error:
        words = f"Syntax error in module '{module_name}': {error}"
        raise BrokenError("Runtime.UserCodeSyntaxError", words) from error
    except ImportError as error:
        words = f"Unable to import module '{module_name}': {error}"
        raise BrokenError("Runtime.ImportModuleError", words) from error
    found: Handler | None = getattr(module, name, None)
    if found is None:
        words = f"Handler '{name}' missing on module '{module_name}'"
        raise BrokenError("Runtime.HandlerNotFound", words)
    return found


def answer_to(handler: Handler, call: dict[str, Any]) -> dict[str, Any]:
    """What the handler returns, as JSON text, or what it failed with."""
    try:
        result = handler(json.loads(call["payload"]), Context(call))
    except Exception as error:
        told = failure(type(error).__name__, str(error), error.__traceback__)
        return {"payload": json.dumps({**told, "requestId": call["id"]}), "failed": True}
    try:
        return {"payload": json.dumps(result), "failed": False}
    except (TypeError, ValueError) as error:
        told = failure("Runtime.MarshalError", f"Unable to marshal response: {error}")
        return {"payload": json.dumps({**told, "requestId": call["id"]}), "failed": True}


def failure(kind: str, words: str, trace: TracebackType | None = None) -> dict[str, Any]:
    """An error as AWS tells it, with the function's own frames alone in its trace."""
    frames = [frame for frame in traceback.extract_tb(trace) if not _is_ours(frame.filename)]
    shown = [text.replace(os.getcwd(), TASK_ROOT) for text in traceback.format_list(frames)]
    return {"errorMessage": words, "errorType": kind, "requestId": "", "stackTrace": shown}


def _is_ours(file: str) -> bool:
    return file in (__file__, importlib.__file__) or file.startswith("<frozen importlib")


def _end_with_parent() -> None:
    """Nothing is ever written to standard input: it ends when whoever started us does.

    What the function has started is of the same group and ends, too.
    """
    os.read(0, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    """Tell whether there is a handler, then answer calls until there are no more."""
    channel = socket.socket(fileno=int(sys.argv[1])).makefile("rw")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.path.insert(0, os.getcwd())

    def tell(what: dict[str, Any]) -> None:
        channel.write(json.dumps(what) + "\n")
        channel.flush()

    try:
        handler = load(os.environ["_HANDLER"])
    except BrokenError as error:
        tell({"broken": failure(*error.args)})
        return
    except Exception as error:
        tell({"broken": failure(type(error).__name__, str(error), error.__traceback__)})
        return
    tell({"ready": True})
    for line in channel:
        tell(answer_to(handler, json.loads(line)))


if __name__ == "__main__":
    main()
