"""What a processor handles next, out of its input topics: by append time, each topic in its own order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ownstack_bus.attempts import Care
from ownstack_bus.embedded.log import Log
from ownstack_bus.embedded.reader import Cursor, Reader
from ownstack_bus.merging import by_time
from ownstack_bus.port import Record

BATCH = 256
"""Inputs handled at once: few enough that nobody else on the event loop waits long."""


class Inputs:
    """The logs of one partition, over all input topics."""

    def __init__(self, reader: Reader, logs: Sequence[Log]) -> None:
        self.logs = logs
        self.cursors = [Cursor(reader, log, 0) for log in logs]
        self.more = asyncio.Event()
        self._by_topic = {cursor.log.place.topic: cursor for cursor in self.cursors}
        self._care = Care()

    def listen(self) -> None:
        """Set `more` whenever something was appended."""
        for log in self.logs:
            log.listen(self.more)

    def unlisten(self) -> None:
        """The opposite of `listen`."""
        for log in self.logs:
            log.unlisten(self.more)

    async def wait(self, seconds: float | None) -> None:
        """Until there may be more, at most so long."""
        if seconds is None:
            await self.more.wait()
        elif seconds > 0:
            timer = asyncio.get_running_loop().call_later(seconds, self.more.set)
            try:
                await self.more.wait()
            finally:
                timer.cancel()

    async def peek(self) -> Sequence[Record]:
        """The next batch, by append time and then by the order of the topics; [] at the end."""
        limit = 1 if self._care.needed(self._positions()) else BATCH
        slices = [(await cursor.peek(limit))[:limit] for cursor in self.cursors]
        return by_time(slices, lambda record: record.offset + 1 < self._end(record))[:limit]

    def passed(self, record: Record) -> None:
        """This input is handled."""
        self._by_topic[record.topic].position = record.offset + 1

    def careful_until(self, batch: Sequence[Record]) -> None:
        """One of these failed: they come one by one from now on, until all are handled."""
        self._care.about(batch)

    def _positions(self) -> dict[str, int]:
        return {topic: cursor.position for topic, cursor in self._by_topic.items()}

    def _end(self, record: Record) -> int:
        return self._by_topic[record.topic].log.end
