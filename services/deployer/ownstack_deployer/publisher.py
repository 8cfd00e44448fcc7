"""Publishes in batches: all that is said in one turn of the loop, or while a batch is under way, goes out together."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ownstack_bus.port import BusError, Outgoing

logger = logging.getLogger(__name__)

MOST_RECORDS = 5_000
MOST_BYTES = 1 << 20
"""More are cut into several batches."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before a failed batch is published again; doubles each time."""

Sleep = Callable[[float], Awaitable[None]]


class Publishes(Protocol):
    """The part of the bus that is needed here."""

    async def publish(self, records: Sequence[Outgoing]) -> None: ...


@dataclass(slots=True)
class _Batch:
    records: list[Outgoing] = field(default_factory=list)
    size: int = 0
    durable: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self, size: int) -> bool:
        """Whether there is room for a record of so many bytes; when it is empty there always is."""
        return not self.records or (len(self.records) < MOST_RECORDS and self.size + size <= MOST_BYTES)


class Publisher:
    """Keeps the order in which records were added; publishes a batch again, with the same ids, until it is durable."""

    def __init__(
        self, bus: Publishes, what: str, *, sleep: Sleep = asyncio.sleep, most_waiting: int = 32 << 20
    ) -> None:
        """`what` is published: for the log. `most_waiting`: bytes above which `room` waits."""
        self._bus = bus
        self._what = what
        self._sleep = sleep
        self._most_waiting = most_waiting
        self._batches: deque[_Batch] = deque()
        self._wanted = asyncio.Event()
        self._waiting = 0
        self._under_way: _Batch | None = None

    def add(self, record: Outgoing) -> asyncio.Event:
        """Publish it soon. Returns what is set once it is durable."""
        size = len(record.value)
        if not self._batches or not self._batches[-1].takes(size):
            self._batches.append(_Batch())
        batch = self._batches[-1]
        batch.records.append(record)
        batch.size += size
        self._waiting += size
        self._wanted.set()
        return batch.durable

    async def room(self) -> None:
        """Wait while too much has not been published yet."""
        while self._waiting > self._most_waiting:
            await self._oldest().wait()

    async def flushed(self) -> None:
        """Wait until all that was added is durable."""
        while self._waiting:
            await self._oldest().wait()

    def _oldest(self) -> asyncio.Event:
        return self._under_way.durable if self._under_way is not None else self._batches[0].durable

    @property
    def waiting(self) -> int:
        """How many bytes are not durable yet."""
        return self._waiting

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await asyncio.sleep(0)  # whoever is ready in this turn of the loop adds to the batch
            while self._batches:
                self._under_way = self._batches.popleft()
                await self._publish(self._under_way.records)
                self._waiting -= self._under_way.size
                self._under_way.durable.set()
                self._under_way = None

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        """All but those that fit into no record of the bus: they would hold up the others for ever."""
        if await self._heard(records):
            return
        if len(records) == 1:
            logger.error("One of the %s is lost, as it is too large: %s", self._what, _described(records[0]))
            return
        middle = len(records) // 2
        await self._publish(records[:middle])
        await self._publish(records[middle:])

    async def _heard(self, records: Sequence[Outgoing]) -> bool:
        """Publish until it is durable. False: one of them is too large."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._bus.publish(records)
            except Exception as error:
                if isinstance(error, BusError) and error.code == "record-too-large":
                    return False
                # Whatever else the adapter met, what was seen on stacks must not be lost: it is said until it is heard.
                logger.exception("%d %s could not be published; again in %.1f s", len(records), self._what, pause)
                await self._sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return True


def _described(record: Outgoing) -> str:
    """Without its value, which may hold secrets."""
    return f"to {record.topic}, {len(record.value)} bytes, key {record.key[:100]!r}"
