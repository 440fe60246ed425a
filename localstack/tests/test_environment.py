"""A copied checkout takes its environment along, and what cannot come along is noticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tidegate_localstack.process import environment


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with an environment that is complete, although it has next to nothing in it."""
    root = tmp_path / "first"
    for package in ("src/tidegate_localstack", "src/localstack"):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    (root / "constraints.txt").write_text("pinned==1\n")
    (root / "pyproject.toml").write_text("[project]\n")
    stand_in(root, monkeypatch)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / ".venv")], check=True)
    packages = next((root / ".venv" / "lib").glob("python*/site-packages"))
    (packages / "__editable__.tidegate_localstack-0.1.0.pth").write_text(f"{root / 'src'}\n")
    script = root / ".venv" / "bin" / "tool"
    script.write_text(f"#!{root / '.venv/bin/python'}\nimport tidegate_localstack as ours\n")
    with script.open("a") as more:
        more.write("print(ours.__file__)\n")
    script.chmod(0o755)
    (root / ".venv" / "bin" / "__pycache__").mkdir()
    (root / ".venv" / environment.STAMP_NAME).write_text(environment.wanted_stamp())
    return root


def stand_in(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TIDEGATE_LOCALSTACK_HOME", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(environment, "ROOT", root)
    monkeypatch.setattr(environment, "CONSTRAINTS", root / "constraints.txt")


@pytest.fixture
def copied(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, copied elsewhere, after which the first is gone."""
    other = checkout.parent / "second"
    subprocess.run(["cp", "-r", str(checkout), str(other)], check=True)
    checkout.rename(checkout.parent / "gone")
    stand_in(other, monkeypatch)
    return other


def test_a_copied_checkout_installs_nothing(copied: Path) -> None:
    assert environment.is_installed()
    assert not environment.install()
    assert environment.is_at_home()


def test_the_scripts_of_a_copied_environment_run_in_the_copy(copied: Path) -> None:
    environment.install()
    tool = subprocess.run([str(copied / ".venv/bin/tool")], check=True, capture_output=True)
    assert Path(tool.stdout.decode().strip()).is_relative_to(copied)


def test_other_dates_of_the_same_files_install_nothing(checkout: Path) -> None:
    for name in ("constraints.txt", "pyproject.toml"):
        path = checkout / name
        path.write_bytes(path.read_bytes())
    assert environment.is_installed()


def test_other_packages_are_installed(checkout: Path) -> None:
    (checkout / "constraints.txt").write_text("pinned==2\n")
    assert not environment.is_installed()


def test_an_environment_whose_python_does_not_work_here_is_built_anew(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(command: list[str], doing: str, **_environment: str) -> None:
        raise InterruptedError(doing)

    (copied / "src" / "localstack" / "__init__.py").write_text("raise ImportError\n")
    monkeypatch.setattr(environment, "_run", started)
    with pytest.raises(InterruptedError, match="creating the virtual environment"):
        environment.install()
