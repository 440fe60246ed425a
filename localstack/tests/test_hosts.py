"""Hosts are compared without case, as the names of hosts are everywhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tidegate_localstack.emulated import engine, traffic
from tidegate_localstack.emulated.routing import Seen, pick_rule

DOMAIN = "elb.localhost.localstack.cloud"


def seen(host: str) -> Seen:
    return Seen(host=host, path="/", query="", method="GET", headers={}, cookies={}, source_ip="")


def listener(*patterns: str) -> Any:
    condition = {"Field": "host-header", "HostHeaderConfig": {"Values": list(patterns)}}
    rule = SimpleNamespace(priority=1, conditions=[condition], is_default=False)
    default = SimpleNamespace(priority="default", conditions=[], is_default=True)
    return SimpleNamespace(rules={1: rule, 0: default})


@pytest.mark.parametrize("host", ["shop.example.test", "Shop.Example.TEST", "SHOP.example.test:80"])
@pytest.mark.parametrize("pattern", ["shop.example.test", "SHOP.Example.test", "*.EXAMPLE.test"])
def test_a_host_header_condition_takes_any_case(host: str, pattern: str) -> None:
    assert not pick_rule(listener(pattern), seen(host)).is_default


def test_a_host_header_condition_takes_no_other_host() -> None:
    assert pick_rule(listener("shop.example.test"), seen("cart.example.test")).is_default


@pytest.mark.parametrize("name", ["checkout", "Checkout", "CHECKOUT"])
@pytest.mark.parametrize("asked", ["checkout", "CheckOut"])
def test_a_load_balancer_is_found_by_its_name_in_any_case(
    monkeypatch: pytest.MonkeyPatch, name: str, asked: str
) -> None:
    port = SimpleNamespace(port=80)
    balancer = SimpleNamespace(name=name, listeners={"arn": port})
    backend = SimpleNamespace(load_balancers={"arn": balancer})
    monkeypatch.setattr(engine, "backends", lambda _of: [backend])
    assert traffic._find(f"{asked}.{DOMAIN}") == (backend, balancer, port)
