"""A house for each test, over one vault."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.unit.api.house import House, opened

from ownstack_vault import SecretKeys, Vault, new_secret_key, open_vault


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    secret_keys = SecretKeys.parse(new_secret_key())
    vault = open_vault(f"sqlite:///{tmp_path_factory.mktemp('vault')}/vault.db", secret_keys=secret_keys)
    yield vault
    vault.close()


@pytest.fixture
async def house(vault: Vault) -> AsyncIterator[House]:
    async with opened(vault) as house:
        yield house
