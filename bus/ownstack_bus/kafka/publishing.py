"""`publish` on Kafka: through one idempotent producer, replaced when it may not be used any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ownstack_bus.kafka.clients import MAX_RECORD_BYTES, MAX_REQUEST_BYTES, Clients
from ownstack_bus.kafka.ending import Sent, close, cut_off, looked_at
from ownstack_bus.kafka.errors import translated
from ownstack_bus.kafka.starting import begin
from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import BusError, Outgoing

logger = logging.getLogger(__name__)

BATCH_BYTES = 256 * 1024
"""Records of one partition that go out together."""

FRAME_BYTES = 1024
"""More than a batch and a record need beside what they carry."""

HEADER_FRAME_BYTES = 8
"""And each header, for its two lengths."""

Partitions = Callable[[str], Awaitable[int]]


class Publisher:
    """Publishes in the order of the calls; each within the time of a request, or not at all as far as is known."""

    def __init__(self, clients: Clients, partitions: Partitions) -> None:
        """partitions: how many a topic of ours has."""
        self._clients = clients
        self._partitions = partitions
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        self._deadline = clients.settings.request_timeout

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See Bus.

        Raises BusError: `unknown-topic`, `unknown-partition`, `record-too-large`, `bus-unavailable`, and what else
        `translated` tells.
        """
        until = asyncio.get_running_loop().time() + self._deadline
        sent: list[Sent] = []
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout_at(until), self._turn:  # whoever calls first is written first
                routed = [(record, await route(record, self._partitions)) for record in records]
                producer = await self._started()
                for record, partition in routed:
                    sent.append(await self._send(producer, record, partition))
            async with asyncio.timeout_at(until):
                await asyncio.wait(sent)
        except (KafkaError, TimeoutError, OSError) as error:
            self._drop(producer, error)
            raise translated(error, self._clients.servers) from error
        for future in sent:
            if (failed := future.exception()) is not None:
                self._drop(producer, failed)
                raise translated(failed, self._clients.servers) from failed

    async def close(self) -> None:
        """Let what is under way go out, and close the connections."""
        async with self._turn:
            producer, self._producer = self._producer, None
            if producer is not None and not await close(producer):
                servers = self._clients.servers
                logger.warning("What was being published is given up: Kafka at %s does not answer", servers)
            await asyncio.gather(*self._ending)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = self._clients.producer(max_batch_size=BATCH_BYTES)
            await begin(self._clients, producer)
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
        future.add_done_callback(looked_at)
        return future

    def _drop(self, producer: AIOKafkaProducer | None, error: BaseException) -> None:
        """After an error its sequence numbers may have a gap, which brokers refuse for ever.

        Whoever waits for it at the same time is told that the bus is unavailable.
        """
        if producer is None or producer is not self._producer:
            return
        self._producer = None
        logger.info("Another producer is needed after %r", error)
        ending = asyncio.create_task(cut_off(producer))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


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
    if (size := _size(record)) > MAX_REQUEST_BYTES:
        raise BusError(
            "record-too-large",
            f"A record for {record.topic} has {size} bytes with its key and headers; at most {MAX_REQUEST_BYTES} are "
            "possible. Give it a shorter key, or fewer headers.",
        )
    if record.partition is None:
        return partition_of(record.key, count)
    if not 0 <= record.partition < count:
        raise BusError(
            "unknown-partition", f"{record.topic} has partitions 0 to {count - 1}, and no {record.partition}."
        )
    return record.partition


def _size(record: Outgoing) -> int:
    """On the wire, alone in its batch: at least what it is."""
    headers = sum(HEADER_FRAME_BYTES + len(name.encode()) + len(value) for name, value in record.headers)
    return FRAME_BYTES + len(record.key.encode()) + len(record.value) + headers
