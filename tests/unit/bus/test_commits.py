"""Commits that fail, and what was built on them."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.contract.bus.parts import Echo, Seen, everything, numbered, of_key, running, until, values

from ownstack_bus import waiting
from ownstack_bus.embedded import EmbeddedBus, processing, working
from ownstack_bus.embedded.ledger import Ledger
from ownstack_bus.port import Bus, BusError, Inbox, Outgoing, Record
from ownstack_contracts.topics import COMMANDS, DEPLOYS, HISTORY


class Disk:
    """Full at times: the commits that it `refuses` fail."""

    def __init__(self) -> None:
        self.refuses = lambda: False
        self.refused = 0
        self.written: list[int] = []

    def check(self, rows: list[Any]) -> None:
        self.written.append(sum(len(row[5]) for row in rows))
        if self.refuses():
            self.refused += 1
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    insert = Ledger._insert

    def checked(ledger: Ledger, rows: list[Any]) -> None:
        disk.check(rows)
        insert(ledger, rows)

    monkeypatch.setattr(Ledger, "_insert", checked)
    monkeypatch.setattr(waiting, "FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(waiting, "LAST_DELAY_S", 0.001)
    return disk


@pytest.fixture
async def bus(tmp_path: Path, disk: Disk) -> AsyncIterator[EmbeddedBus]:
    bus = await EmbeddedBus.open(tmp_path / "bus.db", partitions=1)
    yield bus
    await bus.close()


async def test_outputs_are_written_once_and_in_order_whatever_commits_fail(bus: EmbeddedBus, disk: Disk) -> None:
    class Counting(Echo):
        """An output says how many there were before it: a state that was built on a failed commit would show."""

        def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
            made = []
            for record in batch:
                made.append([Outgoing(HISTORY.name, "acme", b"%s/%d" % (record.value, len(self.restored)))])
                self.restored.append(record)
            return made

    disk.refuses = lambda: random.random() < 0.3
    async with running(bus.process("promoter", [COMMANDS.name], HISTORY.name, Counting)):
        for first in range(0, 2_000, 5):
            await published(bus, numbered(COMMANDS.name, "acme", 5, first=first))
        await until(bus, HISTORY.name, 0, 2_000)
    assert values(await everything(bus, HISTORY.name)) == [f"{i}/{i}" for i in range(2_000)]
    assert disk.refused > 20


async def published(bus: Bus, records: list[Outgoing]) -> None:
    """In the end."""
    while True:
        try:
            return await bus.publish(records)
        except BusError as refused:
            if refused.code != "disk-full":
                raise


async def test_a_transaction_is_cut_when_it_becomes_long(bus: EmbeddedBus, disk: Disk) -> None:
    class Many(Echo):
        def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
            return [[Outgoing(HISTORY.name, "acme", bytes(1_000))] * 6_000 for _ in batch]

    await bus.publish(numbered(COMMANDS.name, "acme", 12))
    async with running(bus.process("promoter", [COMMANDS.name], HISTORY.name, Many)):
        await until(bus, HISTORY.name, 0, 72_000)
    # Two inputs make more than enough, and two such transactions may wait at one moment.
    assert max(disk.written) < 30_000_000


async def test_of_inputs_that_make_much_few_are_decided_before_others_get_a_turn(bus: EmbeddedBus) -> None:
    each = processing.TURN // processing.SLICE + 1

    class Long(Echo):
        def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
            decided.append(len(batch))
            if len(decided) == 1:
                asyncio.get_running_loop().call_soon(lambda: turns.append(sum(decided)))
            return [list(made) * each for made in super().handle(batch)]

    decided: list[int] = []
    turns: list[int] = []
    await bus.publish(numbered(COMMANDS.name, "acme", 200))
    async with running(bus.process("promoter", [COMMANDS.name], HISTORY.name, Long)):
        echoes = [str(i) for i in range(200) for _ in range(each)]
        assert values(await until(bus, HISTORY.name, 0, 200 * each)) == echoes
    assert sum(decided) == 200
    assert max(decided) == processing.SLICE
    assert turns == [processing.SLICE]


async def test_what_was_decided_before_an_input_that_failed_is_written_once(bus: EmbeddedBus) -> None:
    class Failing(Echo):
        def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
            if not failed and any(record.value == b"150" for record in batch):
                failed.append(len(batch))
                raise ValueError("of the test")
            return super().handle(batch)

    failed: list[int] = []
    await bus.publish(numbered(COMMANDS.name, "acme", 200))
    async with running(bus.process("promoter", [COMMANDS.name], HISTORY.name, Failing)):
        await until(bus, HISTORY.name, 0, 200)
        await bus.publish(numbered(COMMANDS.name, "acme", 1, first=200))
        await until(bus, HISTORY.name, 0, 201)
    assert values(await everything(bus, HISTORY.name)) == [str(i) for i in range(201)]
    assert failed == [processing.SLICE]


async def test_what_few_inputs_make_is_committed_before_more_are_decided(bus: EmbeddedBus, disk: Disk) -> None:
    class Many(Echo):
        def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
            written.append(len(disk.written))
            return [[Outgoing(HISTORY.name, "acme", b"")] * 1_000 for _ in batch]

    written: list[int] = []
    await bus.publish(numbered(COMMANDS.name, "acme", 200))
    async with running(bus.process("promoter", [COMMANDS.name], HISTORY.name, Many)):
        await until(bus, HISTORY.name, 0, 200_000)
    assert written[-1] - written[0] > 5  # some 18 commits, of which two may go to the disk at once


async def test_a_commit_that_failed_leaves_no_trace(bus: EmbeddedBus, disk: Disk) -> None:
    await bus.publish(numbered(HISTORY.name, "acme", 3))
    disk.refuses = lambda: True
    with pytest.raises(BusError) as error:
        await bus.publish(numbered(HISTORY.name, "acme", 3, first=100))
    assert error.value.code == "disk-full"
    disk.refuses = lambda: False
    assert await bus.end(HISTORY.name, 0) == 3
    await bus.publish(numbered(HISTORY.name, "acme", 2, first=3))
    assert await of_key(bus, HISTORY.name, "acme") == ["0", "1", "2", "3", "4"]
    assert [record.offset for record in await everything(bus, HISTORY.name)] == [0, 1, 2, 3, 4]


async def test_an_acknowledgement_that_failed_counts_for_nothing(bus: EmbeddedBus, disk: Disk) -> None:
    told: Seen[str] = Seen()

    async def actor(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        disk.refuses = lambda: inbox.key == "second" and len(told.items) < 2
        try:
            await inbox.done(record)
        except BusError:
            told.add(f"{inbox.key} refused")
            raise
        told.add(f"{inbox.key} done")

    await bus.publish([Outgoing(DEPLOYS.name, "first", b""), Outgoing(DEPLOYS.name, "second", b"")])
    async with running(bus.work(DEPLOYS.name, "deployers", actor)):
        await told.until(lambda said: {"first done", "second done"} <= set(said))
    assert "second refused" in told.items
    await nothing_comes_again(bus)


async def test_an_acknowledgement_counts_even_if_nobody_waited_for_its_end(bus: EmbeddedBus) -> None:
    begun: Seen[str] = Seen()

    async def actor(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        begun.add(inbox.key)
        await inbox.done(record)

    await bus.publish(numbered(DEPLOYS.name, "acme", 1))
    working_on = asyncio.ensure_future(bus.work(DEPLOYS.name, "deployers", actor))
    await begun.reach(1)
    working_on.cancel()
    await asyncio.gather(working_on, return_exceptions=True)
    await nothing_comes_again(bus)


async def test_what_is_acknowledged_does_not_come_again_after_an_error_even_if_nobody_waited(bus: EmbeddedBus) -> None:
    seen: Seen[str] = Seen()

    async def actor(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        seen.add(record.value.decode())
        done = asyncio.ensure_future(inbox.done(record))
        await asyncio.sleep(0)
        done.cancel()
        await bus.publish(numbered(HISTORY.name, "acme", 1))  # once this is durable, so is what was submitted before
        if len(seen.items) == 1:
            raise BusError("some-error", "of the actor")

    await bus.publish(numbered(DEPLOYS.name, "acme", 2))
    async with running(bus.work(DEPLOYS.name, "deployers", actor)):
        assert await seen.reach(2) == ["0", "1"]


async def nothing_comes_again(bus: Bus) -> None:
    seen: Seen[str] = Seen()

    async def actor(inbox: Inbox) -> None:
        assert await inbox.get()
        seen.add(inbox.key)

    async with running(bus.work(DEPLOYS.name, "deployers", actor)):
        await bus.publish([Outgoing(DEPLOYS.name, "last", b"")])
        assert await seen.reach(1) == ["last"]


@pytest.mark.parametrize("limit", ["MAX_TAKEN", "MAX_SPAN"])
async def test_a_group_takes_no_more_than_it_can_hold_until_something_is_acknowledged(
    bus: EmbeddedBus, monkeypatch: pytest.MonkeyPatch, limit: str, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(working, limit, 10)
    monkeypatch.setattr(working, "BATCH", 5)
    keys = [f"key-{i}" for i in range(40)]
    taken: Seen[str] = Seen()
    go_on = asyncio.Event()

    async def actor(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        taken.add(inbox.key)
        await go_on.wait()
        await inbox.done(record)

    await bus.publish([Outgoing(DEPLOYS.name, key, b"") for key in keys])
    async with running(bus.work(DEPLOYS.name, "deployers", actor)):
        await taken.reach(10)
        await bus.publish(numbered(HISTORY.name, "acme", 1))
        assert taken.items == keys[:10]
        assert "no more are taken" in caplog.text
        go_on.set()
        assert await taken.reach(40) == keys


async def test_an_actor_that_does_not_look_into_its_inbox_is_asked_again(bus: EmbeddedBus) -> None:
    starts: Seen[int] = Seen()

    async def lazy(inbox: Inbox) -> None:
        starts.add(len(starts.items))
        if len(starts.items) > 2 and (record := await inbox.get()):
            await inbox.done(record)

    await bus.publish(numbered(DEPLOYS.name, "acme", 1))
    async with running(bus.work(DEPLOYS.name, "deployers", lazy)):
        assert await starts.reach(3) == [0, 1, 2]


async def test_only_records_of_its_key_are_acknowledged_by_an_inbox(bus: EmbeddedBus) -> None:
    refused: Seen[str] = Seen()
    await bus.publish(numbered(DEPLOYS.name, "other", 1))
    (foreign,) = await everything(bus, DEPLOYS.name)

    async def actor(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        if inbox.key == "acme":
            with pytest.raises(ValueError, match="not of the inbox"):
                await inbox.done(foreign)
            refused.add(inbox.key)

    await bus.publish(numbered(DEPLOYS.name, "acme", 1))
    async with running(bus.work(DEPLOYS.name, "deployers", actor)):
        await refused.reach(1)
