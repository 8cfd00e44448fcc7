"""`work`: an actor per key, each with an inbox; what they acknowledge is kept, in whatever order they do."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from ownstack_bus.embedded.log import Log
from ownstack_bus.embedded.progress import Progress
from ownstack_bus.embedded.reader import Cursor, Reader
from ownstack_bus.embedded.writer import Writer
from ownstack_bus.port import Actor, Record

logger = logging.getLogger(__name__)

BATCH = 1_000
MAX_TAKEN = 100_000
"""Records of one partition that are taken and not acknowledged; with more, the intake of that partition waits."""

FIRST_DELAY_S = 0.05
LAST_DELAY_S = 30.0


class _Inbox:
    """See ownstack_bus.port.Inbox."""

    __slots__ = ("_group", "_log", "_waiter", "key", "queue", "revoked", "taken", "task", "touched")

    def __init__(self, group: Group, log: Log, key: str) -> None:
        self._group = group
        self._log = log
        self._waiter: asyncio.Future[None] | None = None
        self.key = key
        self.revoked = False
        self.queue: deque[Record] = deque()
        self.taken: dict[int, Record] = {}
        """By offset: given to the actor, and not acknowledged."""
        self.task: asyncio.Task[None] | None = None
        self.touched = False
        """Whether the actor took or acknowledged anything since it was started."""

    @property
    def identity(self) -> tuple[int, str]:
        """The key, and the log that it is on."""
        return (self._log.id, self.key)

    def put(self, record: Record) -> None:
        """A record of this key."""
        self.queue.append(record)
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def put_back(self) -> None:
        """What was taken and not acknowledged comes again, in order, before the rest."""
        self.queue.extendleft(self.taken[offset] for offset in sorted(self.taken, reverse=True))
        self.taken.clear()

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
            if record.key != self.key or record.partition != self._log.place.partition:
                raise ValueError(
                    f"{record.key!r} at {record.partition}/{record.offset} is not of the inbox of {self.key!r}"
                )
        self.touched = True
        await self._group.acknowledge(self._log, [record.offset for record in records])
        for record in records:
            self.taken.pop(record.offset, None)
        self._group.settle(self)

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


class Group:
    """The only member of a group: takes the records of a topic and hands them to the actors."""

    def __init__(self, writer: Writer, reader: Reader, logs: Sequence[Log], consumer: str, actor: Actor) -> None:
        self._writer = writer
        self._reader = reader
        self._logs = logs
        self._consumer = consumer
        self._actor = actor
        self._inboxes: dict[tuple[int, str], _Inbox] = {}
        self._taken = dict.fromkeys([log.id for log in logs], 0)
        self._more = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Work until cancelled; then cancel the actors, and return when they have ended.

        Raises BusError `bus-corrupt`, `bus-closed`.
        """
        for log in self._logs:
            log.listen(self._more)
        try:
            await self._take_in(await self._progress())
        finally:
            for log in self._logs:
                log.unlisten(self._more)
            await self._leave()

    async def acknowledge(self, log: Log, offsets: Sequence[int]) -> None:
        """These are done, durably.

        Raises BusError.
        """
        await self._writer.commit({}, acks=[(self._consumer, log, offset) for offset in offsets])
        self._taken[log.id] -= len(offsets)
        if self._taken[log.id] + len(offsets) >= MAX_TAKEN:
            self._more.set()

    def settle(self, inbox: _Inbox) -> None:
        """Keep an inbox no longer when nothing is in it and nobody works on it."""
        if inbox.task is None and not inbox.queue and not inbox.taken:
            self._inboxes.pop(inbox.identity, None)

    async def _progress(self) -> dict[int, Progress]:
        consumer, ids = self._consumer, [log.id for log in self._logs]
        return await self._writer.run(
            lambda ledger, _: {
                log: Progress(found.position, found.encoded())
                for log in ids
                if (found := ledger.progress(consumer, log))
            }
        )

    async def _take_in(self, progress: dict[int, Progress]) -> None:
        cursors = [Cursor(self._reader, log, progress[log.id].position) for log in self._logs]
        while True:
            self._more.clear()
            self._writer.check()
            waiting = True
            for cursor in cursors:
                log = cursor.log
                if self._taken[log.id] >= MAX_TAKEN:
                    continue
                for record in await cursor.take(BATCH):
                    if record.offset not in progress[log.id]:
                        self._hand_over(log, record)
                waiting = waiting and not cursor.behind
            if waiting:
                await self._more.wait()
            else:
                await asyncio.sleep(0)

    def _hand_over(self, log: Log, record: Record) -> None:
        self._taken[log.id] += 1
        identity = (log.id, record.key)
        inbox = self._inboxes.get(identity)
        if inbox is None:
            inbox = self._inboxes[identity] = _Inbox(self, log, record.key)
        inbox.put(record)
        if inbox.task is None:
            inbox.task = asyncio.get_running_loop().create_task(self._attend(inbox))

    async def _attend(self, inbox: _Inbox) -> None:
        """Run the actor of a key as long as there is something in its inbox."""
        delay = FIRST_DELAY_S
        try:
            while inbox.queue and not inbox.revoked:
                inbox.touched = False
                try:
                    await self._actor(inbox)
                    failed = not inbox.touched
                    if failed:
                        logger.error("The actor of %r ended without looking into its inbox", inbox.key)
                except Exception:
                    failed = True
                    inbox.put_back()
                    logger.exception("The actor of %r failed; what it did not acknowledge comes again", inbox.key)
                if failed:
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, LAST_DELAY_S)
                else:
                    delay = FIRST_DELAY_S
        finally:
            inbox.task = None
            self.settle(inbox)

    async def _leave(self) -> None:
        tasks = []
        for inbox in list(self._inboxes.values()):
            inbox.revoked = True
            if inbox.task:
                inbox.task.cancel()
                tasks.append(inbox.task)
        await asyncio.gather(*tasks, return_exceptions=True)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
