"""What is past its retention is deleted; the history never is; offsets are never given again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from tests.contract.bus.parts import Echo, Rows, Seen, everything, numbered, of_key, running, values

from ownstack_bus.embedded import EmbeddedBus, retention
from ownstack_bus.port import At, Inbox, Outgoing, Record
from ownstack_contracts.topics import DEPLOYS, HISTORY, LOGS

Opener = Callable[[], AbstractAsyncContextManager[EmbeddedBus]]
DAY = 24 * 60 * 60 * 1000


class Calendar:
    now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def open_bus(tmp_path: Path, calendar: Calendar) -> Opener:
    @asynccontextmanager
    async def opened() -> AsyncIterator[EmbeddedBus]:
        bus = await EmbeddedBus.open(tmp_path / "bus.db", partitions=2, clock=calendar)
        try:
            yield bus
        finally:
            await bus.close()

    return opened


async def test_each_topic_keeps_as_long_as_it_says(open_bus: Opener, calendar: Calendar) -> None:
    async with open_bus() as bus:
        for topic in (LOGS, DEPLOYS, HISTORY):
            await bus.publish(numbered(topic.name, "acme", 10))
        calendar.now += 8 * DAY
        for topic in (LOGS, DEPLOYS, HISTORY):
            await bus.publish(numbered(topic.name, "acme", 1, first=10))
        assert await bus.forget_expired() == 10
        assert await of_key(bus, LOGS.name, "acme") == ["10"]
        calendar.now += 7 * DAY + 1
        assert await bus.forget_expired() == 11
        assert await of_key(bus, LOGS.name, "acme") == []
        assert await of_key(bus, DEPLOYS.name, "acme") == ["10"]
        assert await of_key(bus, HISTORY.name, "acme") == [str(i) for i in range(11)]


async def test_offsets_are_not_given_again_even_if_all_records_are_gone(open_bus: Opener, calendar: Calendar) -> None:
    async with open_bus() as bus:
        await bus.publish([Outgoing(LOGS.name, "a", b"", partition=0)] * 3)
        calendar.now += 8 * DAY
        await bus.forget_expired()
    async with open_bus() as bus:
        assert await bus.end(LOGS.name, 0) == 3
        calendar.now -= 30 * DAY  # append times do not go back either
        await bus.publish([Outgoing(LOGS.name, "a", b"new", partition=0)])
        (record,) = [record async for record in bus.read(LOGS.name, 0)]
        assert (record.offset, record.timestamp) == (3, Calendar.now)


async def test_what_many_commits_wrote_is_deleted_batch_by_batch(
    open_bus: Opener, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 4)
    async with open_bus() as bus:
        for _ in range(22):
            await bus.publish([Outgoing(LOGS.name, "a", b"", partition=1)])
        calendar.now += 8 * DAY
        assert await bus.forget_expired() == 22
        assert await everything(bus, LOGS.name) == []


async def test_readers_pass_over_what_was_deleted(open_bus: Opener, calendar: Calendar) -> None:
    async with open_bus() as bus:
        await bus.publish([Outgoing(LOGS.name, "a", b"old", partition=0)] * 5)
        calendar.now += 8 * DAY
        await bus.publish([Outgoing(LOGS.name, "a", b"new", partition=0)])
        await bus.forget_expired()
    async with open_bus() as bus:  # so nothing is in memory
        assert values([r async for r in bus.read(LOGS.name, 0, At(offset=2))]) == ["new"]
        assert [r.offset async for r in bus.read(LOGS.name, 0, At(time=0))] == [5]
        assert (await anext(bus.tail(LOGS.name, 0, At(offset=0)))).value == b"new"
        rows = Rows()
        async with running(bus.project(LOGS.name, "readmodel", rows)):
            assert values(await rows.seen.reach(1)) == ["new"]


async def test_readers_of_what_is_all_deleted_wait_for_more(open_bus: Opener, calendar: Calendar) -> None:
    async with open_bus() as bus:
        await bus.publish([Outgoing(LOGS.name, "a", b"old", partition=0)] * 5)
        calendar.now += 8 * DAY
        await bus.forget_expired()
        assert [r async for r in bus.read(LOGS.name, 0)] == []
        rows = Rows()
        seen: Seen[Record] = Seen()
        projecting = bus.project(LOGS.name, "readmodel", rows)
        async with running(projecting), running(bus.process("p", [LOGS.name], HISTORY.name, lambda p: Echo(p, seen))):
            await bus.publish([Outgoing(LOGS.name, "a", b"new", partition=0)])
            assert values(await rows.seen.reach(1)) == ["new"]
            await seen.reach(1)


async def test_a_group_does_not_wait_for_what_was_deleted(open_bus: Opener, calendar: Calendar) -> None:
    taken: Seen[str] = Seen()

    async def actor(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        if record.value == b"new":
            await inbox.done(record)
        taken.add(record.value.decode())

    async with open_bus() as bus:
        await bus.publish([Outgoing(DEPLOYS.name, "a", b"old", partition=0)] * 5)
        async with running(bus.work(DEPLOYS.name, "deployers", actor)):
            await taken.reach(5)
            calendar.now += 15 * DAY
            await bus.forget_expired()
            await bus.publish([Outgoing(DEPLOYS.name, "a", b"new", partition=0)])
            await taken.reach(6)
        taken = Seen()
        async with running(bus.work(DEPLOYS.name, "deployers", actor)):
            await bus.publish([Outgoing(DEPLOYS.name, "b", b"new", partition=0)])
            assert await taken.reach(1) == ["new"]
