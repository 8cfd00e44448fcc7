"""`publish` on Kafka: through one idempotent producer, replaced when it may not be used any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from ownstack_bus.kafka.clients import MAX_RECORD_BYTES, Clients
from ownstack_bus.kafka.errors import translated
from ownstack_bus.kafka.starting import start
from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import BusError, Outgoing

logger = logging.getLogger(__name__)

BATCH_BYTES = 256 * 1024
"""Records of one partition that go out together."""

CLOSING_S = 5.0

Partitions = Callable[[str], Awaitable[int]]
Sent = asyncio.Future[Any]


class Publisher:
    """Publishes in the order of the calls; each within the time of a request, or not at all as far as is known."""

    def __init__(self, clients: Clients, partitions: Partitions) -> None:
        """partitions: how many a topic of ours has."""
        self._clients = clients
        self._partitions = partitions
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()
        self._deadline = clients.settings.request_timeout

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See Bus.

        Raises BusError: `unknown-topic`, `unknown-partition`, `record-too-large`, `bus-unavailable`, and what else
        `translated` tells.
        """
        until = asyncio.get_running_loop().time() + self._deadline
        sent: list[Sent] = []
        try:
            async with asyncio.timeout_at(until), self._turn:  # whoever calls first is written first
                routed = [(record, await route(record, self._partitions)) for record in records]
                producer = await self._started()
                for record, partition in routed:
                    sent.append(await self._send(producer, record, partition))
            async with asyncio.timeout_at(until):
                await asyncio.wait(sent)
        except (KafkaError, TimeoutError, OSError) as error:
            await self._drop(error)
            raise translated(error, self._clients.servers) from error
        await self._look_at(sent)

    async def _look_at(self, sent: Collection[Sent]) -> None:
        errors = [error for future in sent if (error := future.exception()) is not None]
        for error in errors:
            await self._drop(error)
            raise translated(error, self._clients.servers) from error

    async def close(self) -> None:
        """Let what is under way go out, and close the connections."""
        async with self._turn:
            producer, self._producer = self._producer, None
            if producer is None:
                return
            try:
                async with asyncio.timeout(CLOSING_S):
                    await producer.stop()
            except (KafkaError, TimeoutError, OSError) as error:
                logger.warning("Not all that was published has gone out: %r", error)
                await _cut_off(producer, error)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = self._clients.producer(max_batch_size=BATCH_BYTES)
            await start(self._clients, producer)
            self._producer = producer
        return self._producer

    async def _send(self, producer: AIOKafkaProducer, record: Outgoing, partition: int) -> Sent:
        """Hand a record over. What is returned is set once it is durable."""
        future: Sent = await producer.send(
            self._clients.topic(record.topic),
            record.value,
            key=record.key.encode(),
            partition=partition,
            headers=list(record.headers),
        )
        future.add_done_callback(_looked_at)
        return future

    async def _drop(self, error: BaseException) -> None:
        """After an error its sequence numbers may have a gap, which brokers refuse for ever.

        Whoever waits for it at the same time is told that the bus is unavailable.
        """
        producer, self._producer = self._producer, None
        if producer is not None:
            await _cut_off(producer, error)


async def route(record: Outgoing, partitions: Partitions) -> int:
    """The partition on which a record is to lie.

    Raises BusError `unknown-topic`, `unknown-partition`, `record-too-large`.
    """
    return place_of(record, await partitions(record.topic))


def place_of(record: Outgoing, count: int) -> int:
    """The same, where the topic has `count` partitions.

    Raises BusError `unknown-partition`, `record-too-large`.
    """
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


async def _cut_off(producer: AIOKafkaProducer, error: BaseException) -> None:
    """Close it without waiting for what it could not send: with idempotence it would try for ever."""
    producer._message_accumulator.fail_all(KafkaConnectionError(f"given up after {error!r}"))
    await producer.client.close()
    await producer.stop()
    sender = producer._sender.sender_task
    if sender is not None and not sender.done():
        await producer._sender.close()


def _looked_at(future: Sent) -> None:
    """Nobody may be there any more to look at its error: the caller was told another, or has been cancelled."""
    if not future.cancelled():
        future.exception()
