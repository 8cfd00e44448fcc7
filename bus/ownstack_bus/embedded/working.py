"""`work`: an actor per key, each with an inbox; what they acknowledge is kept, in whatever order they do."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from functools import partial

from ownstack_bus.embedded.ledger import Ledger
from ownstack_bus.embedded.log import Log
from ownstack_bus.embedded.progress import Progress
from ownstack_bus.embedded.reader import Cursor, Reader
from ownstack_bus.embedded.writer import Writer
from ownstack_bus.port import Actor, Record

logger = logging.getLogger(__name__)

BATCH = 1_000
MAX_TAKEN = 100_000
"""Records of one partition that are taken and not acknowledged; with more, the intake of that partition waits."""

MAX_SPAN = 1 << 20
"""Records from the first that is not acknowledged to the last that was taken: a bit each is kept with every commit."""

FIRST_DELAY_S = 0.05
LAST_DELAY_S = 30.0


class _Inbox:
    """See ownstack_bus.port.Inbox."""

    __slots__ = ("_group", "_waiter", "key", "log", "queue", "revoked", "taken", "task", "touched")

    def __init__(self, group: Group, log: Log, key: str) -> None:
        self._group = group
        self.log = log
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
        return (self.log.id, self.key)

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
            if record.key != self.key or record.partition != self.log.place.partition:
                raise ValueError(
                    f"{record.key!r} at {record.partition}/{record.offset} is not of the inbox of {self.key!r}"
                )
        self.touched = True
        await self._group.acknowledge(self, [record.offset for record in records])

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


class _Intake:
    """What was taken of one partition, and how much more may be."""

    __slots__ = ("_paused", "_progress", "_taken", "cursor")

    def __init__(self, cursor: Cursor, progress: Progress) -> None:
        self.cursor = cursor
        self._progress = progress
        self._taken = 0
        self._paused = False

    @property
    def ready(self) -> bool:
        """Whether there is more, and room for it."""
        return self.cursor.behind and not self._paused

    @property
    def _full(self) -> bool:
        return self._taken >= MAX_TAKEN or self.cursor.position - self._progress.position >= MAX_SPAN

    async def take(self) -> list[Record]:
        """The next records that are not done."""
        if not self.ready:
            return []
        self._progress.skip(self.cursor.log.start)
        records = await self.cursor.take(BATCH)
        wanted = [record for record in records if record.offset not in self._progress]
        self._taken += len(wanted)
        if self._full:
            self._paused = True
            logger.warning(
                "%s/%d: %d records wait for their acknowledgement, the oldest at %d; no more are taken until some come",
                self.cursor.log.place.topic,
                self.cursor.log.place.partition,
                self._taken,
                self._progress.position,
            )
        return wanted

    def acknowledged(self, offsets: Sequence[int]) -> bool:
        """These are done. Whether that makes room, and there was none."""
        for offset in offsets:
            self._taken -= self._progress.add(offset)
        if not self._paused:
            return False
        self._progress.skip(self.cursor.log.start)
        self._paused = self._full
        return not self._paused


class Group:
    """The only member of a group: takes the records of a topic and hands them to the actors."""

    def __init__(self, writer: Writer, reader: Reader, logs: Sequence[Log], consumer: str, actor: Actor) -> None:
        self._writer = writer
        self._reader = reader
        self._logs = logs
        self._consumer = consumer
        self._actor = actor
        self._inboxes: dict[tuple[int, str], _Inbox] = {}
        self._intakes: dict[int, _Intake] = {}
        self._more = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled; then cancel the actors, and return when they have ended.

        Raises BusError `bus-corrupt`, `bus-closed`.
        """
        for log in self._logs:
            log.listen(self._more)
        try:
            await self._start()
            await self._take_in()
        finally:
            for log in self._logs:
                log.unlisten(self._more)
            await self._leave()

    async def acknowledge(self, inbox: _Inbox, offsets: Sequence[int]) -> None:
        """These are done, durably.

        Raises BusError.
        """
        acks = [(self._consumer, inbox.log, offset) for offset in offsets]
        # `then`: what is durable counts, even if whoever waits for it is cancelled meanwhile.
        await self._writer.commit({}, acks=acks, then=partial(self._acknowledged, inbox, offsets))

    def settle(self, inbox: _Inbox) -> None:
        """Keep an inbox no longer when nothing is in it and nobody works on it."""
        if inbox.task is None and not inbox.queue and not inbox.taken:
            self._inboxes.pop(inbox.identity, None)

    def _acknowledged(self, inbox: _Inbox, offsets: Sequence[int]) -> None:
        intake = self._intakes[inbox.log.id]
        if intake.acknowledged(offsets):
            self._more.set()
        inbox.acknowledged(offsets)
        self.settle(inbox)

    async def _start(self) -> None:
        consumer, ids = self._consumer, [log.id for log in self._logs]

        def progress(ledger: Ledger, _: object) -> dict[int, tuple[int, bytes]]:
            found = {log: ledger.progress(consumer, log) for log in ids}
            return {log: (progress.position, progress.encoded()) for log, progress in found.items()}

        # In the writer's thread, so after every acknowledgement that was submitted before.
        for log_id, (position, done) in (await self._writer.run(progress)).items():
            log = next(log for log in self._logs if log.id == log_id)
            self._intakes[log_id] = _Intake(Cursor(self._reader, log, position), Progress(position, done))

    async def _take_in(self) -> None:
        while True:
            self._more.clear()
            self._writer.check()
            for intake in self._intakes.values():
                for record in await intake.take():
                    self._hand_over(intake.cursor.log, record)
            if not any(intake.ready for intake in self._intakes.values()):
                await self._more.wait()
            else:
                await asyncio.sleep(0)

    def _hand_over(self, log: Log, record: Record) -> None:
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
                except (Exception, asyncio.CancelledError):
                    if inbox.revoked:
                        raise
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
