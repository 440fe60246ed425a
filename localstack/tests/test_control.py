"""One process is started, found again and stopped, and its state can be wiped in place."""

from __future__ import annotations

import json
import os
import shutil
import socket
import urllib.request
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tidegate_localstack.errors import LocalAwsError
from tidegate_localstack.process.instance import Instance, Record, process_start
from tidegate_localstack.worlds.seed import KINDS, wipe
from tidegate_localstack.worlds.snapshot import Snapshot
from tidegate_localstack.worlds.world import Clients, World

Aws = Callable[[str], Any]


def test_starting_twice_keeps_the_first_process(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    first, first_is_new = instance.up(0)
    try:
        second, second_is_new = Instance(tmp_path).up(0)
        assert (first_is_new, second_is_new) == (True, False)
        assert first == second
        with pytest.raises(LocalAwsError, match="already runs on port"):
            instance.up(first.port + 1)
    finally:
        stopped = instance.down()
    assert stopped == first
    assert instance.running() is None
    assert instance.down() is None


def test_a_copied_state_folder_does_not_take_the_first_ones_process_for_its_own(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    record = Record(os.getpid(), 4566, 0.0, process_start(os.getpid()), str(first))
    (first / "instance.json").write_text(json.dumps(asdict(record)))
    assert Instance(first).running() == record
    shutil.copytree(first, second)
    assert Instance(second).running() is None
    assert Instance(second).down() is None


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with pytest.raises(LocalAwsError, match="is taken by a process"):
            Instance(tmp_path).up(holder.getsockname()[1])


def test_a_failed_start_shows_the_end_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_COMPONENTS", "no-such-components")
    with pytest.raises(LocalAwsError, match="no-such-components"):
        Instance(tmp_path).up(0)
    assert Instance(tmp_path).running() is None


def test_a_record_of_another_process_with_the_same_pid_is_not_ours(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    instance.record_path.write_text(
        '{"pid": 1, "port": 4566, "started_at": 0.0, "process_start": "another time"}'
    )
    assert instance.running() is None
    assert instance.down() is None


def test_wiping_empties_every_service(localstack: Record, tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    record, _ = instance.up(0)
    try:
        clients = Clients.at(record.endpoint)
        World(clients, "gone").seed()
        wipe(record.endpoint)
        assert clients.elbv2.describe_load_balancers()["LoadBalancers"] == []
        assert clients.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
        assert clients.cloudwatch.describe_alarms()["MetricAlarms"] == []
    finally:
        instance.down()


def test_a_retired_world_is_gone_and_others_keep_theirs(localstack: Record, aws: Aws) -> None:
    for prefix in ("tired", "tireless"):
        World(Clients.from_environment(), prefix).seed()
    body = json.dumps({"prefix": "tired"}).encode()
    with urllib.request.urlopen(f"{localstack.endpoint}/_tidegate/retire", body, timeout=30) as end:
        assert json.load(end)["retired"][:2] == ["tired-blue", "tired-green"]
    groups = aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    balancers = aws("elbv2").describe_load_balancers()["LoadBalancers"]
    targets = aws("elbv2").describe_target_groups()["TargetGroups"]
    alarms = aws("cloudwatch").describe_alarms(AlarmNamePrefix="tire")["MetricAlarms"]
    named = [
        *(group["AutoScalingGroupName"] for group in groups),
        *(balancer["LoadBalancerName"] for balancer in balancers),
        *(group["TargetGroupName"] for group in targets),
        *(alarm["AlarmName"] for alarm in alarms),
    ]
    ours = sorted(name for name in named if name.startswith("tire"))
    assert ours == [
        "tireless",
        "tireless-5xx",
        "tireless-blue",
        "tireless-blue",
        "tireless-green",
        "tireless-green",
        "tireless-latency",
    ]


def test_worlds_are_seeded_and_described_by_the_process_as_by_the_commands(
    localstack: Record,
) -> None:
    url = f"{localstack.endpoint}/_tidegate"
    body = json.dumps({"kind": "nlb", "prefix": "within"}).encode()
    with urllib.request.urlopen(f"{url}/seed", body, timeout=600) as seeded:
        told = json.load(seeded)
    clients = Clients.from_environment()
    assert told == KINDS["nlb"](clients, "within").seed()
    with urllib.request.urlopen(f"{url}/snapshot?prefix=within", timeout=600) as described:
        assert json.load(described) == Snapshot(clients, "within").take()
