"""The packages: each says what it is for, is typed, stays in its room, and starts without the others."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = [ROOT / folder for folder in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
SERVICES = ["ownstack_api", "ownstack_deployer", "ownstack_projections", "ownstack_promoter"]

MAY_IMPORT = {
    "ownstack_contracts": set(),
    "ownstack_bus": {"ownstack_contracts"},
    "ownstack_readmodel": {"ownstack_contracts"},
    "ownstack_vault": {"ownstack_contracts"},
    "ownstack_promoter": {"ownstack_contracts", "ownstack_bus"},
    "ownstack_deployer": {"ownstack_contracts", "ownstack_bus", "ownstack_vault"},
    "ownstack_projections": {"ownstack_contracts", "ownstack_bus", "ownstack_readmodel"},
    "ownstack_api": {"ownstack_contracts", "ownstack_bus", "ownstack_readmodel", "ownstack_vault"},
}


def modules() -> list[Path]:
    return sorted(module for package in PACKAGES for module in package.rglob("*.py"))


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    silent = [str(m.relative_to(ROOT)) for m in modules() if not ast.get_docstring(ast.parse(m.read_bytes()))]
    assert silent == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_package_says_that_it_is_typed(package: Path) -> None:
    assert (package / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_package_is_installed_and_watched_by_mypy_and_by_the_boundaries(package: Path) -> None:
    tools = PROJECT["tool"]
    assert package.name in tools["mypy"]["packages"]
    assert package.name in tools["importlinter"]["root_packages"]
    assert str(package.parent.relative_to(ROOT)) in tools["hatch"]["build"]["targets"]["wheel"]["dev-mode-dirs"]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_the_boundary_of_a_package_forbids_all_that_the_design_does_not_allow(package: str) -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (contract,) = [c for c in contracts if c["source_modules"] == [package]]
    everything = {found.name for found in PACKAGES}
    assert set(contract["forbidden_modules"]) == everything - MAY_IMPORT[package] - {package}


def test_all_but_the_cli_have_a_boundary() -> None:
    assert {package.name for package in PACKAGES} - set(MAY_IMPORT) == {"ownstack"}


def test_the_extra_all_brings_every_service() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    (everything,) = extras["all"]
    assert set(everything.removeprefix("ownstack[").removesuffix("]").split(",")) == set(extras) - {"all"}


@pytest.mark.parametrize("main", ["ownstack.main", *(f"{service}.main" for service in SERVICES)])
def test_a_main_imports_and_brings_no_service_but_its_own(main: str) -> None:
    others = [service for service in SERVICES if not main.startswith(service)]
    code = f"import sys, {main}; print([s for s in {others} if s in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "[]\n"
