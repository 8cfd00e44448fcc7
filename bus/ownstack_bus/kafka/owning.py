"""One owner: a partition of the inputs, its processor, and its transactions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ProducerFenced
from aiokafka.structs import ConsumerRecord

from ownstack_bus.attempts import FIRST_DELAY_S, Attempts, ProcessorFailed, decided, not_restored, trying
from ownstack_bus.clocks import PartitionTime, ticking, wall_clock
from ownstack_bus.kafka import reading
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import passes, translated
from ownstack_bus.kafka.reading import Check
from ownstack_bus.kafka.transactions import Routed, Transactions
from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import At, BusError, Outgoing, Processor, Record, Restored

logger = logging.getLogger(__name__)

BATCH = 1_000
"""Inputs taken at once."""

SLICE = 16
"""So many inputs are decided before what they make is counted."""

MAX_OUTGOING = 10_000
"""A transaction is cut, between inputs, once it holds more than this."""

POLL_MS = 500
LAST_DELAY_S = 5.0

Factory = Callable[[int], Processor]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all owners of one `process` share.

    partitions: of every topic. restored: told when a partition is. rejoin: asks the group anew whose they are.
    member: whether the group still knows this process.
    """

    clients: Clients
    consumer: AIOKafkaConsumer
    service: str
    inputs: Sequence[str]
    history: str
    factory: Factory
    partitions: Mapping[str, int]
    check: Check
    restored: Callable[[int], None]
    rejoin: Callable[[], None]
    member: Callable[[], asyncio.Future[bool]]


