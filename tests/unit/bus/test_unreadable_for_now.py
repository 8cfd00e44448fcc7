"""A file that can't be read for a moment: whoever reads it waits, says so once, and goes on where it was."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contract.bus.parts import C, D, Echo, H, Seen, everything, numbered, running, until, values

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.embedded.ledger import Ledger
from ownstack_bus.embedded.reader import Reader
from ownstack_bus.port import BusError, Inbox

RECORDS = 5


class Disk:
    """Refuses so many reads of each kind: `records`, and how far a consumer is (`progress`)."""

    def __init__(self) -> None:
        self.refuses = {"records": 0, "progress": 0}
        self.code = sqlite3.SQLITE_IOERR
        self.refused = 0

    def instead_of(self, real: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def read(*arguments: Any) -> Any:
            if self.refuses[kind]:
                self.refuses[kind] -= 1
                self.refused += 1
                error = sqlite3.OperationalError("of the test")
                error.sqlite_errorcode = self.code
                raise error
            return real(*arguments)

        return read


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(Reader, "_read", disk.instead_of(Reader._read, "records"))
    monkeypatch.setattr(Ledger, "progress", disk.instead_of(Ledger.progress, "progress"))
    return disk


@pytest.fixture
async def bus(tmp_path: Path, disk: Disk) -> AsyncIterator[EmbeddedBus]:
    """Five jobs and five commands of one partition lie in its file, and nothing in its memory."""
    before = await EmbeddedBus.open(tmp_path / "bus.db", partitions=1)
    await before.publish([*numbered(D, "acme", RECORDS), *numbered(C, "acme", RECORDS)])
    await before.close()
    bus = await EmbeddedBus.open(tmp_path / "bus.db", partitions=1)
    yield bus
    await bus.close()


class Worker:
    """An actor that acknowledges what it is given."""

    def __init__(self) -> None:
        self.done: Seen[str] = Seen()

    async def act(self, inbox: Inbox) -> None:
        while record := await inbox.get(0):
            await inbox.done(record)
            self.done.add(record.value.decode())


ALL = [str(number) for number in range(RECORDS)]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("kind", ["records", "progress"])
@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY])
async def test_work_goes_on_where_it_was(
    bus: EmbeddedBus, disk: Disk, code: int, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    disk.code, disk.refuses[kind] = code, 2
    worker = Worker()
    async with running(bus.work(D, "deployers", worker.act)):
        await worker.done.reach(RECORDS)
        await bus.publish(numbered(D, "acme", 1, first=RECORDS))
        assert await worker.done.reach(RECORDS + 1) == [*ALL, str(RECORDS)]
    assert disk.refused == 2
    waits, goes_on = said(caplog)
    assert ("waits, and goes on by itself" in waits, goes_on.endswith("goes on")) == (True, True)


async def test_work_on_a_file_that_is_damaged_ends(bus: EmbeddedBus, disk: Disk) -> None:
    disk.code, disk.refuses["records"] = sqlite3.SQLITE_CORRUPT, 1
    with pytest.raises(BusError) as failed:
        await asyncio.wait_for(bus.work(D, "deployers", Worker().act), 10)
    assert failed.value.code == "bus-corrupt"


async def test_who_works_on_a_bus_that_is_closed_while_its_file_can_not_be_read_is_told(
    bus: EmbeddedBus, disk: Disk
) -> None:
    disk.refuses["records"] = 1
    working = asyncio.ensure_future(bus.work(D, "deployers", Worker().act))
    while not disk.refused:
        await asyncio.sleep(0)
    await bus.close()
    with pytest.raises(BusError) as failed:
        await asyncio.wait_for(working, 10)
    assert failed.value.code == "bus-closed"


async def test_who_follows_goes_on_where_they_were(bus: EmbeddedBus, disk: Disk) -> None:
    disk.refuses["records"] = 2
    assert values(await until(bus, D, 0, RECORDS)) == ALL


async def test_process_goes_on_where_it_was(bus: EmbeddedBus, disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    disk.refuses = {"records": 2, "progress": 2}
    async with running(bus.process("promoter", [C], H, Echo)):
        await until(bus, H, 0, RECORDS)
    assert values(await everything(bus, H)) == ALL
    assert len([line for line in said(caplog) if "waits, and goes on by itself" in line]) == 1
