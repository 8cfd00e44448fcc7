"""One owner: a partition of the inputs, its processor, and its transactions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from ownstack_bus.attempts import FIRST_DELAY_S, Attempts, ProcessorFailed, decided, not_restored, trying
from ownstack_bus.clocks import PartitionTime, ticking, wall_clock
from ownstack_bus.kafka import reading
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import is_unexpected, passes, translated
from ownstack_bus.kafka.headway import Headway
from ownstack_bus.kafka.intake import Fetched, Intake
from ownstack_bus.kafka.reading import Check
from ownstack_bus.kafka.transactions import Routed, Transactions, routed
from ownstack_bus.port import PASSING, At, BusError, Outgoing, Processor, Record, Restored

logger = logging.getLogger(__name__)

SLICE = 16
"""So many inputs are decided before what they make is counted."""

MAX_OUTGOING = 10_000
"""A transaction is cut, between inputs, once it holds more than this."""

TURN = 500
"""Others on the event loop get a turn once so many outputs were made."""

LAST_DELAY_S = 5.0
LIVES = 5
"""So often in a row, with nothing committed in between, reading the history again counts as getting on."""
LAST_COMMIT_S = 1.0
_FOR_GOOD = frozenset({"bus-not-allowed", "bus-tls", "record-too-large"})

Factory = Callable[[int], Processor]


class Member(Protocol):
    """What an owner asks of the member of the group that it belongs to."""

    async def confirmed(self) -> None:
        """Return once the group counts this process as a member, with the partitions that it has."""

    async def positions(self, partition: int) -> Mapping[str, int]:
        """Per input topic where the last commit left off."""

    def restored(self, owner: Owner) -> None:
        """It takes inputs from here on, from the positions of its intake."""

    def passed(self, owner: Owner) -> None:
        """There may be room again in its intake."""

    def away(self, owner: Owner, error: Exception) -> None:
        """The cluster can't be reached, or not be used for now."""

    def dropped(self, transactions: Transactions) -> None:
        """Nobody uses these any more: they are to be let go of."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all owners of one `process` share. counts: the partitions of every topic."""

    clients: Clients
    member: Member
    service: str
    inputs: Sequence[str]
    history: str
    factory: Factory
    counts: Mapping[str, int]
    check: Check


