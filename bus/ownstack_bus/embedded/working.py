"""`work`: an actor per key, each with an inbox; what they acknowledge is kept, in whatever order they do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from ownstack_bus.actors import Actors
from ownstack_bus.embedded.ledger import Ledger
from ownstack_bus.embedded.log import Log
from ownstack_bus.embedded.reader import Cursor, Reader
from ownstack_bus.embedded.telling import Told
from ownstack_bus.embedded.writer import Writer
from ownstack_bus.inboxes import KeyInbox
from ownstack_bus.port import Actor, Record
from ownstack_bus.progress import Progress
from ownstack_bus.waiting import Waiting

logger = logging.getLogger(__name__)

BATCH = 1_000
MAX_TAKEN = 100_000
"""Records of one partition that are taken and not acknowledged; with more, the intake of that partition waits."""

MAX_SPAN = 1 << 20
"""Records from the first that is not acknowledged to the last that was taken: a bit each is kept with every commit."""


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

    def __init__(
        self, writer: Writer, reader: Reader, logs: Sequence[Log], consumer: str, actor: Actor, told: Told
    ) -> None:
        self._writer = writer
        self._told = told
        self._reader = reader
        self._logs = logs
        self._consumer = consumer
        self._of_partition = {log.place.partition: log for log in logs}
        self._actors = Actors(actor, self.acknowledge)
        self._intakes: dict[int, _Intake] = {}
        self._more = asyncio.Event()
        self._waiting = Waiting(repr(consumer))

    async def run(self) -> None:
        """Work until cancelled; then cancel the actors, and return when they have ended. A file that can't be read for
        now is waited for.

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
            await self._actors.end()

    async def acknowledge(self, inbox: KeyInbox, offsets: Sequence[int]) -> None:
        """These are done, durably.

        Raises BusError.
        """
        log = self._of_partition[inbox.partition]
        acks = [(self._consumer, log, offset) for offset in offsets]
        # `then`: what is durable counts, even if whoever waits for it is cancelled meanwhile.
        await self._writer.commit({}, acks=acks, then=partial(self._acknowledged, log, inbox.key, offsets))

    def _acknowledged(self, log: Log, key: str, offsets: Sequence[int]) -> None:
        if self._intakes[log.id].acknowledged(offsets):
            self._more.set()
        self._actors.acknowledged(log.place.partition, key, offsets)

    async def _start(self) -> None:
        consumer, ids = self._consumer, [log.id for log in self._logs]

        def progress(ledger: Ledger, _: object) -> dict[int, tuple[int, bytes]]:
            found = {log: ledger.progress(consumer, log) for log in ids}
            return {log: (progress.position, progress.encoded()) for log, progress in found.items()}

        # In the writer's thread, so after every acknowledgement that was submitted before.
        for log_id, (position, done) in (await self._waiting.through(lambda: self._writer.run(progress))).items():
            log = next(log for log in self._logs if log.id == log_id)
            self._intakes[log_id] = _Intake(Cursor(self._reader, log, position), Progress(position, done))
        self._told.begun()
        self._told.behind(intake.cursor for intake in self._intakes.values())

    async def _take_in(self) -> None:
        while True:
            self._more.clear()
            self._writer.check()
            for intake in self._intakes.values():
                if records := await self._waiting.through(intake.take):
                    self._told.taken(len(records), [intake.cursor])
                for record in records:
                    self._actors.hand_over(record)
            if not any(intake.ready for intake in self._intakes.values()):
                await self._more.wait()
            else:
                await asyncio.sleep(0)