class Owner:
    """Owns one partition from its assignment until it is assigned to somebody else.

    While the group rebalances it is suspended: it takes nothing, and goes on where it was if the partition comes back.
    Should another process have had it meanwhile, that has fenced this owner's producer, and its next transaction fails.
    """

    def __init__(self, around: Surroundings, partition: int) -> None:
        self.partition = partition
        self._around = around
        self._places = {around.clients.place(topic, partition): topic for topic in around.inputs}
        self._assigned = asyncio.Event()
        self._assigned.set()
        self._positions: dict[TopicPartition, int] = {}
        self._placed = False
        self._careful: dict[TopicPartition, int] = {}
        self._attempts = Attempts(partition)
        self._time = PartitionTime(0, wall_clock, ticking)
        self._woken = 0
        self._delay = FIRST_DELAY_S
        self._lives = 0
        self.busy_since: float | None = None
        """Since when, on the loop's clock, it has had inputs that are not committed."""

    def suspend(self) -> None:
        """A rebalance begins."""
        self._assigned.clear()
        self._placed = False

    def resume(self) -> None:
        """The partition is ours still."""
        self._assigned.set()

    async def run(self) -> None:
        """Until cancelled, or fenced: then the group is asked anew. Raises BusError."""
        while True:
            transactions = self._new_transactions()
            try:
                await self._one_life(transactions)
            except ProducerFenced:
                return self._lost()
            except ProcessorFailed as failure:
                logger.error(
                    "The processor of partition %d failed, and is built anew",
                    self.partition,
                    exc_info=failure.__cause__,
                )
                self._be_careful(failure.batch)
                await self._attempts.count(failure)
            except BusError as error:
                if error.code != "bus-unavailable":
                    raise
                await self._wait(error)
            except Exception as error:
                if _is_fenced(error):
                    return self._lost()
                await self._wait(error)
            finally:
                await asyncio.shield(transactions.drop())
            self._around.clients.meter.restarted(self._around.service, self.partition)
            if not await self._around.member():
                return self._lost()

    def _new_transactions(self) -> Transactions:
        around = self._around
        name = around.clients.named(f"{around.service}.{around.inputs[0]}.{self.partition}")
        return Transactions(around.clients, name, around.clients.named(around.service))

    def _lost(self) -> None:
        logger.warning("Partition %d of %r is another process's: it is let go of", self.partition, self._around.service)
        self._around.rejoin()

    async def _wait(self, error: Exception) -> None:
        """Before another life after what may pass by itself. Raises BusError for what does not."""
        if not isinstance(error, BusError | AssertionError) and not passes(error):
            raise translated(error, self._around.clients.servers) from error
        logger.warning("Partition %d of %r begins anew: %r", self.partition, self._around.service, error)
        await asyncio.sleep(self._delay)
        self._delay = min(self._delay * 2, LAST_DELAY_S)

    async def _one_life(self, transactions: Transactions) -> None:
        """From the birth of a processor to its failure, or that of a transaction."""
        await transactions.start()
        processor = await self._restore(transactions)
        self._around.restored(self.partition)
        while True:
            self._around.check()
            await self._own()
            await self._wake(processor, transactions)
            batch = await self._take(self._until_due(processor))
            if batch:
                await self._handle(processor, transactions, batch)

    async def _own(self) -> None:
        """Wait while the group rebalances, and be at the right places after that."""
        while not self._placed:
            await self._assigned.wait()
            consumer = self._around.consumer
            for place, position in self._positions.items():
                consumer.seek(place, position)
            consumer.resume(*self._positions)
            self._placed = True

    async def _restore(self, transactions: Transactions) -> Processor:
        """A new processor, at the place where the last commit left off."""
        around = self._around
        committed = {place: await around.consumer.committed(place) for place in self._places}
        beginnings = await around.consumer.beginning_offsets(list(self._places))
        processor = around.factory(self.partition)
        restored = await self._restored(processor)
        self._positions = {
            place: max(committed[place] or beginnings[place], beginnings[place], restored.positions.get(topic, 0))
            for place, topic in self._places.items()
        }
        self._placed = False
        if restored.outgoing:
            await transactions.write(self._routed(restored.outgoing), self._positions)
        return processor

    async def _restored(self, processor: Processor) -> Restored:
        around = self._around
        place = around.clients.place(around.history, self.partition)
        records = reading.read(around.clients, place, At(offset=0), None, around.check)
        try:
            async with aclosing(records) as tail:  # type: ignore[type-var]
                return await processor.restore(tail)
        except BusError:
            raise
        except Exception as error:
            if passes(error):
                raise
            raise not_restored(around.history, self.partition, error) from error

    async def _take(self, timeout_ms: int) -> list[Record]:
        limit = 1 if self._is_careful() else BATCH
        found = await self._around.consumer.getmany(*self._places, timeout_ms=timeout_ms, max_records=limit)
        if not self._placed:
            return []  # taken while a rebalance began: it is taken again once the places are set
        return self._merged([records for records in found.values() if records])

    def _merged(self, found: Sequence[Sequence[ConsumerRecord[bytes, bytes]]]) -> list[Record]:
        """By append time, each topic in its own order."""
        record = self._around.clients.record
        slices = [[record(one) for one in records] for records in found]
        if not slices:
            return []
        batch = slices[0] if len(slices) == 1 else list(merge(*slices, key=attrgetter("timestamp")))
        self._time.heard(batch[-1].timestamp)
        return batch

    async def _handle(self, processor: Processor, transactions: Transactions, batch: Sequence[Record]) -> None:
        self.busy_since = asyncio.get_running_loop().time()
        outgoing: list[Outgoing] = []
        positions = dict(self._positions)
        for first in range(0, len(batch), SLICE):
            inputs = batch[first : first + SLICE]
            for record, made in zip(inputs, decided(processor, inputs), strict=True):
                outgoing += made
                positions[self._around.clients.place(record.topic, self.partition)] = record.offset + 1
                if len(outgoing) > MAX_OUTGOING:
                    await self._commit(transactions, trying(batch, lambda: self._routed(outgoing)), positions)  # noqa: B023 - called at once
                    outgoing = []
            await asyncio.sleep(0)
        await self._commit(transactions, trying(batch, lambda: self._routed(outgoing)), positions)
        self.busy_since = None
        self._around.clients.meter.batch(self._around.service, len(batch))
        self._tell_lag()

    async def _commit(
        self, transactions: Transactions, routed: Sequence[Routed], positions: Mapping[TopicPartition, int]
    ) -> None:
        changed = {place: at for place, at in positions.items() if at != self._positions[place]}
        if not routed and not changed:
            return
        await transactions.write(routed, changed)
        self._positions = dict(positions)
        self._delay = FIRST_DELAY_S

    async def _wake(self, processor: Processor, transactions: Transactions) -> None:
        due = trying((), processor.wake_at)
        now = self._time.now()
        if due is None or due > now or now <= self._woken:
            return
        self._woken = now
        routed = trying((), lambda: self._routed(processor.wake(now)))
        self._attempts.woken()
        if routed:
            await self._commit(transactions, routed, self._positions)

    def _until_due(self, processor: Processor) -> int:
        """Milliseconds for which an input may be waited for."""
        due = trying((), processor.wake_at)
        if due is None:
            return POLL_MS
        return min(max(max(due, self._woken + 1) - self._time.now(), 0), POLL_MS)

    def _routed(self, outgoing: Sequence[Outgoing]) -> list[Routed]:
        counts = self._around.partitions
        return [
            (one, partition_of(one.key, counts[one.topic]) if one.partition is None else one.partition)
            for one in outgoing
        ]

    def _be_careful(self, batch: Sequence[Record]) -> None:
        """One of these failed: they come one by one from now on, until all are handled."""
        for record in batch:
            place = self._around.clients.place(record.topic, self.partition)
            self._careful[place] = max(self._careful.get(place, 0), record.offset + 1)

    def _is_careful(self) -> bool:
        self._careful = {place: until for place, until in self._careful.items() if self._positions[place] < until}
        return bool(self._careful)

    def _tell_lag(self) -> None:
        around = self._around
        for place, topic in self._places.items():
            end = around.consumer.last_stable_offset(place)
            if end is not None:
                lag = max(end - self._positions[place], 0)
                around.clients.meter.lag(around.service, topic, self.partition, lag)


def _is_fenced(error: BaseException) -> bool:
    """aiokafka wraps it at times, or trips over its own state after it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ProducerFenced) or "fenced" in repr(seen).lower():
            return True
        seen = seen.__cause__ or seen.__context__
    return False
