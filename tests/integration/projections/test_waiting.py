"""A read model that has no room for a while: the projections wait, and then nothing is missing."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from tests.bench.histories import Chronicle, promoted, shop
from tests.contract.bus.parts import Seen
from tests.integration.projections.conftest import Circle
from tests.unit.projections.house import dump
from tests.unit.projections.test_logs import printed

from ownstack_bus.port import BusError, Outgoing
from ownstack_contracts.topics import LOGS
from ownstack_projections import patience
from ownstack_projections.main import Projections
from ownstack_readmodel import ReadModel

SOON = 60
UNLIMITED = 1 << 30


class Room(Protocol):
    """How much room the read model has."""

    def ends(self) -> None:
        """There is none from now on."""

    def is_made(self) -> None:
        """There is some again."""


class Pages:
    """How many pages the read model's file may have: SQLite itself refuses with SQLITE_FULL what needs more."""

    def __init__(self, readmodel: ReadModel) -> None:
        self.pages = UNLIMITED
        event.listen(readmodel.engine, "checkout", self._limit)

    def _limit(self, connection: Any, _entry: object, _proxy: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA max_page_count={self.pages}")  # never less than the file has
        cursor.close()

    def ends(self) -> None:
        self.pages = 1

    def is_made(self) -> None:
        self.pages = UNLIMITED


class Disk:
    """A PostgreSQL whose disk is full says 53100 to whatever makes a table longer: this one does so by a trigger."""

    def __init__(self, readmodel: ReadModel) -> None:
        self._readmodel = readmodel
        self._execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
        )

    def ends(self) -> None:
        for table in ("rm_history", "rm_log_lines"):
            self._execute(f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION full_disk()")

    def is_made(self) -> None:
        for table in ("rm_history", "rm_log_lines"):
            self._execute(f"DROP TRIGGER full_disk ON {table}")

    def _execute(self, statement: str) -> None:
        with self._readmodel.writing() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture
def room(circle: Circle, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr(patience, "FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(patience, "LAST_DELAY_S", 0.01)
    return Pages(circle.readmodel) if circle.readmodel.engine.dialect.name == "sqlite" else Disk(circle.readmodel)


@pytest.fixture
def told() -> Iterator[Seen[str]]:
    """What the projections log about waiting."""
    told: Seen[str] = Seen()
    handler = logging.Handler()
    handler.emit = lambda record: told.add(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("ownstack_projections.patience")
    logger.addHandler(handler)
    yield told
    logger.removeHandler(handler)


def hundred(number: int) -> Outgoing:
    """A hundred lines, from the one with this number on."""
    lines = (f"line {line}".ljust(1_000) for line in range(number, number + 100))
    return Outgoing(LOGS.name, "p.eu-1", printed(*lines, number=number))


async def test_facts_wait_for_room_and_none_is_missing(circle: Circle, room: Room, told: Seen[str]) -> None:
    chronicle = shop(Chronicle())
    async with circle.projecting() as projections:
        await circle.publish(chronicle.records)
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
        room.ends()
        for number in range(1, 20):
            promoted(chronicle, number)
        await circle.publish(chronicle.records)
        await told.until(lambda said: any("waits" in message for message in said))
        assert await circle.readmodel.last_sequence("acme") < len(chronicle.records)
        room.is_made()
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
        assert projections.history.counts.facts == len(chronicle.records)
        assert projections.history.counts.doubled == 0
    assert len(dump(circle.readmodel)["rm_history"]) == len(chronicle.records)
    assert [message.split(":")[0] for message in told.items if "goes on" in message] != []
    assert len([message for message in told.items if "waits" in message]) == 1


async def test_log_lines_wait_for_room_and_none_is_missing(circle: Circle, room: Room, told: Seen[str]) -> None:
    async with circle.projecting():
        room.ends()
        with circle.readmodel.changes.of_logs("acme", "shop") as signal:
            await circle.bus.publish([hundred(number) for number in range(0, 1_000, 100)])
            await told.until(lambda said: any("waits" in message for message in said))
            room.is_made()
            while await circle.readmodel.last_line("acme", "shop") < 1_000:
                assert await signal.wait(SOON)
    lines = (await circle.readmodel.logs("acme", "shop", limit=2_000, deployment="p.eu-1")).items
    assert [line.number for line in lines] == list(range(1_000))


async def test_old_lines_are_deleted_once_the_database_lets_them(
    circle: Circle, room: Room, told: Seen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    projections = Projections(circle.bus, circle.readmodel)
    pruned: Seen[int] = Seen()

    async def prune(before: int) -> int:
        pruned.add(before)
        if len(pruned.items) < 3:
            locked = sqlite3.OperationalError("database is locked")
            locked.sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT
            raise DBAPIError("DELETE", None, locked)
        return 0

    monkeypatch.setattr(projections.logs, "prune", prune)
    running = asyncio.create_task(projections.run())
    await told.until(lambda said: any("deleting old log lines: goes on" in message for message in said))
    assert len(pruned.items) == 3
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_dead_letter_waits_for_room_on_the_bus(
    circle: Circle, room: Room, told: Seen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, refused = circle.bus.publish, 0

    async def full(records: list[Outgoing]) -> None:
        nonlocal refused
        refused += 1
        if refused < 3:
            raise BusError("disk-full", "The disk is full.")
        await publish(records)

    await circle.bus.publish([Outgoing(LOGS.name, "p.eu-1", b"nothing of ours"), hundred(0)])
    monkeypatch.setattr(circle.bus, "publish", full)
    async with circle.projecting():
        with circle.readmodel.changes.of_logs("acme", "shop") as signal:
            while await circle.readmodel.last_line("acme", "shop") < 100:
                assert await signal.wait(SOON)
    assert refused == 3


async def test_what_does_not_pass_by_itself_stops_them(circle: Circle) -> None:
    with circle.readmodel.writing() as connection:
        connection.exec_driver_sql("DROP TABLE rm_positions")
    with pytest.raises(DBAPIError, match="rm_positions"):
        await Projections(circle.bus, circle.readmodel).run()
