"""A rebuild gives the same tables, while queries and the live projection go on; and logs stay."""

from __future__ import annotations

import asyncio
import sqlite3

import psycopg
import pytest
from sqlalchemy import delete, inspect, update
from sqlalchemy.exc import DBAPIError
from tests.bench.histories import Chronicle, promoted, shop
from tests.integration.projections.conftest import Circle
from tests.unit.projections.house import dump

from ownstack_bus.port import Outgoing
from ownstack_contracts.topics import HISTORY
from ownstack_projections.rebuild import rebuild
from ownstack_projections.stopped import HistoryDamaged
from ownstack_readmodel import DatabaseUnusable
from ownstack_readmodel.shadows import Shadows
from ownstack_readmodel.tables import APPS, LOG_LINES
from ownstack_readmodel.tables import HISTORY as HISTORY_ROWS

SOON = 60


def chronicle_of(promotions: int) -> Chronicle:
    chronicle = shop(Chronicle(), 10)
    for number in range(promotions):
        promoted(chronicle, number)
    return chronicle


async def test_a_rebuild_gives_the_same_tables_while_everything_goes_on(circle: Circle) -> None:
    chronicle = chronicle_of(20)
    await circle.publish(chronicle.records)
    async with circle.projecting() as projections:
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
        begun = asyncio.Event()
        going_on = asyncio.create_task(_ask_and_publish(circle, chronicle, begun))
        await begun.wait()
        rebuilt = await projections.rebuild()
        going_on.cancel()
        seen = await asyncio.gather(going_on, return_exceptions=True)
        assert isinstance(seen[0], asyncio.CancelledError), seen
        promoted(chronicle, 1_000)
        await circle.publish(chronicle.records)
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
        assert projections.history.counts.doubled == 0
    assert rebuilt.facts > 1_000
    assert rebuilt.per_second > 0
    live = dump(circle.readmodel)
    await rebuild(circle.bus, circle.readmodel)
    assert dump(circle.readmodel) == live
    assert not _beside(circle)


async def _ask_and_publish(circle: Circle, chronicle: Chronicle, begun: asyncio.Event) -> None:
    """Queries find everything, and never go back in time; the history grows meanwhile."""
    last = 0
    for number in range(100, 1_000):
        app, sequence = await circle.readmodel.app("acme", "shop"), await circle.readmodel.last_sequence("acme")
        assert app is not None
        assert app.current_release is not None
        assert sequence >= last
        last = sequence
        promoted(chronicle, number)
        await circle.publish(chronicle.records)
        begun.set()


def _beside(circle: Circle) -> list[str]:
    with circle.readmodel.reading() as connection:
        return [name for name in inspect(connection).get_table_names() if "__" in name]


async def test_a_rebuild_mends_what_was_wrong_and_leaves_the_logs(circle: Circle) -> None:
    chronicle = chronicle_of(2)
    await circle.publish(chronicle.records)
    async with circle.projecting():
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
    right = dump(circle.readmodel)
    with circle.readmodel.writing() as connection:
        connection.execute(delete(HISTORY_ROWS).where(HISTORY_ROWS.c.sequence > 10))
        connection.execute(update(APPS).values(pipeline="wrong"))
        line = {"team": "acme", "app": "shop", "stack": "eu-1", "deployment": "p.eu-1", "job": "p.eu-1.1"}
        connection.execute(LOG_LINES.insert().values(**line, run="r", phase="restart", number=0, at=1, text="here"))
    await rebuild(circle.bus, circle.readmodel)
    assert dump(circle.readmodel) == right
    assert [line.text for line in (await circle.readmodel.logs("acme", "shop")).items] == ["here"]


async def test_a_rebuild_of_a_damaged_history_leaves_the_live_tables(circle: Circle) -> None:
    chronicle = chronicle_of(1)
    await circle.publish(chronicle.records)
    async with circle.projecting():
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
    before = dump(circle.readmodel)
    await circle.bus.publish([Outgoing(HISTORY.name, "acme", b"{}")])
    with pytest.raises(HistoryDamaged):
        await rebuild(circle.bus, circle.readmodel)
    assert dump(circle.readmodel) == before
    assert not _beside(circle)


async def test_a_rebuild_that_has_no_room_says_so_at_once_and_makes_room_again(
    circle: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own tables have filled the disk, and all else waits: it does not wait as well."""
    await circle.publish(chronicle_of(1).records)
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    sqlite = circle.readmodel.engine.dialect.name == "sqlite"
    why = full if sqlite else psycopg.errors.DiskFull("could not extend file: No space left on device")

    def index(shadows: Shadows) -> None:
        raise DBAPIError("CREATE INDEX", None, why)

    monkeypatch.setattr(Shadows, "index", index)
    with pytest.raises(DatabaseUnusable, match="no room") as refused:
        await rebuild(circle.bus, circle.readmodel)
    assert (refused.value.code, refused.value.passing) == ("rebuild-no-room", False)
    assert not _beside(circle)
