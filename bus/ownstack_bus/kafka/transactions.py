"""Transactions of one owner: outputs and input offsets, together or not at all.

Nothing is ever aborted: after an error or an unknown outcome the producer is dropped, and the next one under the same
id settles what it left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.ending import close, looked_at
from ownstack_bus.kafka.publishing import place_of
from ownstack_bus.kafka.starting import start
from ownstack_bus.port import BusError, Outgoing

logger = logging.getLogger(__name__)

Routed = tuple[Outgoing, int]
"""A record to be written, and on which partition."""

TIMEOUT_MS = 15_000
"""After so long without an end the coordinator aborts a transaction."""

SHARE = 0.8
"""A transaction has this share of the time of a request: aiokafka repeats an end that timed out with the same epoch,
and a delayed one may end the next transaction."""

RETRY_MS = 10
"""The next transaction meets a retriable error while the last one is being completed; aiokafka's 100 ms are long."""

BATCH_BYTES = 512 * 1024
"""Records of one partition that go out together."""

STARTING_S = 30.0
TURN = 1_000
"""Others on the event loop get a turn after so many records."""


def routed(outgoing: Sequence[Outgoing], counts: Mapping[str, int]) -> list[Routed]:
    """Where each record is to lie. counts: the partitions of each topic.

    Raises BusError `unknown-topic`, `unknown-partition`, `record-too-large`.
    """
    found = []
    for record in outgoing:
        count = counts.get(record.topic)
        if count is None:
            raise BusError("unknown-topic", f"There is no topic {record.topic!r}. There are {', '.join(counts)}.")
        found.append((record, place_of(record, count)))
    return found


class Transactions:
    """Of one transactional id; fences whoever used it before."""

    def __init__(self, clients: Clients, name: str, group: str) -> None:
        """name: the transactional id. group: whose offsets are committed along."""
        self._clients = clients
        self._group = group
        self._deadline = clients.settings.request_timeout * SHARE
        self._under_way: asyncio.Task[None] | None = None
        self._producer: AIOKafkaProducer = clients.producer(
            transactional_id=name,
            transaction_timeout_ms=TIMEOUT_MS,
            retry_backoff_ms=RETRY_MS,
            max_batch_size=BATCH_BYTES,
        )

    async def start(self) -> None:
        """From here on no earlier producer of this id writes anything, and what it left is settled."""
        async with asyncio.timeout(STARTING_S):
            await start(self._producer)

    def write(self, records: Sequence[Routed], offsets: Mapping[TopicPartition, int]) -> asyncio.Task[None]:
        """Write the records, and commit the offsets, all at once; one after another.

        Whatever the task raises, and if it is not awaited to its end: the outcome is unknown.
        """
        self._under_way = asyncio.create_task(self._write(records, offsets))
        self._under_way.add_done_callback(looked_at)
        return self._under_way

    async def _write(self, records: Sequence[Routed], offsets: Mapping[TopicPartition, int]) -> None:
        producer = self._producer
        async with asyncio.timeout(self._deadline):
            await producer.begin_transaction()
            sent = await self._send(records)
            if offsets:
                sent.append(asyncio.ensure_future(producer.send_offsets_to_transaction(dict(offsets), self._group)))
            # One that failed unnoticed would be missing beside the committed offsets.
            await asyncio.gather(*sent)
            await asyncio.shield(producer.commit_transaction())

    async def _send(self, records: Sequence[Routed]) -> list[asyncio.Future[Any]]:
        """Hand the records over, many at a time: a future for each would take longer than all the rest."""
        producer, sent = self._producer, []
        batches: dict[tuple[str, int], Any] = {}
        for number, (record, partition) in enumerate(records, 1):
            place = (record.topic, partition)
            batch = batches.get(place)
            if batch is None or not _append(batch, record):
                if batch is not None:
                    sent.append(await self._hand_over(batch, place))
                batch = batches[place] = producer.create_batch()
                _append(batch, record)
            if number % TURN == 0:
                await asyncio.sleep(0)
        return sent + [await self._hand_over(batch, place) for place, batch in batches.items()]

    async def _hand_over(self, batch: Any, place: tuple[str, int]) -> asyncio.Future[Any]:
        topic, partition = place
        future: asyncio.Future[Any] = await self._producer.send_batch(
            batch, self._clients.topic(topic), partition=partition
        )
        future.add_done_callback(looked_at)
        return future

    async def drop(self) -> None:
        """Let go of it. What is under way is begun no further; the outcome is what the cluster has."""
        if self._under_way is not None:
            self._under_way.cancel()
        if not await close(self._producer):
            logger.info("what a transactional producer had not sent is given up")


def _append(batch: Any, record: Outgoing) -> bool:
    """Whether there was room for it; in an empty batch there always is."""
    made = batch.append(timestamp=None, key=record.key.encode(), value=record.value, headers=list(record.headers))
    return made is not None
