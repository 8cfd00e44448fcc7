"""`project` on Kafka: the members of a group share the partitions; each feeds its sink from where that stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.structs import ConsumerRecord

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import translating
from ownstack_bus.kafka.reading import POLL_MS, Check
from ownstack_bus.port import BusError, Sink

logger = logging.getLogger(__name__)

BATCH = 2_000


async def project(clients: Clients, topic: str, group: str, sink: Sink, check: Check) -> None:
    """See Bus. Raises BusError `history-truncated` when the sink wants records that are gone."""
    consumer = clients.consumer(
        group_id=clients.named(f"{group}.{topic}"),
        partition_assignment_strategy=(RangePartitionAssignor,),
        fetch_max_wait_ms=100,
        **clients.session(),
    )
    member = _Member(clients, consumer, topic, group, sink)
    try:
        with translating(clients.servers):
            consumer.subscribe([clients.topic(topic)], listener=member)
            await consumer.start()
        while True:
            check()
            await member.turn()
    finally:
        await consumer.stop()


class _Member(ConsumerRebalanceListener):
    """One member of the group. Listening waits for nothing: a rebalance is noted, and seen to in the next turn."""

    def __init__(self, clients: Clients, consumer: AIOKafkaConsumer, topic: str, group: str, sink: Sink) -> None:
        self._clients, self._consumer, self._sink = clients, consumer, sink
        self._topic, self._group = topic, group
        self._assigned: set[TopicPartition] = set()
        self._placed: set[TopicPartition] = set()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        """Who applies an offset that has moved meanwhile writes nothing: the sink sees to that."""
        self._placed = set()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing is taken of these until they are at their places."""
        self._assigned = set(assigned)
        self._placed = set()
        self._consumer.pause(*self._assigned)

    async def turn(self) -> None:
        """Place what is new; apply what has come."""
        if self._placed != self._assigned:
            await self._place(set(self._assigned))
        with translating(self._clients.servers):
            found = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH)
        for place, records in found.items():
            await self._apply(place, records)

    async def _place(self, assigned: set[TopicPartition]) -> None:
        positions = await self._sink.positions()
        with translating(self._clients.servers):
            beginnings = await self._consumer.beginning_offsets(list(assigned)) if assigned else {}
        if assigned != self._assigned:
            return  # another rebalance: its own turn comes
        for place in assigned:
            self._consumer.seek(place, self._begin(place, positions, beginnings))
        self._consumer.resume(*assigned)
        self._placed = assigned
        self._clients.meter.assigned(self._group, [place.partition for place in assigned])

    def _begin(
        self, place: TopicPartition, positions: Mapping[int, int], beginnings: Mapping[TopicPartition, int]
    ) -> int:
        wanted, first = positions.get(place.partition, 0), beginnings[place]
        if wanted < first:
            raise BusError(
                "records-gone",
                f"{self._topic}/{place.partition}: records {wanted} to {first - 1} are wanted, and are kept no more. "
                "Restore them from a copy, or rebuild from what there is.",
            )
        return wanted

    async def _apply(self, place: TopicPartition, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        if place not in self._placed:
            return  # it was taken away while the others were applied; whoever has it now reads it
        meter = self._clients.meter
        await self._sink.apply(place.partition, [self._clients.record(record) for record in records])
        meter.batch(self._group, len(records))
        behind = (self._consumer.highwater(place) or 0) - records[-1].offset - 1
        meter.lag(self._group, self._topic, place.partition, max(behind, 0))
        await asyncio.sleep(0)
