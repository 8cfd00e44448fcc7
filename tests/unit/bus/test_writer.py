"""The writer's thread: the order of commits, and what hangs together."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ownstack_bus.clocks import wall_clock
from ownstack_bus.embedded.ledger import Fence, Ledger
from ownstack_bus.embedded.log import Logs
from ownstack_bus.embedded.schema import connect, prepare
from ownstack_bus.embedded.times import Times
from ownstack_bus.embedded.writer import Writer
from ownstack_bus.port import BusError, Outgoing
from ownstack_contracts.topics import HISTORY


class House:
    """A writer with all it needs. Its commits wait while `lock` is held."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self.connection = connect(path)
        states = prepare(self.connection, path, [HISTORY.name], 1)
        self.logs = Logs(states, 1, 1_000_000)
        self.log = self.logs.at(HISTORY.name, 0)
        ledger = Ledger(self.connection, states, Times(states, 1, wall_clock))
        self.writer = Writer(path, self.connection, ledger, self.logs, self.lock)

    def append(self, value: bytes, fence: Fence | None = None) -> asyncio.Future[None]:
        return self.writer.commit({self.log: [Outgoing(HISTORY.name, "acme", value)]}, fence=fence)

    def values(self) -> list[bytes]:
        return [record.value for record in self.log.recent(0, 100) or []]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path / "bus.db")
    yield house
    await house.writer.close()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """Commits that append one of these fail."""
    broken: set[bytes] = set()
    write = Ledger.write

    def failing(ledger: Ledger, commit: object) -> None:
        if any(record.value in broken for _, records in commit.appended for record in records):  # type: ignore[attr-defined]
            raise sqlite3.OperationalError("disk I/O error")
        write(ledger, commit)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "write", failing)
    return broken


async def one_after_the_other(house: House, *appends: tuple[bytes, Fence | None]) -> list[asyncio.Future[None]]:
    """Each in a commit of its own: the first waits for the lock before the others are submitted."""
    futures = []
    with house.lock:
        for value, fence in appends:
            futures.append(house.append(value, fence))
            assert await asyncio.to_thread(house.lock.acquire, timeout=0.02) is False
    await asyncio.wait(futures)
    return futures


async def test_after_a_failure_the_later_commits_of_the_same_owner_fail_too(house: House, broken: set[bytes]) -> None:
    broken.add(b"first")
    mine, other = Fence(), Fence()
    appends = await one_after_the_other(house, (b"first", mine), (b"second", mine))
    assert [type(append.exception()) for append in appends] == [BusError, BusError]
    await house.append(b"other", other)
    await house.append(b"none")
    with pytest.raises(BusError):
        await house.append(b"third", mine)
    assert house.values() == [b"other", b"none"]


async def test_what_waits_together_fails_together(house: House, broken: set[bytes]) -> None:
    broken.add(b"bad")
    ends = await asyncio.gather(house.append(b"good"), house.append(b"bad"), return_exceptions=True)
    assert [type(end) for end in ends] == [BusError, BusError]
    assert house.values() == []


async def test_what_runs_in_the_thread_comes_after_all_that_was_submitted_before(house: House) -> None:
    house.append(b"before")
    count = house.writer.run(lambda _, connection: connection.execute("SELECT count(*) FROM bus_segments").fetchone())
    house.append(b"after")
    assert await count == (1,)


async def test_a_fault_of_ours_fails_the_commit_and_not_the_bus(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(BusError) as error:
        await house.append("no bytes")  # type: ignore[arg-type]
    assert error.value.code == "bus-error"
    assert "report it" in str(error.value)
    assert "could not commit" in caplog.text
    await house.append(b"fine")
    assert house.values() == [b"fine"]


async def test_whoever_stops_waiting_disturbs_nobody(house: House) -> None:
    with house.lock:
        first, second = house.append(b"first"), house.append(b"second")
        await asyncio.sleep(0)
        first.cancel()
    await second
    assert house.values() == [b"first", b"second"]
