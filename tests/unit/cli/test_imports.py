"""The modules of the CLI import each other in one direction, also where they do so late."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import ownstack

ROOT = Path(ownstack.__file__).parent


def test_no_module_imports_itself_through_others() -> None:
    modules = {name_of(file): file for file in ROOT.rglob("*.py")}
    graph = {name: set(imported(file)) & modules.keys() - {name} for name, file in modules.items()}
    assert len(graph) > 20
    assert graph["ownstack.main"] >= {"ownstack.commands", "ownstack.exits"}
    TopologicalSorter(graph).prepare()  # raises CycleError


def name_of(file: Path) -> str:
    return ".".join(["ownstack", *file.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
