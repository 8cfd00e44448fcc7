"""`publish` on Kafka: through one idempotent producer, replaced when it may not be used any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import translated
from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import BusError, Outgoing

logger = logging.getLogger(__name__)

MAX_RECORD_BYTES = 1024 * 1024
"""A larger value is refused."""

BATCH_BYTES = 256 * 1024
"""Records of one partition that go out together."""

Partitions = Callable[[str], Awaitable[int]]


class Publisher:
    """Publishes in the order of the calls."""

    def __init__(self, clients: Clients, partitions: Partitions) -> None:
        """partitions: how many a topic of ours has."""
        self._clients = clients
        self._partitions = partitions
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See Bus.

        Raises BusError: `unknown-topic`, `unknown-partition`, `record-too-large`, `bus-unavailable`, and what else
        `translated` tells.
        """
        async with self._turn:  # whoever calls first is written first
            routed = [(record, await route(record, self._partitions)) for record in records]
            producer = await self._started()
            sent = await self._sent(producer, routed)
        errors = [error for error in await asyncio.gather(*sent, return_exceptions=True) if error is not None]
        for error in errors:
            if isinstance(error, BaseException):
                await self._drop(producer)
                raise translated(error, self._clients.servers) from error

    async def close(self) -> None:
        """Let what is under way go out, and close the connections."""
        async with self._turn:
            if self._producer is not None:
                await self._drop(self._producer)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = self._clients.producer(max_batch_size=BATCH_BYTES)
            try:
                await producer.start()
            except (KafkaError, TimeoutError, OSError) as error:
                await _stopped(producer)
                raise translated(error, self._clients.servers) from error
            self._producer = producer
        return self._producer

    async def _sent(
        self, producer: AIOKafkaProducer, routed: Sequence[tuple[Outgoing, int]]
    ) -> list[asyncio.Future[object]]:
        try:
            return [await send(producer, self._clients, record, partition) for record, partition in routed]
        except (KafkaError, TimeoutError, OSError) as error:
            await self._drop(producer)
            raise translated(error, self._clients.servers) from error

    async def _drop(self, producer: AIOKafkaProducer) -> None:
        """After an error its sequence numbers may have a gap, which brokers refuse for ever."""
        if self._producer is producer:
            self._producer = None
        await _stopped(producer)


async def send(
    producer: AIOKafkaProducer, clients: Clients, record: Outgoing, partition: int
) -> asyncio.Future[object]:
    """Hand a record over. What is returned is set once it is durable."""
    future: asyncio.Future[object] = await producer.send(
        clients.topic(record.topic),
        record.value,
        key=record.key.encode(),
        partition=partition,
        headers=list(record.headers),
    )
    return future


async def route(record: Outgoing, partitions: Partitions) -> int:
    """The partition on which a record is to lie.

    Raises BusError `unknown-topic`, `unknown-partition`, `record-too-large`.
    """
    count = await partitions(record.topic)
    if len(record.value) > MAX_RECORD_BYTES:
        raise BusError(
            "record-too-large",
            f"A record of {len(record.value)} bytes was to be written to {record.topic}; at most "
            f"{MAX_RECORD_BYTES} are possible. Split it, or write where its content is kept.",
        )
    if record.partition is None:
        return partition_of(record.key, count)
    if not 0 <= record.partition < count:
        raise BusError(
            "unknown-partition", f"{record.topic} has partitions 0 to {count - 1}, and no {record.partition}."
        )
    return record.partition


async def _stopped(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(5):
            await producer.stop()
    except (KafkaError, TimeoutError, OSError) as error:
        logger.warning("a producer did not close cleanly: %r", error)
