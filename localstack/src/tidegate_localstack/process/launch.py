"""Starts LocalStack on every Python from 3.11 on.

LocalStack 4.13 evaluates the annotation `Lock | None` while it imports `localstack.packages.api`.
`threading.Lock` is a function before Python 3.13, so that line raises TypeError there, and every
service that installs something (Step Functions, DynamoDB, Lambda) fails with it. Rather than edit
an installed file, a finder in front of the ordinary ones compiles just that module with postponed
annotations. No installed file is touched, and on 3.13 the finder is not used at all.
"""

from __future__ import annotations
import __future__

import functools
import importlib.abc
import importlib.machinery
import resource
import sys
import types
from collections.abc import Sequence

AFFECTED_MODULE = "localstack.packages.api"
OPEN_FILES = 10_000
KNOWN_HEADERS = 1_000


class _PostponedAnnotations(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> types.CodeType:
        # Cached bytecode was compiled with the annotations evaluated, so it is not consulted.
        path = self.get_filename(fullname)
        code: types.CodeType = compile(
            self.get_data(path),
            path,
            "exec",
            flags=__future__.annotations.compiler_flag,
            dont_inherit=True,
        )
        return code


class PostponedAnnotationsFinder(importlib.abc.MetaPathFinder):
    """Finds the one affected module and gives it a loader that postpones annotations."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != AFFECTED_MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _PostponedAnnotations(fullname, spec.origin)
        return spec


def install_import_hook() -> None:
    """Put the finder first, on the Python versions that need it."""
    if sys.version_info < (3, 13):
        sys.meta_path.insert(0, PostponedAnnotationsFinder())


def listen_only_where_told() -> None:
    """Keep the gateway on the address of GATEWAY_LISTEN.

    LocalStack passes only the port on, so it would listen on every interface: open to the network,
    and in the way of another instance that has the port on another address.
    """
    from localstack import config  # noqa: PLC0415
    from twisted.internet import endpoints  # noqa: PLC0415

    only_there = functools.partial(
        endpoints.TCP4ServerEndpoint, interface=config.GATEWAY_LISTEN[0].host
    )
    setattr(endpoints, "TCP4ServerEndpoint", only_there)  # noqa: B010


def take_turns_quickly() -> None:
    """Hand the interpreter on ten times as often as Python would.

    One thread answers every health check, a few system calls each, and after each of them waits its
    turn behind the threads that answer API calls. With 5 ms a turn, a few hundred targets and a
    dozen clients made checks time out on two cores: healthy targets were called unhealthy.
    """
    sys.setswitchinterval(0.0005)


def read_headers_once() -> None:
    """Remember what a header was read as: clients send the same few with every request.

    Twisted reads the content type of each POST as if it were that of an e-mail, and LocalStack
    sorts what a client accepts by patterns. That was a sixth of what a call costs here.
    """
    from localstack.aws.protocol import serializer  # noqa: PLC0415
    from twisted.web import http  # noqa: PLC0415

    remembered = functools.lru_cache(KNOWN_HEADERS)
    for module, name in ((http, "_parseContentType"), (serializer, "parse_accept_header")):
        setattr(module, name, remembered(getattr(module, name)))


def open_files_freely() -> None:
    """Open more files than is usual, as far as this user may.

    Every simulated instance is a port, and requests and health checks are two ends of a connection
    in this one process: with the usual 1024, users met 504 when there were none left.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def main() -> None:
    """Run LocalStack in this process until it is told to stop."""
    install_import_hook()
    take_turns_quickly()
    open_files_freely()
    from localstack.runtime.main import main as localstack_main  # noqa: PLC0415

    listen_only_where_told()
    read_headers_once()
    localstack_main()


if __name__ == "__main__":
    main()
