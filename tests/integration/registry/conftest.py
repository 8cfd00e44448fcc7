"""Fixtures: real registries, open, with passwords, with tokens; and a deployer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.registry.pictures import Desk
from tests.real.registry import Registry, TokenServer, open_registry, password_registry, token_registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that lets in everybody."""
    with open_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that wants a password."""
    with password_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[tuple[Registry, TokenServer]]:
    """A registry that wants tokens, and who hands them out."""
    with token_registry(tmp_path / "registry") as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A deployer that is logged in nowhere."""
    return Desk(tmp_path)
