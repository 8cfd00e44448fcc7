"""The reactor that has keys destroyed: it follows the history on a real bus, and waits for what is in its way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.exc import TimeoutError as PoolExhausted
from tests.contract.bus.parts import running

from ownstack_api.erasing import erase
from ownstack_api.meters import Meters
from ownstack_bus.connect import open_bus
from ownstack_bus.port import Bus, BusError, Outgoing
from ownstack_contracts.config import ConfigErased
from ownstack_contracts.history import GENESIS, Origin, Position, seal
from ownstack_contracts.topics import COMMANDS, HISTORY
from ownstack_vault import SecretKeys, SecretUnreadable, Slot, Vault, new_secret_key, open_vault

NOW = 1_800_000_000_000
PATIENCE_S = 30.0


@pytest_asyncio.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    bus = await open_bus(f"sqlite:///{tmp_path / 'bus.db'}")
    yield bus
    await bus.close()


@pytest_asyncio.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    vault = open_vault(f"sqlite:///{tmp_path / 'vault.db'}", None, SecretKeys.parse(new_secret_key()))
    yield vault
    vault.close()


def fact(app_id: str, team: str = "acme") -> Outgoing:
    origin = Origin(Position(COMMANDS.name, 0, 1), NOW)
    erased = ConfigErased(app="shop", app_id=app_id)
    return Outgoing(
        HISTORY.name, team, seal(erased, origin, team=team, sequence=1, previous_hash=GENESIS, step=0, steps=1)[0]
    )


def is_erased(vault: Vault, app_id: str, team: str = "acme") -> bool:
    try:
        vault.secrets.seal({Slot(team, app_id, "X"): "v"}, NOW)
    except SecretUnreadable as refused:
        return refused.code == "config-erased"
    return False


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not found():
            await asyncio.sleep(0.01)


async def test_what_was_said_before_and_what_comes_is_erased_once(bus: Bus, vault: Vault) -> None:
    await bus.publish([fact("shop.7"), fact("shop.7", "rival")])
    async with running(erase(bus, vault.erasing, Meters())):
        await until(lambda: is_erased(vault, "shop.7") and is_erased(vault, "shop.7", "rival"))
        await bus.publish([fact("shop.8")])
        await until(lambda: is_erased(vault, "shop.8"))
    assert not is_erased(vault, "shop.9")


async def test_after_a_restart_it_goes_on_and_does_not_begin_again(
    bus: Bus, vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await bus.publish([fact("shop.7")])
    async with running(erase(bus, vault.erasing, Meters())):
        await until(lambda: is_erased(vault, "shop.7"))
    await bus.publish([fact("shop.8")])
    async with running(erase(bus, vault.erasing, Meters())):
        await until(lambda: is_erased(vault, "shop.8"))
    assert [record.getMessage().count("shop.7") for record in caplog.records if "destroyed" in record.getMessage()] == [
        1,
        0,
    ]


async def test_what_is_damaged_is_said_once_and_waited_for_and_nothing_else_ends(
    bus: Bus, vault: Vault, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0
    genuine = vault.erasing.positions

    async def counted() -> object:
        nonlocal tries
        tries += 1
        return await genuine()

    monkeypatch.setattr(vault.erasing, "positions", counted)
    await bus.publish([fact("shop.7"), Outgoing(HISTORY.name, "acme", b"ConfigErased"), fact("shop.8")])
    async with running(erase(bus, vault.erasing, meters := Meters())):
        await until(lambda: tries >= 3)
    assert meters.erasing_is_waiting
    assert [is_erased(vault, app) for app in ("shop.7", "shop.8")] == [False, False]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [HISTORY.name in text for text in errors] == [True]


@pytest.mark.parametrize("code", ["bus-unavailable", "positions-ahead"])
async def test_a_bus_that_is_away_or_another_is_waited_for(
    bus: Bus, vault: Vault, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    genuine, refused = bus.project, False

    async def project(*given: object) -> None:
        nonlocal refused
        if not refused:
            refused = True
            raise BusError(code, "It is away.")
        await genuine(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(bus, "project", project)
    async with running(erase(bus, vault.erasing, meters := Meters())):
        await until(lambda: refused)
        assert meters.erasing_is_waiting
        await bus.publish([fact("shop.7")])
        await until(lambda: is_erased(vault, "shop.7"))
        await until(lambda: not meters.erasing_is_waiting)


async def test_a_pool_without_a_connection_is_waited_for(
    bus: Bus, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, refused = vault.erasing.positions, False

    async def positions() -> object:
        nonlocal refused
        if not refused:
            refused = True
            raise PoolExhausted("QueuePool limit of size 5 overflow 5 reached")
        return await genuine()

    monkeypatch.setattr(vault.erasing, "positions", positions)
    await bus.publish([fact("shop.7")])
    async with running(erase(bus, vault.erasing, Meters())):
        await until(lambda: is_erased(vault, "shop.7"))
    assert refused


async def test_a_bus_that_is_broken_is_no_secret(bus: Bus, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    async def project(*_: object) -> None:
        raise BusError("bus-corrupt", "It is broken.")

    monkeypatch.setattr(bus, "project", project)
    with pytest.raises(BusError, match="broken"):
        await erase(bus, vault.erasing, Meters())
