"""What the embedded bus tells its meter of each verb: what was taken at once, what is left, what is in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

import pytest_asyncio
from tests.contract.bus.parts import C, D, Echo, H, R, Rows, Seen, keys_on, numbered, running

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import Inbox, Outgoing, Record

PARTITIONS = 2


class Heard:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.batches: Seen[tuple[str, int]] = Seen()
        self.lags: Seen[tuple[str, str, int, int]] = Seen()
        self.assigned_now: Seen[tuple[str, tuple[int, ...], int]] = Seen()
        self.restarts: Seen[tuple[str, int]] = Seen()

    def batch(self, consumer: str, records: int) -> None:
        """See Meter."""
        self.batches.add((consumer, records))

    def lag(self, consumer: str, topic: str, partition: int, records: int) -> None:
        """See Meter."""
        self.lags.add((consumer, topic, partition, records))

    def assigned(self, consumer: str, partitions: Collection[int], beginning: int = 0) -> None:
        """See Meter."""
        self.assigned_now.add((consumer, tuple(partitions), beginning))

    def restarted(self, consumer: str, partition: int) -> None:
        """See Meter."""
        self.restarts.add((consumer, partition))

    def left(self, consumer: str) -> dict[tuple[str, int], int]:
        """The last lags that were told."""
        return {(topic, partition): lag for who, topic, partition, lag in self.lags.items if who == consumer}


@pytest_asyncio.fixture
async def heard() -> Heard:
    return Heard()


@pytest_asyncio.fixture
async def bus(tmp_path: Path, heard: Heard) -> AsyncIterator[EmbeddedBus]:
    bus = await EmbeddedBus.open(tmp_path / "bus.db", partitions=PARTITIONS, meter=heard)
    yield bus
    await bus.close()


async def test_process_tells_of_its_owners_and_of_both_inputs(bus: EmbeddedBus, heard: Heard) -> None:
    key = next(keys_on(1, PARTITIONS))
    await bus.publish(numbered(C, key, 3))
    async with running(bus.process("promoter", [C, R], H, Echo)):
        await heard.batches.until(lambda told: sum(records for _, records in told) == 3)
        await heard.assigned_now.until(lambda told: told[-1] == ("promoter", (0, 1), 0))
    assert heard.assigned_now.items[0][2] == 1, "one is restored, the other is not yet"
    assert ("promoter", C, 1, 3) in heard.lags.items
    assert heard.left("promoter") == {(C, 0): 0, (C, 1): 0, (R, 0): 0, (R, 1): 0}
    assert heard.restarts.items == []


class Once(Echo):
    """Fails over the first batch of its partition, and never again."""

    failed = False

    def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
        if not Once.failed:
            Once.failed = True
            raise ZeroDivisionError
        return super().handle(batch)


async def test_an_owner_that_begins_anew_is_told_and_is_not_in_order_meanwhile(bus: EmbeddedBus, heard: Heard) -> None:
    Once.failed = False
    key = next(keys_on(1, PARTITIONS))
    async with running(bus.process("promoter", [C, R], H, Once)):
        await heard.assigned_now.until(lambda told: bool(told) and told[-1][2] == 0)
        await bus.publish(numbered(C, key, 1))
        await heard.restarts.reach(1)
        await heard.batches.reach(1)
    assert heard.restarts.items == [("promoter", 1)]
    whole = [(partitions, beginning) for _, partitions, beginning in heard.assigned_now.items]
    assert whole[-2:] == [((0,), 1), ((0, 1), 0)]


async def test_work_tells_what_its_actors_were_handed(bus: EmbeddedBus, heard: Heard) -> None:
    key = next(keys_on(0, PARTITIONS))
    await bus.publish(numbered(D, key, 5))

    async def actor(inbox: Inbox) -> None:
        while (record := await inbox.get()) is not None:
            await inbox.done(record)

    async with running(bus.work(D, "deployer", actor)):
        await heard.batches.reach(1)
    assert heard.batches.items == [("deployer", 5)]
    assert heard.assigned_now.items == [("deployer", (0, 1), 0)]
    assert ("deployer", D, 0, 5) in heard.lags.items
    assert heard.left("deployer") == {(D, 0): 0, (D, 1): 0}


async def test_project_is_told_by_group_and_topic(bus: EmbeddedBus, heard: Heard) -> None:
    await bus.publish(numbered(H, next(keys_on(0, PARTITIONS)), 4))
    rows = Rows({0: 1})
    async with running(bus.project(H, "projections", rows)):
        await heard.batches.reach(1)
    name = f"projections.{H}"
    assert heard.batches.items == [(name, 3)]
    assert heard.assigned_now.items == [(name, (0, 1), 0)]
    assert (name, H, 0, 3) in heard.lags.items
    assert heard.left(name) == {(H, 0): 0, (H, 1): 0}
