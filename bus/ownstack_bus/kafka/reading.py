"""`read` and `tail` on Kafka, and where partitions end: without a group, committed records only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from aiokafka import AIOKafkaConsumer, TopicPartition

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import translating
from ownstack_bus.kafka.fetching import fetched
from ownstack_bus.kafka.starting import STEADY_S, begin, started, stop
from ownstack_bus.port import At, BusError, Record
from ownstack_bus.waiting import Waiting

POLL_MS = 200
"""A reader that waits looks up so often whether the bus was closed."""

Check = Callable[[], None]
"""Raises BusError once the bus is closed."""


class Asking:
    """Asks where partitions end, through one consumer of no group that is kept."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._consumer: AIOKafkaConsumer | None = None
        self._turn = asyncio.Lock()

    async def end(self, place: TopicPartition) -> int:
        """The offset before which all transactions have ended. Raises BusError `bus-unavailable`."""
        async with self._turn:
            if self._consumer is None:
                consumer = self._clients.consumer()
                await begin(self._clients, consumer)
                self._consumer = consumer
        return await _end_of(self._clients, self._consumer, place)

    async def close(self) -> None:
        """Let go of the connection."""
        async with self._turn:
            if self._consumer is not None:
                await stop(self._consumer)
            self._consumer = None


async def _end_of(clients: Clients, consumer: AIOKafkaConsumer, place: TopicPartition) -> int:
    with translating(clients.servers):
        found = await consumer.end_offsets([place])
    return int(found[place])


async def read(
    clients: Clients, place: TopicPartition, start: At, stop: int | None, check: Check
) -> AsyncIterator[Record]:
    """Records from `start` up to, not including, offset `stop`, or the end as it is now."""
    async with started(clients, _reader(clients)) as consumer:
        last = await _end_of(clients, consumer, place)
        stop = last if stop is None else min(stop, last)
        at = await _offset(clients, consumer, place, start, stop)
        if at >= stop:
            return
        _place(consumer, place, at)
        # Behind the last record there may be marks of transactions: the position passes them, records don't.
        while await consumer.position(place) < stop:
            check()
            for record in await _more(clients, consumer, place):
                if record.offset >= stop:
                    return
                yield record


async def tail(clients: Clients, place: TopicPartition, start: At | None, check: Check) -> AsyncIterator[Record]:
    """Records from `start`, or from now, on, as they come. A cluster that is away is waited for."""
    waiting = Waiting(f"Whoever follows {place.topic}/{place.partition}", STEADY_S)
    at: int | None = None
    while True:
        check()
        try:
            async with started(clients, _reader(clients)) as consumer:
                last = await _end_of(clients, consumer, place)
                if at is None:
                    at = last if start is None else await _offset(clients, consumer, place, start, last)
                _place(consumer, place, min(at, last))
                while True:
                    check()
                    for record in await _more(clients, consumer, place):
                        if record.offset >= at:
                            yield record
                            at = record.offset + 1
                    waiting.over()
        except BusError as error:
            await waiting.out(error)


async def count(clients: Clients, place: TopicPartition, start: int, check: Check) -> int:
    """How many records lie at or after `start`."""
    found = 0
    async for _ in read(clients, place, At(offset=start), None, check):
        found += 1
    return found


def _reader(clients: Clients) -> AIOKafkaConsumer:
    return clients.consumer(fetch_max_wait_ms=POLL_MS)


async def _offset(clients: Clients, consumer: AIOKafkaConsumer, place: TopicPartition, start: At, last: int) -> int:
    """Where `start` is; `last` if nothing was appended at or after its time."""
    if start.offset is not None:
        return start.offset
    with translating(clients.servers):
        found = (await consumer.offsets_for_times({place: start.time or 0}))[place]
    return last if found is None else int(found.offset)


def _place(consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> None:
    consumer.assign([place])
    consumer.seek(place, offset)


async def _more(clients: Clients, consumer: AIOKafkaConsumer, place: TopicPartition) -> list[Record]:
    with translating(clients.servers):
        found = await fetched(consumer, place, timeout_ms=POLL_MS)
    await asyncio.sleep(0)
    return [clients.record(record) for record in found.get(place, ())]
