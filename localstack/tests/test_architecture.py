"""How the package hangs together, read from all imports of its modules, inside functions too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tidegate_localstack

ROOT = Path(tidegate_localstack.__file__).parent
FOLDERS = {
    "emulated": set[str](),
    "worlds": set[str](),
    "process": {"emulated", "worlds"},
}
"""Which other folders each may use. The errors beside them are everybody's."""

Imports = dict[str, set[str]]


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        if path.name != "__init__.py":
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name, ast.parse(path.read_text())


def _imported(module: ast.Module, known: set[str]) -> set[str]:
    """The modules of this package that one imports, wherever it does so."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.removeprefix(f"{ROOT.name}.") for name in found} & known


@pytest.fixture(scope="module")
def imports() -> Imports:
    parsed = dict(_modules())
    return {name: _imported(module, set(parsed)) for name, module in parsed.items()}


def circle(imports: Imports) -> list[str]:
    """The path of some circle, from one module back to itself; empty when there is none."""
    done: set[str] = set()

    def follow(path: list[str]) -> list[str]:
        for name in sorted(imports[path[-1]] - done):
            if name in path:
                return [*path[path.index(name) :], name]
            if found := follow([*path, name]):
                return found
        done.add(path[-1])
        return []

    return next((found for name in sorted(imports) if (found := follow([name]))), [])


def test_modules_import_each_other_in_no_circle(imports: Imports) -> None:
    assert not (found := circle(imports)), " -> ".join(found)


def test_a_circle_is_told_with_its_path() -> None:
    assert circle({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"b"}}) == ["b", "d", "b"]


def test_a_folder_uses_only_the_folders_below_it(imports: Imports) -> None:
    assert {name.partition(".")[0] for name in imports} == {*FOLDERS, "errors"}

    def folder(name: str) -> str:
        return name.partition(".")[0]

    wrong = [
        f"{name} -> {used}"
        for name, all_used in imports.items()
        for used in all_used
        if folder(used) not in {folder(name), "errors", *FOLDERS.get(folder(name), set())}
    ]
    assert not wrong


def test_state_is_not_kept_among_the_fields_of_objects_that_are_not_ours() -> None:
    wrong = [
        f"{name}:{node.lineno}"
        for name, module in _modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute)
        and (node.attr == "__dict__" or node.attr.startswith("tidegate_"))
    ]
    assert not wrong
