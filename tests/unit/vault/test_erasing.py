"""Erasing: each key goes once, with the offset of the fact that says so, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import orjson
import pytest
from sqlalchemy import text
from tests.unit.vault.conftest import Opening

from ownstack_contracts.apps import AppDestroyed
from ownstack_contracts.config import ConfigErased
from ownstack_contracts.history import GENESIS, Origin, Position, seal
from ownstack_contracts.message import Message
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS
from ownstack_vault import ErasingStopped, SecretKeys, SecretUnreadable, Slot, Vault, new_secret_key, open_vault
from ownstack_vault import keys as rows
from ownstack_vault.engine import _set_up_sqlite

NOW = 1_800_000_000_000


class Record(NamedTuple):
    """As much of one as is looked at."""

    offset: int
    timestamp: int
    value: bytes


def fact(message: Message, team: str = "acme") -> bytes:
    origin = Origin(Position(COMMANDS.name, 0, 1), NOW)
    return seal(message, origin, team=team, sequence=5, previous_hash=GENESIS, step=0, steps=1)[0]


def record(offset: int, value: bytes | None = None) -> Record:
    return Record(offset, NOW + offset, value if value is not None else fact(TeamCreated()))


def erased(offset: int, app_id: str = "shop.7", team: str = "acme") -> Record:
    return record(offset, fact(ConfigErased(app="shop", app_id=app_id), team))


def sealed_in(vault: Vault, app_id: str = "shop.7", team: str = "acme") -> str:
    slot = Slot(team, app_id, "X")
    return vault.secrets.seal({slot: "v"}, NOW)[slot].sealed


def is_erased(vault: Vault, app_id: str = "shop.7", team: str = "acme") -> bool:
    try:
        sealed_in(vault, app_id, team)
    except SecretUnreadable as refused:
        return refused.code == "config-erased"
    return False


def positions(vault: Vault) -> dict[int, int]:
    """As they are stored."""
    with vault._store.engine.connect() as connection:
        return {row.partition: row.next for row in connection.execute(text("SELECT * FROM vault_positions"))}


async def test_the_key_is_destroyed_and_the_offset_stored(vault: Vault) -> None:
    sealed_in(vault)
    assert await vault.erasing.positions() == {}
    await vault.erasing.apply(3, [record(10), erased(11), record(14)])
    assert is_erased(vault)
    assert positions(vault) == {3: 15} == await vault.erasing.positions()
    with vault._store.engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM vault_keys WHERE kind = 'data'")).one()
    assert (row.wrapped, row.secret_key, row.created_at, row.destroyed_at) == (None, None, NOW, NOW + 11)


async def test_the_keys_of_others_stay(vault: Vault) -> None:
    await vault.erasing.positions()
    await vault.erasing.apply(0, [erased(0)])
    assert [is_erased(vault, *other) for other in (("shop.8",), ("shop.7", "rival"), ("shop.70",))] == [False] * 3


async def test_the_secret_of_a_webhook_goes_with_its_app_and_the_next_app_may_have_one(vault: Vault) -> None:
    for team, app in (("acme", "shop"), ("acme", "blog"), ("rival", "shop")):
        vault.hooks.put(team, app, NOW)
    await vault.erasing.positions()
    await vault.erasing.apply(0, [record(0, fact(AppDestroyed(app="shop"))), record(1, fact(AppDestroyed(app="no")))])
    assert [(hook.team, hook.production) for hook in vault.hooks.find()] == [("acme", "blog"), ("rival", "shop")]
    secret = vault.hooks.put("acme", "shop", NOW)
    assert [hook.secret for hook in vault.hooks.find("acme", "shop")] == [secret]


async def test_a_fact_that_comes_again_changes_nothing(vault: Vault) -> None:
    await vault.erasing.positions()
    await vault.erasing.apply(0, [erased(0)])
    await vault.erasing.apply(0, [erased(1)])
    with vault._store.engine.connect() as connection:
        assert connection.execute(text("SELECT destroyed_at FROM vault_keys")).scalars().all() == [NOW]


async def test_another_process_goes_on_where_this_one_was(opening: Opening) -> None:
    here, there = opening(), opening()
    await here.erasing.positions()
    await here.erasing.apply(0, [erased(0)])
    assert await there.erasing.positions() == {0: 1}
    await there.erasing.apply(0, [erased(1, "blog.9")])
    assert (is_erased(here, "blog.9"), positions(here)) == (True, {0: 2})


@pytest.mark.parametrize("begun", [False, True])
async def test_of_two_that_do_the_same_one_is_outrun_and_has_changed_nothing(opening: Opening, begun: bool) -> None:
    here, there = opening(), opening()
    if begun:
        await here.erasing.positions()
        await here.erasing.apply(0, [record(0)])
    await here.erasing.positions()
    await there.erasing.positions()
    await there.erasing.apply(0, [erased(1), record(2)])
    with pytest.raises(ErasingStopped) as found:
        await here.erasing.apply(0, [erased(1, "blog.9")])
    assert found.value.code == "outrun"
    assert (is_erased(here, "blog.9"), positions(here)) == (False, {0: 3})
    assert await here.erasing.positions() == {0: 3}


async def test_a_crash_before_the_commit_leaves_both_as_they_were(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = opening()
    sealed_in(vault)
    await vault.erasing.positions()

    def destroyed_and_crashed(*given: object) -> None:
        genuine(*given)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    genuine = rows.destroy
    with monkeypatch.context() as patched:
        patched.setattr(rows, "destroy", destroyed_and_crashed)
        with pytest.raises(KeyboardInterrupt):
            vault.erasing._apply(0, [record(0), erased(1)])
    again = opening()
    assert (is_erased(again), positions(again)) == (False, {})
    assert await again.erasing.positions() == {}
    await again.erasing.apply(0, [record(0), erased(1)])
    assert (is_erased(again), positions(again)) == (True, {0: 2})


async def test_who_restores_an_older_copy_of_the_vault_has_it_erased_again(vault: Vault) -> None:
    """Offsets lie with the keys: a copy knows how far it was."""
    sealed_in(vault)
    await vault.erasing.positions()
    await vault.erasing.apply(0, [record(0)])
    with vault._store.engine.connect() as connection:
        copy = connection.execute(text("SELECT * FROM vault_keys WHERE kind = 'data'")).one()._mapping
    await vault.erasing.apply(0, [erased(1)])
    with vault._store.engine.begin() as connection:
        put_back = text(
            "UPDATE vault_keys SET wrapped = :wrapped, secret_key = :secret_key, destroyed_at = NULL WHERE name = :name"
        )
        connection.execute(put_back, {name: copy[name] for name in ("wrapped", "secret_key", "name")})
        connection.execute(text("UPDATE vault_positions SET next = 1"))
    assert not is_erased(vault)
    assert (await vault.erasing.positions())[0] == 1
    await vault.erasing.apply(0, [erased(1)])
    assert is_erased(vault)


def altered(**changes: object) -> bytes:
    return orjson.dumps({**orjson.loads(fact(ConfigErased(app="shop", app_id="shop.7"))), **changes})


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"ConfigErased", "not-json"),
        (altered(data={"app": "shop", "app_id": "shop.8"}), "history-damaged"),
        (altered(team="rival"), "history-damaged"),
        (altered(team=None), "history-damaged"),
        (altered(dataschema="urn:ownstack:ConfigErased:2"), "unknown-version"),
        (altered(data={}), "invalid-data"),
    ],
)
async def test_nothing_is_destroyed_nor_skipped_on_a_guess(vault: Vault, value: bytes, code: str) -> None:
    await vault.erasing.positions()
    with pytest.raises(ErasingStopped) as found:
        await vault.erasing.apply(4, [erased(0), record(1, value)])
    assert found.value.code == code
    assert "ownstack.history/4/1" in str(found.value)
    assert [is_erased(vault, app) for app in ("shop.7", "shop.8")] == [False, False]
    assert positions(vault) == {}


async def test_facts_of_a_newer_release_are_passed_over(vault: Vault) -> None:
    await vault.erasing.positions()
    newer = [altered(type="ConfigErasedTwice"), b"junk", orjson.dumps({"type": "Other", "data": "ConfigErased"})]
    await vault.erasing.apply(0, [record(number, value) for number, value in enumerate(newer)])
    assert (is_erased(vault), positions(vault)) == (False, {0: 3})


async def test_who_is_cancelled_waits_for_the_end_of_what_is_being_written(opening: Opening) -> None:
    vault = opening()
    await vault.erasing.positions()
    lock = vault._store.write_lock
    with lock:
        applying = asyncio.create_task(vault.erasing.apply(0, [erased(0)]))
        await asyncio.sleep(0)
        applying.cancel()
        await asyncio.sleep(0)
        assert not applying.done()
    with pytest.raises(asyncio.CancelledError):
        await applying
    assert positions(vault) == {0: 1}


@pytest.fixture
def file(tmp_path: Path) -> Iterator[tuple[Path, Vault]]:
    path = tmp_path / "own.db"
    vault = open_vault(f"sqlite:///{path}", threading.Lock(), SecretKeys.parse(new_secret_key()))
    yield path, vault
    vault.close()


def written(path: Path) -> bytes:
    return b"".join(found.read_bytes() for found in sorted(path.parent.glob(f"{path.name}*")))


async def test_of_a_destroyed_key_no_byte_is_left_in_the_file_or_its_log(file: tuple[Path, Vault]) -> None:
    path, vault = file
    chance = random.Random(7)
    apps = [f"{'x' * chance.randrange(1, 60)}.{number}" for number in range(400)]
    for app in chance.sample(apps, len(apps)):
        sealed_in(vault, app)
    with vault._store.reading() as connection:
        found = rows.of_kind(connection, "data", None, None)
    wrapped = {kept.name.name: kept.wrapped.blob for kept in found if kept.wrapped}
    assert sum(blob in written(path) for blob in wrapped.values()) == len(apps)
    await vault.erasing.positions()
    gone = chance.sample(apps, 300)
    for number, app in enumerate(gone[:20]):
        await vault.erasing.apply(0, [erased(number, app)])
    await vault.erasing.apply(0, [erased(20 + number, app) for number, app in enumerate(gone[20:])])
    left = written(path)
    assert [
        app for app in gone if wrapped[app] in left or wrapped[app][:16] in left or wrapped[app][-16:] in left
    ] == []
    assert all(wrapped[app] in left for app in apps if app not in gone)


async def test_where_somebody_reads_the_file_its_log_is_emptied_with_the_next_facts(file: tuple[Path, Vault]) -> None:
    path, vault = file
    sealed_in(vault)
    with vault._store.reading() as connection:
        (kept,) = rows.of_kind(connection, "data", None, None)
    assert kept.wrapped is not None
    await vault.erasing.positions()
    with vault._store.engine.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT * FROM vault_keys").all()
        await vault.erasing.apply(0, [erased(0)])
        assert kept.wrapped.blob in written(path)
        reader.exec_driver_sql("ROLLBACK")
    await vault.erasing.apply(0, [record(1)])
    assert kept.wrapped.blob not in written(path)
    with vault._store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 10_000


def test_what_is_overwritten_is_overwritten_also_where_sqlite_was_built_otherwise() -> None:
    said: list[str] = []
    cursor = SimpleNamespace(execute=said.append, close=lambda: None)
    _set_up_sqlite(cast("Any", SimpleNamespace(cursor=lambda: cursor)), cast("Any", None))
    assert "PRAGMA secure_delete=ON" in said
