"""What the suite plugs into a bus: processors, actors and sinks that remember what they saw, and can be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import At, Bus, Outgoing, Record, Restored
from ownstack_contracts.topics import COMMANDS, DEPLOYS, HISTORY, REPORTS

C, R, H, D = COMMANDS.name, REPORTS.name, HISTORY.name, DEPLOYS.name

T = TypeVar("T")
PATIENCE_S = 30.0


class Seen(Generic[T]):
    """A list that can be waited for."""

    def __init__(self) -> None:
        self.items: list[T] = []
        self._grown = asyncio.Event()

    def add(self, *items: T) -> None:
        self.items += items
        self._grown.set()

    async def reach(self, count: int) -> list[T]:
        """All, once there are `count`."""
        return await self.until(lambda items: len(items) >= count)

    async def until(self, enough: Callable[[list[T]], bool]) -> list[T]:
        """All, once they are enough."""
        async with asyncio.timeout(PATIENCE_S):
            while not enough(self.items):
                self._grown.clear()
                await self._grown.wait()
        return self.items


@asynccontextmanager
async def running(verb: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """`verb` runs meanwhile, and is cancelled at the end. What it raises is raised."""
    task = asyncio.ensure_future(verb)
    body = asyncio.current_task()
    assert body

    def stop(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and done.exception():
            body.cancel()

    task.add_done_callback(stop)
    try:
        yield task
    finally:
        task.remove_done_callback(stop)
        if task.done():
            await task
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Echo:
    """A processor that writes each input to the history, and remembers what it was given."""

    def __init__(self, partition: int, seen: Seen[Record] | None = None) -> None:
        self.partition = partition
        self.seen = seen if seen is not None else Seen()
        self.restored: list[Record] = []

    async def restore(self, tail: AsyncIterator[Record]) -> Restored:
        self.restored = [record async for record in tail]
        return Restored()

    def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
        self.seen.add(*batch)
        return [[copy_of(record)] for record in batch]

    def wake_at(self) -> int | None:
        return None

    def wake(self, now: int) -> Sequence[Outgoing]:
        return ()


class Rows:
    """A sink: rows and positions that change together."""

    def __init__(self, stored: Mapping[int, int] | None = None) -> None:
        self.stored = dict(stored or {})
        self.seen: Seen[Record] = Seen()

    async def positions(self) -> Mapping[int, int]:
        return self.stored

    async def apply(self, partition: int, records: Sequence[Record]) -> None:
        assert [record.partition for record in records] == [partition] * len(records)
        self.stored[partition] = records[-1].offset + 1
        self.seen.add(*records)


def copy_of(record: Record) -> Outgoing:
    """The same, for the same partition of the history."""
    return Outgoing(H, record.key, record.value, record.partition)


def numbered(topic: str, key: str, count: int, first: int = 0) -> list[Outgoing]:
    """`count` records of one key whose values are numbers."""
    return [Outgoing(topic, key, str(i).encode()) for i in range(first, first + count)]


def values(records: Sequence[Record | Outgoing]) -> list[str]:
    return [record.value.decode() for record in records]


async def everything(bus: Bus, topic: str) -> list[Record]:
    """All records of a topic, partition by partition."""
    return [record for p in range(await bus.partitions(topic)) async for record in bus.read(topic, p)]


async def of_key(bus: Bus, topic: str, key: str) -> list[str]:
    """The values of a key, in the order in which they lie there."""
    return values([record for record in await everything(bus, topic) if record.key == key])


async def until(bus: Bus, topic: str, partition: int, count: int, start: int = 0) -> list[Record]:
    """The first `count` records from offset `start` on, once they are there."""
    found: list[Record] = []
    tail = bus.tail(topic, partition, At(offset=start))
    async with asyncio.timeout(PATIENCE_S):
        async for record in tail:
            found.append(record)
            if len(found) == count:
                break
    return found


def keys_on(partition: int, partitions: int) -> Iterator[str]:
    """Keys that all lie on one partition."""
    return (key for i in range(1_000_000) if partition_of(key := f"key-{i}", partitions) == partition)


def always(processor: Callable[[int], T], partition: int, made: list[T]) -> Callable[[int], T]:
    """A factory that remembers the processors that it made for one partition."""

    def factory(of: int) -> T:
        one = processor(of)
        if of == partition:
            made.append(one)
        return one

    return factory
