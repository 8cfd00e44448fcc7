"""`process`: one owner per partition; what its processor makes and how far it is are committed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from ownstack_bus.attempts import Attempts, ProcessorFailed, decided, not_restored, trying
from ownstack_bus.embedded.inputs import Inputs
from ownstack_bus.embedded.ledger import Fence
from ownstack_bus.embedded.log import Log, Logs
from ownstack_bus.embedded.reader import Reader
from ownstack_bus.embedded.telling import Told
from ownstack_bus.embedded.times import Times
from ownstack_bus.embedded.writer import Writer
from ownstack_bus.port import BusError, Outgoing, Processor, Record, Restored
from ownstack_bus.waiting import Waiting

logger = logging.getLogger(__name__)

MAX_OUTGOING = 10_000
"""A transaction is cut, between inputs, once it holds more than this."""

SLICE = 16
"""So many inputs are decided before what they make is counted."""

TURN = 1_000
"""Others on the event loop get a turn once so many outputs were made. Not more often: with each turn, the threads that
wait for the interpreter's lock may take it for some milliseconds."""

Factory = Callable[[int], Processor]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every owner of one `process` shares. `consumer` is the name its positions are kept under."""

    writer: Writer
    reader: Reader
    logs: Logs
    route: Callable[[Sequence[Outgoing]], dict[Log, list[Outgoing]]]
    read: Callable[[str, int], AsyncIterator[Record]]
    times: Times
    consumer: str
    inputs: Sequence[str]
    history: str
    factory: Factory
    told: Told


async def process(around: Surroundings) -> None:
    """Run an owner per partition until cancelled.

    Raises BusError `processor-failed`, `bus-corrupt`, `bus-closed`, `unknown-topic`.
    """
    owners = [_Owner(around, partition) for partition in range(around.logs.partitions)]
    try:
        async with asyncio.TaskGroup() as group:
            for owner in owners:
                group.create_task(owner.run(), name=f"ownstack-bus {around.consumer} {owner.partition}")
    except BaseExceptionGroup as errors:
        failure = errors.exceptions[0]
    raise failure


class _Owner:
    """Owns one partition of the inputs, and builds its processor anew whenever that may be wrong."""

    def __init__(self, around: Surroundings, partition: int) -> None:
        self._around = around
        self.partition = partition
        self._inputs = Inputs(around.reader, [around.logs.at(topic, partition) for topic in around.inputs])
        self._time = around.times.of(partition)
        self._fence = Fence()
        self._in_flight: asyncio.Future[None] | None = None
        self._woken = 0
        self._attempts = Attempts(partition)
        self._waiting = Waiting(f"Partition {partition} of {around.consumer!r}")

    async def run(self) -> None:
        """Until cancelled, or BusError."""
        self._inputs.listen()
        try:
            while True:
                await self._one_life()
                self._around.told.restarted(self.partition)
        finally:
            self._inputs.unlisten()

    async def _one_life(self) -> None:
        """From the birth of a processor to its failure, or that of a commit."""
        try:
            processor = await self._restore()
            self._around.told.restored(self.partition)
            self._around.told.behind(self._inputs.cursors)
            await self._serve(processor)
        except ProcessorFailed as failure:
            logger.error(
                "The processor of partition %d failed, and is built anew", self.partition, exc_info=failure.__cause__
            )
            self._inputs.careful_until(failure.batch)
            await self._attempts.count(failure)
        except BusError as error:
            await self._until_writable(error)

    async def _restore(self) -> Processor:
        """A new processor, at the place where the last commit left off."""
        around = self._around
        await self._settle()
        self._fence = Fence()
        processor = around.factory(self.partition)
        consumer, logs = around.consumer, self._inputs.logs
        # In the writer's thread, so after every commit that an earlier owner has submitted.
        committed = await around.writer.run(
            lambda ledger, _: [ledger.progress(consumer, log.id).position for log in logs]
        )
        async with aclosing(around.read(around.history, self.partition)) as tail:  # type: ignore[type-var]
            restored = await self._restored(processor, tail)
        for cursor, position in zip(self._inputs.cursors, committed, strict=True):
            cursor.position = max(position, restored.positions.get(cursor.log.place.topic, 0))
        if restored.outgoing:
            await self._commit(around.route(restored.outgoing))
            await self._settle()
        return processor

    async def _restored(self, processor: Processor, tail: AsyncIterator[Record]) -> Restored:
        try:
            return await processor.restore(tail)
        except BusError:
            raise
        except Exception as error:
            raise not_restored(self._around.history, self.partition, error) from error

    async def _serve(self, processor: Processor) -> None:
        inputs = self._inputs
        while True:
            self._around.writer.check()
            inputs.more.clear()
            if self._in_flight and self._in_flight.done():
                await self._settle()
            await self._wake(processor)
            batch = await inputs.peek()
            if batch:
                await self._handle(processor, batch)
                self._around.told.taken(len(batch), inputs.cursors)
            else:
                await inputs.wait(self._until_due(processor))

    async def _handle(self, processor: Processor, batch: Sequence[Record]) -> None:
        outgoing: list[Outgoing] = []
        turned = 0
        for first in range(0, len(batch), SLICE):
            if len(outgoing) - turned > TURN:
                turned = len(outgoing)
                await asyncio.sleep(0)
            inputs = batch[first : first + SLICE]
            for record, made in zip(inputs, decided(processor, inputs), strict=True):
                outgoing += made
                self._inputs.passed(record)
                if len(outgoing) > MAX_OUTGOING:
                    await self._commit(trying(batch, partial(self._around.route, outgoing)))
                    outgoing, turned = [], 0
        await self._commit(trying(batch, partial(self._around.route, outgoing)))

    async def _wake(self, processor: Processor) -> None:
        due = trying((), processor.wake_at)
        now = self._time.now()
        if due is None or due > now or now <= self._woken:
            return
        self._woken = now
        outgoing = trying((), lambda: self._around.route(processor.wake(now)))
        self._attempts.woken()
        if outgoing:
            await self._commit(outgoing)

    def _until_due(self, processor: Processor) -> float | None:
        """Seconds until `wake` is due; None: it isn't."""
        due = trying((), processor.wake_at)
        return None if due is None else (max(due, self._woken + 1) - self._time.now()) / 1000

    async def _commit(self, routed: dict[Log, list[Outgoing]]) -> None:
        """Hand over a commit, and wait for the one before: the next batch is handled while this one is under way."""
        consumer = self._around.consumer
        positions = [(consumer, cursor.log, cursor.position) for cursor in self._inputs.cursors]
        before = self._in_flight
        self._in_flight = self._around.writer.commit(routed, positions, fence=self._fence)
        self._in_flight.add_done_callback(self._committed)
        if before:
            await before

    def _committed(self, future: asyncio.Future[None]) -> None:
        # The error is looked at here: nobody may be left who awaits it.
        if not future.cancelled() and future.exception() is None:
            self._waiting.over()
        self._inputs.more.set()

    async def _settle(self) -> None:
        """Wait for the commit that is under way.

        Raises BusError if it failed.
        """
        in_flight, self._in_flight = self._in_flight, None
        if in_flight:
            await in_flight

    async def _until_writable(self, error: BusError) -> None:
        """Wait, longer and longer until a commit succeeds. A small write is tried first: restoring may be long.

        Raises BusError for what does not pass by itself.
        """
        self._in_flight = None
        while True:
            await self._waiting.out(error)
            try:
                return await self._around.writer.probe()
            except BusError as again:
                error = again
