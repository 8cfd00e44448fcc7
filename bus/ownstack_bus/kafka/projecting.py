"""`project` on Kafka: the members of a group share the partitions; each feeds its sink from where that stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.structs import ConsumerRecord

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import translating
from ownstack_bus.kafka.fetching import fetched
from ownstack_bus.kafka.reading import POLL_MS, Check
from ownstack_bus.kafka.starting import STEADY_S, ended, started
from ownstack_bus.kafka.watching import Watchdog
from ownstack_bus.port import BusError, Sink
from ownstack_bus.waiting import Waiting
from ownstack_contracts.topics import TOPICS

logger = logging.getLogger(__name__)

BATCH = 2_000

FINISHING_S = 10.0
"""A rebalance waits so long for the batch that is being applied."""


async def project(clients: Clients, topic: str, group: str, sink: Sink, check: Check) -> None:
    """See Bus. A cluster that is away is waited for. What the sink raises is raised.

    Raises BusError `records-gone` when the sink wants records of a topic that keeps all, and they are not there;
    `positions-ahead` when it is past the end of such a topic; `bus-stalled`; and what `translated` tells.
    """
    waiting = Waiting(f"Group {group}, which follows {topic},", STEADY_S)
    while True:
        await sink.positions()  # whose rows can't be reached does not join: each coming and going halts all others
        consumer = clients.consumer(
            group_id=clients.named(f"{group}.{topic}"),
            partition_assignment_strategy=(RangePartitionAssignor,),
            fetch_max_wait_ms=100,
            **clients.session(),
        )
        member = _Member(clients, consumer, topic, group, sink)
        consumer.subscribe([clients.topic(topic)], listener=member)
        try:
            async with started(clients, consumer), _watched(clients, consumer, member) as watchdog:
                while not watchdog.done():
                    check()
                    await member.turn()
                    waiting.over()
                watchdog.result()
        except BusError as error:
            check()
            await waiting.out(error)


@asynccontextmanager
async def _watched(clients: Clients, consumer: AIOKafkaConsumer, member: _Member) -> AsyncIterator[asyncio.Task[None]]:
    """A task that ends when records wait and none is given. Afterwards the member takes part no more."""
    watchdog = asyncio.create_task(Watchdog(consumer, member.wanted, member.lag, clients.settings.stalled_after).run())
    try:
        yield watchdog
    finally:
        member.left()
        await ended({watchdog})


class _Member(ConsumerRebalanceListener):
    """One member of the group. A rebalance is noted by the listener, and seen to in the next turn."""

    def __init__(self, clients: Clients, consumer: AIOKafkaConsumer, topic: str, group: str, sink: Sink) -> None:
        self._clients, self._consumer, self._sink = clients, consumer, sink
        self._topic, self._group = topic, group
        self._name = f"{group}.{topic}"
        self._assigned: frozenset[TopicPartition] | None = None
        self._placed: frozenset[TopicPartition] | None = None
        self._wanted: dict[TopicPartition, int] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        """What is being applied is finished first, for a while. Should it last, whoever is next makes the sink refuse
        it: rows and position change together."""
        self._assigned = self._placed = None
        try:
            async with asyncio.timeout(FINISHING_S):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("Group %s lets go of %s while a batch is being applied", self._group, self._topic)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing is taken of these until they are at their places."""
        self._placed = None
        self._assigned = frozenset(assigned)
        self._consumer.pause(*self._assigned)

    async def turn(self) -> None:
        """Place what is new; apply what has come. Raises BusError, and what the sink raises."""
        if self._assigned is not None and self._placed is None:
            await self._place(self._assigned)
        with translating(self._clients.servers):
            found = await fetched(self._consumer, timeout_ms=POLL_MS, max_records=BATCH)
        for place, records in found.items():
            await self._apply(place, records)

    async def _place(self, assigned: frozenset[TopicPartition]) -> None:
        positions = await self._sink.positions()
        with translating(self._clients.servers):
            beginnings = await self._consumer.beginning_offsets(list(assigned)) if assigned else {}
            ends = await self._consumer.end_offsets(list(assigned)) if assigned else {}
        begins = {place: self._begin(place, positions, beginnings[place], ends[place]) for place in assigned}
        if assigned is not self._assigned:
            return  # another rebalance: its own turn comes
        for place, position in begins.items():
            self._consumer.seek(place, position)
        self._consumer.resume(*assigned)
        self._placed, self._wanted = assigned, begins
        self._clients.meter.assigned(self._name, [place.partition for place in assigned])

    def _begin(self, place: TopicPartition, positions: Mapping[int, int], first: int, end: int) -> int:
        wanted = positions.get(place.partition, 0)
        where = f"{self._topic}/{place.partition}"
        if first <= wanted <= end:
            return wanted
        lost = _ahead(where, wanted, end) if wanted > end else _gone(where, wanted, first)
        if TOPICS[self._topic].retention is None:
            raise BusError(lost.code, f"{lost.what} {lost.cure}")
        if wanted:
            logger.warning("%s What is not there is missing here; it goes on with record %d.", lost.what, first)
        return first

    async def _apply(self, place: TopicPartition, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        if self._placed is None or place not in self._placed:
            return  # it was taken away while the others were applied; whoever has it now reads it
        self._idle.clear()
        try:
            await self._sink.apply(place.partition, [self._clients.record(record) for record in records])
        finally:
            self._idle.set()
        self._wanted[place] = records[-1].offset + 1
        self._clients.meter.batch(self._name, len(records))
        end = self._consumer.last_stable_offset(place) if place in self._consumer.assignment() else None
        if end is not None:
            self.lag(place, max(end - self._wanted[place], 0))
        await asyncio.sleep(0)

    def wanted(self) -> Mapping[TopicPartition, int]:
        """The next offset of each partition, while the sink has nothing to do."""
        return self._wanted if self._placed is not None and self._idle.is_set() else {}

    def lag(self, place: TopicPartition, records: int) -> None:
        """Tell how many records wait."""
        self._clients.meter.lag(self._name, self._topic, place.partition, records)

    def left(self) -> None:
        """It takes part no more: who begins again is not in order before it has joined."""
        self._clients.meter.assigned(self._name, (), beginning=1)


class _Lost(NamedTuple):
    """Records that are wanted and are not there. cure: what helps where they were to be kept for ever."""

    code: str
    what: str
    cure: str


def _ahead(where: str, wanted: int, end: int) -> _Lost:
    what = (
        f"{where} ends at {end}, and rows were made of it up to {wanted}: they are another cluster's, or the topic was "
        "made anew, or restored from an older copy."
    )
    return _Lost("positions-ahead", what, "Connect to the right cluster, or rebuild the rows.")


def _gone(where: str, wanted: int, first: int) -> _Lost:
    what = f"{where}: records {wanted} to {first - 1} are wanted, and are kept no more."
    return _Lost("records-gone", what, "They are to be kept for ever: restore them from a copy.")