class Owner:
    """Owns one partition from its assignment until it is cancelled.

    It goes on while the group rebalances, and after that, if the partition comes back. Should another process have had
    it meanwhile, that has fenced this owner's producer: its next transaction fails, and it begins anew.
    """

    def __init__(self, around: Surroundings, partition: int) -> None:
        self.partition = partition
        self.is_restored = False
        self.intake = Intake(around.inputs, around.clients.record)
        self.headway = Headway()
        self._around = around
        self._attempts = Attempts(partition)
        self._time = PartitionTime(0, wall_clock, ticking)
        self._read_up_to = -1
        self._lives = 0
        self._woken = 0
        self._delay = FIRST_DELAY_S
        self._submitted: Mapping[str, int] = {}
        self._committed: Mapping[str, int] = {}
        self._owing = False
        """Whether it was given inputs that are not committed."""
        self._in_flight: asyncio.Task[None] | None = None

    def feed(self, topic: str, records: Sequence[Fetched], end: int) -> None:
        """Take these; see Intake.add."""
        self.intake.add(topic, records, end)
        self._owing = True
        self.headway.expected()

    async def run(self) -> None:
        """Until cancelled. Raises BusError."""
        me = asyncio.current_task()
        while True:
            try:
                await self._one_life()
            except ProcessorFailed as failure:
                logger.error(
                    "The processor of partition %d failed, and is built anew",
                    self.partition,
                    exc_info=failure.__cause__,
                )
                self.intake.careful_until(failure.batch)
                await self._attempts.count(failure)
            except asyncio.CancelledError:
                if me is None or me.cancelling():
                    raise
                await self._wait(BusError("bus-unavailable", "A client of Kafka was closed under way."))
            except Exception as error:
                await self._wait(error)
            self._around.clients.meter.restarted(self._around.service, self.partition)

    async def _wait(self, error: Exception) -> None:
        """Before another life. Raises BusError for what does not pass by itself."""
        if not isinstance(error, BusError):
            found = translated(error, self._around.clients.servers)
            if found.code in _FOR_GOOD:
                raise found from error
        elif error.code not in PASSING:
            raise error
        if isinstance(error, BusError) or (passes(error) and not is_unexpected(error)):
            self._around.member.away(self, error)
            self.headway.excused()
        elif self._delay == FIRST_DELAY_S:
            fenced = _is_fenced(error)
            what = "was another process's meanwhile" if fenced else "begins anew from the log"
            name = self._around.service
            logger.warning("Partition %d of %r %s: %r", self.partition, name, what, error, exc_info=not fenced)
        await asyncio.sleep(self._delay)
        self._delay = min(self._delay * 2, LAST_DELAY_S)

    async def _one_life(self) -> None:
        """From the birth of a processor to its failure, or that of a transaction."""
        around = self._around
        self.headway.expected()
        await around.member.confirmed()
        name = around.clients.named(f"{around.service}.{around.inputs[0]}.{self.partition}")
        transactions = Transactions(around.clients, name, around.clients.named(around.service))
        try:
            await transactions.start()
            processor = await self._restore(transactions)
            self.is_restored = True
            around.member.restored(self)
            await self._serve(processor, transactions)
        finally:
            self.is_restored = False
            await self._let_end()
            around.member.dropped(transactions)

    async def _restore(self, transactions: Transactions) -> Processor:
        """A new processor, at the place where the last commit left off."""
        around = self._around
        committed = await around.member.positions(self.partition)
        if committed != self._committed:
            self._committed, self._owing = committed, False
            self.headway.made(more=True)
        processor = around.factory(self.partition)
        self._lives += 1
        if self._lives <= LIVES:
            self._read_up_to = -1
        restored = await self._restored(processor)
        self.intake.begin({topic: max(at, restored.positions.get(topic, 0)) for topic, at in committed.items()})
        self._submitted = committed
        if restored.outgoing:
            await transactions.write(*self._transaction(routed(restored.outgoing, around.counts)))
        if not self._owing:
            self.headway.made(more=False)
        return processor

    async def _restored(self, processor: Processor) -> Restored:
        around = self._around
        try:
            async with aclosing(self._history()) as tail:  # type: ignore[type-var]
                return await processor.restore(tail)
        except BusError:
            raise
        except Exception as error:
            if passes(error):
                raise
            raise not_restored(around.history, self.partition, error) from error

    async def _history(self) -> AsyncIterator[Record]:
        around = self._around
        place = around.clients.place(around.history, self.partition)
        async for record in reading.read(around.clients, place, At(offset=0), None, around.check):
            self._time.heard(record.timestamp)
            if record.offset > self._read_up_to:
                self._read_up_to = record.offset
                self.headway.made(more=True)
            yield record

    async def _serve(self, processor: Processor, transactions: Transactions) -> None:
        intake = self.intake
        while True:
            self._around.check()
            intake.more.clear()
            if self._in_flight is not None and self._in_flight.done():
                await self._settle()
            await self._wake(processor, transactions)
            batch = intake.peek()
            if batch:
                await self._handle(processor, transactions, batch)
            else:
                await self._rest(processor)

    async def _rest(self, processor: Processor) -> None:
        """Until there is more, a transaction has ended, or `wake` is due."""
        due, more = trying((), processor.wake_at), self.intake.more
        if due is None:
            await more.wait()
            return
        seconds = max((max(due, self._woken + 1) - self._time.now()) / 1000, 0)
        timer = asyncio.get_running_loop().call_later(seconds, more.set)
        try:
            await more.wait()
        finally:
            timer.cancel()

    async def _handle(self, processor: Processor, transactions: Transactions, batch: Sequence[Record]) -> None:
        outgoing: list[Outgoing] = []
        turned = 0
        self._time.heard(batch[-1].timestamp)
        for first in range(0, len(batch), SLICE):
            if len(outgoing) - turned > TURN:
                turned = len(outgoing)
                await asyncio.sleep(0)
            inputs = batch[first : first + SLICE]
            for record, made in zip(inputs, decided(processor, inputs), strict=True):
                outgoing += made
                self.intake.passed(record)
                if len(outgoing) > MAX_OUTGOING:
                    await self._commit(transactions, self._routed(batch, outgoing))
                    outgoing, turned = [], 0
        await self._commit(transactions, self._routed(batch, outgoing))
        self._around.clients.meter.batch(self._around.service, len(batch))
        self._around.member.passed(self)

    async def _wake(self, processor: Processor, transactions: Transactions) -> None:
        due = trying((), processor.wake_at)
        now = self._time.now()
        if due is None or due > now or now <= self._woken:
            return
        self._woken = now
        outgoing = self._routed((), trying((), lambda: processor.wake(now)))
        self._attempts.woken()
        if outgoing:
            await self._commit(transactions, outgoing)

    def _routed(self, batch: Sequence[Record], outgoing: Sequence[Outgoing]) -> list[Routed]:
        return trying(batch, lambda: routed(outgoing, self._around.counts))

    async def _commit(self, transactions: Transactions, records: list[Routed]) -> None:
        """Begin a transaction, once the one before has ended: the next batch is handled while this is under way."""
        made = self._transaction(records)
        await self._settle()
        self._in_flight = transactions.write(*made)
        self._in_flight.add_done_callback(lambda _: self.intake.more.set())

    def _transaction(self, records: list[Routed]) -> tuple[list[Routed], dict[TopicPartition, int]]:
        """With the positions that have changed since the last one."""
        before, self._submitted = self._submitted, dict(self.intake.positions)
        changed = {topic: at for topic, at in self._submitted.items() if at != before[topic]}
        return records, {self._around.clients.place(topic, self.partition): at for topic, at in changed.items()}

    async def _settle(self) -> None:
        """Wait for the transaction that is under way. Raises whatever that raises."""
        in_flight, self._in_flight = self._in_flight, None
        if in_flight is not None:
            await asyncio.shield(in_flight)
            self._delay, self._lives = FIRST_DELAY_S, 0
            self._committed, self._owing = self._submitted, bool(self.intake)
            self.headway.made(more=self._owing)
            for topic in self._around.inputs:
                behind = self.intake.behind(topic)
                self._around.clients.meter.lag(self._around.service, topic, self.partition, behind)

    async def _let_end(self) -> None:
        """This life is over, and what it has under way may well end in good order."""
        in_flight, self._in_flight = self._in_flight, None
        if in_flight is not None:
            await asyncio.wait({in_flight}, timeout=LAST_COMMIT_S)


def _is_fenced(error: BaseException) -> bool:
    return isinstance(error, ProducerFenced | InvalidProducerEpoch) or isinstance(error.__cause__, ProducerFenced)
