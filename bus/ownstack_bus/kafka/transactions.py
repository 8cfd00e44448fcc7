"""Transactions of one owner: outputs and input offsets, together or not at all.

Nothing is ever aborted: after an error or an unknown outcome the producer is dropped, and the next one under the same
id settles what it left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.publishing import BATCH_BYTES, send
from ownstack_bus.port import Outgoing

logger = logging.getLogger(__name__)

Routed = tuple[Outgoing, int]
"""A record to be written, and on which partition."""

TIMEOUT_MS = 15_000
"""After so long without an end the coordinator aborts a transaction."""

COMMIT_SHARE = 0.8
"""A commit has this share of the time of a request: aiokafka repeats one that timed out with the same epoch, and a
delayed one may end the next transaction."""

RETRY_MS = 10
"""The next transaction meets a retriable error while the last one is being completed; aiokafka's 100 ms are long."""

CLOSING_S = 5.0
TURN = 1_000
"""Others on the event loop get a turn after so many records."""


class Transactions:
    """Of one transactional id; fences whoever used it before."""

    def __init__(self, clients: Clients, name: str, group: str) -> None:
        """name: the transactional id. group: whose offsets are committed along."""
        self._clients = clients
        self._group = group
        self._producer: AIOKafkaProducer = clients.producer(
            transactional_id=name,
            transaction_timeout_ms=TIMEOUT_MS,
            retry_backoff_ms=RETRY_MS,
            max_batch_size=BATCH_BYTES,
        )

    async def start(self) -> None:
        """From here on no earlier producer of this id writes anything, and what it left is settled."""
        await self._producer.start()

    async def write(self, routed: Sequence[Routed], offsets: Mapping[TopicPartition, int]) -> None:
        """Write the records, and commit the offsets, all at once. Whatever it raises, the outcome is unknown."""
        producer = self._producer
        await producer.begin_transaction()
        sent: list[asyncio.Future[object]] = []
        for number, (record, partition) in enumerate(routed, 1):
            sent.append(await send(producer, self._clients, record, partition))
            if number % TURN == 0:
                await asyncio.sleep(0)
        if offsets:
            await producer.send_offsets_to_transaction(dict(offsets), self._group)
        if sent:
            await asyncio.gather(*sent)  # one that failed unnoticed would be missing beside the committed offsets
        async with asyncio.timeout(self._clients.settings.request_timeout * COMMIT_SHARE):
            await asyncio.shield(producer.commit_transaction())

    async def drop(self) -> None:
        """Let go of it; what is under way comes to its own end, whichever that is."""
        try:
            async with asyncio.timeout(CLOSING_S):
                await self._producer.stop()
        except (KafkaError, TimeoutError, OSError, AssertionError) as error:
            logger.info("a transactional producer did not close cleanly: %r", error)
