"""Vaults on both databases, with a secret key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.real.databases import BOTH, new_database

from ownstack_vault import SecretKeys, Vault, new_secret_key, open_vault

Opening = Callable[..., Vault]
"""Opens the same database once more, as another process does."""


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def secret_key() -> str:
    return new_secret_key()


@pytest.fixture
def opening(database: str, secret_key: str) -> Iterator[Opening]:
    opened: list[Vault] = []
    lock = threading.Lock()

    def open_it(*keys: str) -> Vault:
        present, *old = keys or (secret_key,)
        opened.append(open_vault(database, lock, SecretKeys.parse(present, ",".join(old))))
        return opened[-1]

    yield open_it
    for vault in opened:
        vault.close()


@pytest.fixture
def vault(opening: Opening) -> Vault:
    return opening()
