"""`read` and `tail` on Kafka, and where partitions end: without a group, committed records only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import translating
from ownstack_bus.port import At, Record

POLL_MS = 200
"""A reader that waits looks up so often whether the bus was closed."""

Check = Callable[[], None]
"""Raises BusError once the bus is closed."""


@asynccontextmanager
async def reader(clients: Clients) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group, started."""
    consumer = clients.consumer(fetch_max_wait_ms=POLL_MS)
    try:
        with translating(clients.servers):
            await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def end(clients: Clients, place: TopicPartition) -> int:
    """The offset before which all transactions have ended."""
    async with reader(clients) as consumer:
        return await end_of(clients, consumer, place)


async def end_of(clients: Clients, consumer: AIOKafkaConsumer, place: TopicPartition) -> int:
    """As `end`."""
    with translating(clients.servers):
        found = await consumer.end_offsets([place])
    return int(found[place])


async def read(
    clients: Clients, place: TopicPartition, start: At, stop: int | None, check: Check
) -> AsyncIterator[Record]:
    """Records from `start` up to, not including, offset `stop`, or the end as it is now."""
    async with reader(clients) as consumer:
        last = await end_of(clients, consumer, place)
        stop = last if stop is None else min(stop, last)
        if not await _placed(clients, consumer, place, start, stop):
            return
        # Behind the last record there may be marks of transactions: the position passes them, records don't.
        while await consumer.position(place) < stop:
            check()
            for record in await _more(clients, consumer, place):
                if record.offset >= stop:
                    return
                yield record


async def tail(clients: Clients, place: TopicPartition, start: At | None, check: Check) -> AsyncIterator[Record]:
    """Records from `start`, or from now, on, as they come."""
    async with reader(clients) as consumer:
        last = await end_of(clients, consumer, place)
        if start is None or not await _placed(clients, consumer, place, start, last):
            consumer.assign([place])
            consumer.seek(place, max(last, (start.offset or 0) if start else 0))
        while True:
            check()
            for record in await _more(clients, consumer, place):
                yield record


async def count(clients: Clients, place: TopicPartition, start: int, check: Check) -> int:
    """How many records lie at or after `start`."""
    found = 0
    async for _ in read(clients, place, At(offset=start), None, check):
        found += 1
    return found


async def _placed(clients: Clients, consumer: AIOKafkaConsumer, place: TopicPartition, start: At, stop: int) -> bool:
    """Go to `start`. False: that is not before `stop`, and there is nothing to read."""
    offset = start.offset
    if offset is None:
        with translating(clients.servers):
            found = (await consumer.offsets_for_times({place: start.time or 0}))[place]
        offset = stop if found is None else found.offset
    if offset >= stop:
        return False
    consumer.assign([place])
    consumer.seek(place, offset)
    return True


async def _more(clients: Clients, consumer: AIOKafkaConsumer, place: TopicPartition) -> list[Record]:
    with translating(clients.servers):
        found = await consumer.getmany(place, timeout_ms=POLL_MS)
    await asyncio.sleep(0)
    return [clients.record(record) for record in found.get(place, ())]
