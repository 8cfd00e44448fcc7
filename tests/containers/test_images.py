"""Every target of the Dockerfile builds, and its image holds what its service needs and nothing that helps others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.containers.images import SERVICES, TARGETS, Images

FOREIGN = {
    "api": (),
    "promoter": ("fastapi", "sqlalchemy", "psycopg", "cryptography"),
    "deployer": ("fastapi",),
    "projections": ("fastapi", "cryptography"),
    "cli": ("fastapi", "uvicorn", "sqlalchemy", "psycopg", "cryptography"),
}
"""What only other extras need."""
PLACES = ("/", "/etc", "/opt", "/opt/ownstack", "/usr/local/bin", "/usr/local/lib/ownstack")
"""Where nothing may be changed by what runs there."""
TOOLS = ("gcc", "cc", "make", "git", "curl", "wget", "uv", "hatchling")


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_builds_and_runs_as_nobody_in_particular(images: Images, target: str) -> None:
    told = configuration(images, target)
    assert (told["User"], told["StopSignal"]) == ("10001:10001", "SIGTERM")
    assert "PYTHONUNBUFFERED=1" in told["Env"]
    assert not told.get("Entrypoint")
    assert told["Cmd"][0] in ("ownstack", "python")  # itself, and no shell that would keep a signal from it
    assert images.inside(target, "id", "--user").strip() == "10001"


@pytest.mark.parametrize("target", TARGETS)
def test_no_tools_are_in_an_image(images: Images, target: str) -> None:
    find = f"import shutil; print([tool for tool in {TOOLS!r} if shutil.which(tool)])"
    assert images.inside(target, "python", "-c", find).strip() == "[]"
    writable = f"import os; print([path for path in {PLACES!r} if os.access(path, os.W_OK)])"
    assert images.inside(target, "python", "-c", writable).strip() == "[]"


@pytest.mark.parametrize("target", FOREIGN)
def test_only_what_its_own_extra_needs_is_in_an_image(images: Images, target: str) -> None:
    find = f"from importlib.util import find_spec; print([name for name in {FOREIGN[target]!r} if find_spec(name)])"
    assert images.inside(target, "python", "-c", find).strip() == "[]"
    assert images.inside(target, "python", "-c", "print(__debug__)").strip() == "True"  # assertions hold: no -O
    assert "Usage" in images.inside(target, "ownstack", "--help")


@pytest.mark.parametrize("target", SERVICES)
def test_the_main_of_a_service_imports(images: Images, target: str) -> None:
    images.inside(target, "python", "-c", f"import aiokafka, ownstack_{target}.main")


@pytest.mark.parametrize("target", SERVICES)
def test_an_image_knows_how_its_service_is(images: Images, target: str) -> None:
    told = configuration(images, target)
    assert told["Healthcheck"]["Test"] == ["CMD", "python", "-I", "-S", "/usr/local/lib/ownstack/health.py"]
    ended = images.engine.try_(
        "run", "--rm", "--network", "none", images.build(target), *told["Healthcheck"]["Test"][1:]
    )
    assert (ended.code, "no answer on port 870" in ended.out) == (1, True)


def configuration(images: Images, target: str) -> Any:
    return json.loads(images.engine.docker("image", "inspect", "--format", "{{json .Config}}", images.build(target)))
