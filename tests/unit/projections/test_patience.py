"""Projections that wait for what passes by itself say that they do, and no longer once it has passed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from tests.unit.projections.house import House

from ownstack.serve.meters import PrometheusMeter
from ownstack.serve.projections import _ready
from ownstack_bus.port import BusError, Record, Sink
from ownstack_contracts.topics import HISTORY, LOGS
from ownstack_projections import patience as patience_module
from ownstack_projections.main import GROUP, Projections
from ownstack_projections.patience import Patience, Patient
from ownstack_readmodel import DatabaseUnusable

WAITS = "It waits before projecting ownstack.history: the log says for what."


class FakeBus:
    """One that gives nothing, and whose history can not be stored: the disk is full."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def publish(self, records: Sequence[object]) -> None:
        """Not looked at."""

    async def end(self, topic: str, partition: int) -> int:
        """See Bus."""
        return 0

    async def project(self, topic: str, group: str, sink: Sink) -> None:
        """See Bus."""
        if topic == HISTORY.name:
            self.asked.set()
            await fails()
        await asyncio.Event().wait()


class FakeSink:
    """Stores everything."""

    async def positions(self) -> dict[int, int]:
        """See Sink."""
        return {}

    async def apply(self, partition: int, records: Sequence[Record]) -> None:
        """See Sink."""


async def fails() -> None:
    """As on a disk that is full."""
    raise BusError("disk-full", "There is no room.")


async def waiting(patience: Patience, work: Callable[[], Awaitable[None]] = fails) -> asyncio.Task[None]:
    """It has failed, and waits."""
    task = asyncio.ensure_future(patience.through(work))
    while patience.waits is None:
        await asyncio.sleep(0)
    return task


async def test_projections_that_get_nowhere_are_not_ready(house: House) -> None:
    bus: Any = FakeBus()
    meter = PrometheusMeter()
    meter.joined |= {f"{GROUP}.{topic.name}" for topic in (HISTORY, LOGS)}
    projections = Projections(bus, house.readmodel)
    assert await _ready(bus, house.readmodel, projections, meter) is None
    running = asyncio.ensure_future(projections.run())
    await bus.asked.wait()
    await asyncio.sleep(0)
    assert await _ready(bus, house.readmodel, projections, meter) == WAITS
    running.cancel()
    await asyncio.wait({running})


async def test_who_stores_something_waits_no_more() -> None:
    patience = Patience("projecting ownstack.history")
    task = await waiting(patience)
    assert patience.waits == WAITS
    await Patient(FakeSink(), patience).apply(0, [])
    assert patience.waits is None
    task.cancel()


async def test_what_does_not_fail_again_has_passed_also_where_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = Patience("projecting ownstack.history")
    task = await waiting(patience)
    monkeypatch.setattr(patience_module, "PASSED_S", -1.0)
    assert patience.waits is None
    task.cancel()


async def test_patience_with_a_limit_raises_what_has_not_passed_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience_module, "FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(patience_module, "LAST_DELAY_S", 0.004)
    patience, times = Patience("putting the new tables in place", limit=0.01), 0

    async def counted() -> None:
        nonlocal times
        times += 1
        await fails()

    with pytest.raises(BusError, match="no room"):
        await patience.through(counted)
    assert times == 5, "after 1, 2, 4 and 4 ms"
    patience.worked()
    with pytest.raises(BusError):
        await patience.through(counted)
    assert times == 10, "as often as at first"


async def test_patience_gives_what_was_worked_out_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience_module, "FIRST_DELAY_S", 0.0)
    given = iter([DatabaseUnusable("rebuild-running", "It runs.", "Wait.", passing=True), None])

    async def works() -> int:
        if error := next(given):
            raise error
        return 7

    assert await Patience("building the tables anew").through(works) == 7


async def test_a_database_that_is_not_usable_for_good_is_not_waited_for() -> None:
    async def refused() -> None:
        raise DatabaseUnusable("rebuild-no-room", "There is none.", "Make some.")

    with pytest.raises(DatabaseUnusable, match="none"):
        await Patience("building the tables anew").through(refused)
