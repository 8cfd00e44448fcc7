"""Sees that a member gets on: records that wait and are not taken although the cluster is there stop it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ownstack_bus.port import BusError

logger = logging.getLogger(__name__)

Wanted = Callable[[], Mapping[TopicPartition, int]]
Lag = Callable[[TopicPartition, int], None]


class Watchdog:
    """Looks at the partitions of one consumer, a few times within `patience` seconds."""

    def __init__(self, consumer: AIOKafkaConsumer, wanted: Wanted, lag: Lag, patience: float) -> None:
        """wanted: the next offset wanted, for each partition whose records are to be taken. lag: told of each partition
        how many are waiting."""
        self._consumer = consumer
        self._wanted = wanted
        self._lag = lag
        self._patience = patience
        self._seen: dict[TopicPartition, tuple[int, float]] = {}
        """Per partition that is behind: how far it was, and since when."""

    async def run(self) -> None:
        """Look until cancelled.

        Raises BusError `bus-stalled`.
        """
        while True:
            await asyncio.sleep(self._patience / 10)
            wanted = dict(self._wanted())
            try:
                ends = await self._consumer.end_offsets(list(wanted)) if wanted else {}
            except KafkaError as error:  # nobody gets on without the cluster: that is waited out
                logger.debug("How much waits can't be seen now: %r", error)
                self._seen.clear()
                continue
            await self._compare(wanted, ends)

    async def _compare(self, wanted: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> None:
        behind = {}
        for place, offset in wanted.items():
            at = max(offset, await self._position(place)) if offset < ends[place] else offset
            self._lag(place, max(0, ends[place] - at))
            if at < ends[place]:
                behind[place] = at
        now = time.monotonic()
        before = self._seen
        self._seen = {
            place: before[place] if before.get(place, (-1, 0))[0] == at else (at, now) for place, at in behind.items()
        }
        for place, (at, since) in self._seen.items():
            if now - since > self._patience:
                raise BusError(
                    "bus-stalled",
                    f"{place.topic}/{place.partition}: records wait from offset {at} on, and for {now - since:.0f} "
                    "seconds none was given although the cluster answers. Start this process again.",
                )

    async def _position(self, place: TopicPartition) -> int:
        """Where the consumer is: after the last record there may be marks of transactions, which it passes over."""
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(1):
                position: int = await self._consumer.position(place)
                return position
        return -1
