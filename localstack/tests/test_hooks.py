"""What this package changes in LocalStack's own start."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from localstack.aws.handlers.service_plugin import ServiceLoader
from localstack.services.plugins import Service

from tidegate_localstack.process.hooks import pass_when_loaded


class SlowRouter:
    """Takes its time to note a service's operations."""

    def __init__(self) -> None:
        self.begun, self.go_on, self.knows = threading.Event(), threading.Event(), False

    def add_skeleton(self, _skeleton: Any) -> None:
        self.begun.set()
        assert self.go_on.wait(5)
        self.knows = True


def test_no_request_passes_before_its_services_operations_are_known() -> None:
    router = SlowRouter()
    service = Service("sts", skeleton=SimpleNamespace())
    manager = SimpleNamespace(exists=lambda _name: True, require=lambda _name: service)

    class Loader(ServiceLoader):
        pass

    pass_when_loaded(Loader)
    loader: Any = Loader(manager, router)
    context: Any = SimpleNamespace(service=SimpleNamespace(service_name="sts"))

    def ask() -> bool:
        loader(None, context, None)
        return router.knows

    with ThreadPoolExecutor(2) as clients:
        first = clients.submit(ask)
        assert router.begun.wait(5)
        second = clients.submit(ask)
        threading.Timer(0.2, router.go_on.set).start()
        assert (first.result(), second.result()) == (True, True)
