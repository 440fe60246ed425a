"""Functions run: their own code, in processes of their own, and what becomes of it is told."""

from __future__ import annotations

import base64
import re
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from conftest import eventually, refused_as
from deployed import Function, packed
from tidegate_localstack.process.instance import Record, process_start
from tidegate_localstack.worlds.seed import wipe

ECHO = """
import os
def handler(event, context):
    return {
        "event": event,
        "variable": os.environ.get("OWN"),
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "name": [context.function_name, os.environ["AWS_LAMBDA_FUNCTION_NAME"]],
        "version": [context.function_version, os.environ["AWS_LAMBDA_FUNCTION_VERSION"]],
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "left": context.get_remaining_time_in_millis(),
        "request": context.aws_request_id,
        "pid": os.getpid(),
    }
"""
SLOW = """
import os, time
def handler(event, context):
    time.sleep(event["seconds"])
    return os.getpid()
"""


def fresh(source: str, **options: Any) -> Function:
    return Function(f"runs-{uuid.uuid4().hex[:8]}", source, **options)


def numbered(number: int) -> str:
    return f"def handler(event, context):\n    return {number}\n"


@pytest.fixture(autouse=True)
def _there(localstack: Record) -> None:
    assert localstack.endpoint


def test_a_function_is_told_its_event_and_who_it_is(localstack: Record) -> None:
    function = fresh(ECHO, Environment={"Variables": {"OWN": "mine"}}, MemorySize=256, Timeout=7)
    answer = function.invoke({"order": 7})
    told = answer["Payload"]
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert (told["event"], told["variable"]) == ({"order": 7}, "mine")
    assert told["endpoint"] == localstack.endpoint
    assert (told["name"], told["version"]) == ([function.name] * 2, ["$LATEST"] * 2)
    assert (told["arn"], told["memory"]) == (function.arn, "256")
    assert 6000 < told["left"] <= 7000
    assert told["request"] == answer["ResponseMetadata"]["RequestId"]


def test_a_function_reaches_the_local_aws_by_the_endpoint_it_is_given() -> None:
    source = """
import boto3
def handler(event, context):
    return boto3.client("sts").get_caller_identity()["Account"]
"""
    assert fresh(source, Timeout=20).invoke()["Payload"] == "000000000000"


def test_a_version_keeps_its_code_and_the_alias_leads_to_it() -> None:
    function = fresh(numbered(1))
    first, second = function.publish(), function.publish(numbered(2))
    function.client.update_function_code(FunctionName=function.name, ZipFile=packed(numbered(3)))
    function.alias("live", first)
    asked = [function.invoke(qualifier=q)["Payload"] for q in (first, second, "live", "$LATEST")]
    assert asked == [1, 2, 1, 3]
    assert function.client.invoke(FunctionName=f"{function.arn}:2")["Payload"].read() == b"2"


def test_a_process_answers_one_call_after_the_other() -> None:
    function = fresh(ECHO)
    assert len({function.invoke()["Payload"]["pid"] for _ in range(3)}) == 1


def test_calls_at_once_have_a_process_each() -> None:
    function = fresh(SLOW)
    with ThreadPoolExecutor(4) as callers:
        asked = list(callers.map(lambda _: function.invoke({"seconds": 1.5}), range(4)))
    assert len({answer["Payload"] for answer in asked}) == 4


def test_weights_split_invocations_and_each_tells_its_version() -> None:
    function = fresh(numbered(1))
    function.publish()
    function.publish(numbered(2))
    function.alias("live", "1", v2=0.3)
    told = [function.invoke(qualifier="live") for _ in range(200)]
    assert all(str(each["Payload"]) == each["ExecutedVersion"] for each in told)
    # Six standard deviations, so that chance does not fail it.
    assert 21 <= Counter(each["ExecutedVersion"] for each in told)["2"] <= 99


@pytest.mark.parametrize(
    ("version", "weights", "code"),
    [
        ("$LATEST", {"v1": 0.1}, "InvalidParameterValueException"),
        ("1", {"$LATEST": 0.1}, "ValidationException"),
        ("1", {"v9": 0.1}, "ResourceNotFoundException"),
    ],
)
def test_an_alias_is_not_created_that_splits_what_cannot_be_split(
    version: str, weights: dict[str, float], code: str
) -> None:
    function = fresh(numbered(1))
    function.publish()
    with refused_as(code):
        function.alias("live", version, **weights)


