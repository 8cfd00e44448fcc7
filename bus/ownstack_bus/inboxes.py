"""The inbox of a key, as the adapters give it to an actor."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from ownstack_bus.port import Record


class KeyInbox:
    """See ownstack_bus.port.Inbox."""

    __slots__ = (
        "_acknowledge",
        "_waiter",
        "key",
        "partition",
        "queue",
        "resting",
        "revoked",
        "taken",
        "task",
        "touched",
    )

    def __init__(self, partition: int, key: str, acknowledge: Acknowledge) -> None:
        """acknowledge: makes these offsets durable for this inbox."""
        self._acknowledge = acknowledge
        self._waiter: asyncio.Future[None] | None = None
        self.partition = partition
        self.key = key
        self.revoked = False
        self.queue: deque[Record] = deque()
        self.taken: dict[int, Record] = {}
        """By offset: given to the actor, and not acknowledged."""
        self.task: asyncio.Task[None] | None = None
        self.resting = False
        """Whether no actor runs although there is a task: it failed, and is not tried again yet."""
        self.touched = False
        """Whether the actor took or acknowledged anything since it was started."""

    def put(self, record: Record) -> None:
        """A record of this key."""
        self.queue.append(record)
        self._wake_up()

    def put_back(self) -> None:
        """What was taken and not acknowledged comes again, in order, before the rest."""
        self.queue.extendleft(self.taken[offset] for offset in sorted(self.taken, reverse=True))
        self.taken.clear()

    def revoke(self) -> None:
        """The key's partition has gone: nothing more is given."""
        self.revoked = True
        self._wake_up()

    async def get(self, timeout: float | None = None) -> Record | None:
        """See Inbox."""
        if not self.queue and not self.revoked:
            await self._wait(timeout)
        if not self.queue or self.revoked:
            return None
        record = self.queue.popleft()
        self.taken[record.offset] = record
        self.touched = True
        return record

    async def done(self, *records: Record) -> None:
        """See Inbox.

        Raises BusError: not durable; and ValueError for a record of another key.
        """
        for record in records:
            if record.key != self.key or record.partition != self.partition:
                raise ValueError(
                    f"{record.key!r} at {record.partition}/{record.offset} is not of the inbox of {self.key!r}"
                )
        self.touched = True
        await self._acknowledge(self, [record.offset for record in records])

    def acknowledged(self, offsets: Sequence[int]) -> None:
        """These are done: they never come again, not even those that were put back."""
        left = [offset for offset in offsets if self.taken.pop(offset, None) is None]
        if left and self.queue:
            self.queue = deque(record for record in self.queue if record.offset not in left)

    async def _wait(self, timeout: float | None) -> None:
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        timer = None if timeout is None else loop.call_later(timeout, _wake, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer:
                timer.cancel()

    def _wake_up(self) -> None:
        if self._waiter:
            _wake(self._waiter)


Acknowledge = Callable[[KeyInbox, Sequence[int]], Awaitable[None]]


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