def test_what_a_function_raises_is_told_with_its_trace() -> None:
    answer = fresh("def handler(event, context):\n    raise ValueError('boom')\n").invoke()
    assert answer["FunctionError"] == "Unhandled"
    told = answer["Payload"]
    assert (told["errorMessage"], told["errorType"]) == ("boom", "ValueError")
    assert told["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert re.fullmatch(
        r'  File "/var/task/index.py", line 2, in handler\n    raise .*\n', told["stackTrace"][0]
    )


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ("import nowhere", "Runtime.ImportModuleError", "Unable to import module 'index'"),
        ("other = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'"),
        ("def handler(", "Runtime.UserCodeSyntaxError", "Syntax error in module 'index'"),
        ("1 / 0", "ZeroDivisionError", "division by zero"),
        (
            "def handler(event, context): return {1, 2}",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type set is not JSON serializable",
        ),
    ],
)
def test_code_that_cannot_be_used_fails_the_invocation(source: str, kind: str, words: str) -> None:
    answer = fresh(source).invoke()
    assert (answer["FunctionError"], answer["Payload"]["errorType"]) == ("Unhandled", kind)
    assert words in answer["Payload"]["errorMessage"]


def test_a_function_that_takes_too_long_is_ended_and_the_next_call_is_answered() -> None:
    function = fresh(SLOW, Timeout=1)
    answer = function.invoke({"seconds": 30})
    assert answer["FunctionError"] == "Unhandled"
    request = answer["ResponseMetadata"]["RequestId"]
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\dT[\d:.]+Z {request} Task timed out after 1.00 seconds",
        answer["Payload"]["errorMessage"],
    )
    assert isinstance(function.invoke({"seconds": 0})["Payload"], int)


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
    ],
)
def test_a_process_that_ends_is_told_as_such(ending: str, words: str) -> None:
    answer = fresh(f"import os, sys\ndef handler(event, context):\n    {ending}\n").invoke()
    request = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"] == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request} Error: {words}",
    }


def test_the_end_of_the_log_is_told_when_asked_for() -> None:
    source = (
        "import os\ndef handler(event, context):\n    print(event)\n    os.system('echo deep')\n"
    )
    function = fresh(source)
    assert "LogResult" not in function.invoke("first")
    answer = function.invoke("second", LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    request = answer["ResponseMetadata"]["RequestId"]
    assert log.startswith(f"START RequestId: {request} Version: $LATEST\nsecond\ndeep\nEND ")
    assert f"REPORT RequestId: {request}\tDuration: " in log


def test_more_at_once_than_reserved_is_throttled() -> None:
    function = fresh(SLOW)
    function.client.put_function_concurrency(
        FunctionName=function.name, ReservedConcurrentExecutions=2
    )

    def call(_: int) -> str:
        try:
            function.invoke({"seconds": 2})
        except function.client.exceptions.TooManyRequestsException as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return f"{status} {error.response['Reason']}"
        return "ran"

    with ThreadPoolExecutor(6) as callers:
        told = Counter(callers.map(call, range(6)))
    assert told == {"ran": 2, "429 ReservedFunctionConcurrentInvocationLimitExceeded": 4}


def test_what_is_not_json_is_refused_before_it_runs() -> None:
    function = fresh(numbered(1))
    with refused_as("InvalidRequestContentException"):
        function.client.invoke(FunctionName=function.name, Payload=b"{")


def test_processes_end_when_everything_is_wiped(localstack: Record) -> None:
    pid = fresh(ECHO).invoke()["Payload"]["pid"]
    assert process_start(pid)
    wipe(localstack.endpoint)
    eventually(lambda: not process_start(pid))


def test_a_version_is_published_of_the_code_and_the_revision_that_are_meant() -> None:
    function = fresh(numbered(1))
    client, name = function.client, function.name
    read = client.get_function_configuration(FunctionName=name)
    changed = client.update_function_code(
        FunctionName=name, ZipFile=packed(numbered(2)), RevisionId=read["RevisionId"]
    )
    with refused_as("PreconditionFailedException"):
        client.publish_version(FunctionName=name, RevisionId=read["RevisionId"])
    with refused_as("InvalidParameterValueException", "is different from current CodeSHA256"):
        client.publish_version(FunctionName=name, CodeSha256=read["CodeSha256"])
    meant = {"CodeSha256": changed["CodeSha256"], "RevisionId": changed["RevisionId"]}
    assert client.publish_version(FunctionName=name, **meant)["Version"] == "1"


def test_what_has_not_changed_is_not_published_again() -> None:
    function = fresh(numbered(1))
    assert [function.publish(), function.publish(), function.publish(numbered(2))] == [*"112"]


def test_code_can_be_replaced_and_published_in_one() -> None:
    function = fresh(numbered(1))
    read = function.client.get_function_configuration(FunctionName=function.name)
    published = function.client.update_function_code(
        FunctionName=function.name,
        ZipFile=packed(numbered(2)),
        Publish=True,
        RevisionId=read["RevisionId"],
    )
    assert function.invoke(qualifier=published["Version"])["Payload"] == 2


def test_a_list_tells_the_revision_that_a_change_is_made_against() -> None:
    function = fresh(numbered(1))
    client, name = function.client, function.name
    function.publish()
    read = client.get_function_configuration(FunctionName=name)
    listed = client.list_versions_by_function(FunctionName=name)["Versions"]
    assert listed[0]["RevisionId"] == read["RevisionId"] != listed[1]["RevisionId"]
