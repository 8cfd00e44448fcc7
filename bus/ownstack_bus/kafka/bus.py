"""The bus on Kafka: its parts put together behind the port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from aiokafka import TopicPartition

from ownstack_bus.kafka import reading, topics
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.processing import process
from ownstack_bus.kafka.projecting import project
from ownstack_bus.kafka.publishing import Publisher
from ownstack_bus.kafka.settings import KafkaSettings
from ownstack_bus.kafka.working import work
from ownstack_bus.meter import Meter, Unmetered
from ownstack_bus.port import Actor, At, BusError, Outgoing, Processor, Record, Sink

_BEGINNING = At(offset=0)

COUNTED = 1_000
"""Up to so many offsets, `behind` looks how many of them are records."""


class KafkaBus:
    """See ownstack_bus.port.Bus. Belongs to the event loop that it was opened on."""

    def __init__(self, clients: Clients, partitions: Mapping[str, int]) -> None:
        """Use `open`. partitions: of each topic."""
        self._clients = clients
        self._partitions = partitions
        self._publisher = Publisher(clients, self.partitions)
        self._asking = reading.Asking(clients)
        self._behind: dict[TopicPartition, tuple[int, int, int]] = {}
        self._closed = False

    @classmethod
    async def open(cls, servers: str, settings: KafkaSettings | None = None, meter: Meter | None = None) -> KafkaBus:
        """Speak to the cluster at `servers` (`host:port,…`), whose topics were set up (`ownstack bus setup`).

        Raises BusError: `bus-topics-missing`, `bus-topics-differ`, `bus-unavailable`, `bus-not-allowed`, `bus-tls`,
        `bus-sasl`.
        """
        clients = Clients(servers, settings or KafkaSettings(), meter or Unmetered())
        return cls(clients, await topics.check(clients))

    async def partitions(self, topic: str) -> int:
        """See Bus. Raises BusError `unknown-topic`."""
        self._check()
        if topic not in self._partitions:
            raise BusError("unknown-topic", f"There is no topic {topic!r}. There are {', '.join(self._partitions)}.")
        return self._partitions[topic]

    async def end(self, topic: str, partition: int) -> int:
        """See Bus."""
        return await self._asking.end(await self._place(topic, partition))

    async def behind(self, topic: str, partition: int, position: int) -> int:
        """See Bus."""
        place = await self._place(topic, partition)
        end = await self._asking.end(place)
        if end - position > COUNTED or end <= position:
            return max(end - position, 0)
        known = self._behind.get(place)
        if known is None or known[:2] != (position, end):
            counted = await reading.count(self._clients, place, position, self._check)
            known = self._behind[place] = (position, end, counted)
        return known[2]

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See Bus.

        Raises BusError: `unknown-topic`, `unknown-partition`, `record-too-large`, `bus-unavailable`, `bus-closed`.
        """
        self._check()
        if records:
            await self._publisher.publish(records)

    async def process(
        self, service: str, inputs: Sequence[str], history: str, factory: Callable[[int], Processor]
    ) -> None:
        """See Bus. Raises BusError `unknown-topic`, and what the function of this name tells."""
        for topic in (*inputs, history):
            await self.partitions(topic)
        await process(self._clients, service, inputs, history, factory, self._check)

    async def work(self, topic: str, group: str, actor: Actor) -> None:
        """See Bus. Raises BusError `unknown-topic`, and what the function of this name tells."""
        await self.partitions(topic)
        await work(self._clients, topic, group, actor, self._check)

    async def project(self, topic: str, group: str, sink: Sink) -> None:
        """See Bus. What the sink raises is raised. Raises BusError `unknown-topic`, `records-gone`, `positions-ahead`,
        `bus-stalled`, `bus-not-allowed`, `bus-closed`."""
        await self.partitions(topic)
        await project(self._clients, topic, group, sink, self._check)

    async def read(
        self, topic: str, partition: int, start: At = _BEGINNING, end: int | None = None
    ) -> AsyncIterator[Record]:
        """See Bus."""
        place = await self._place(topic, partition)
        async for record in reading.read(self._clients, place, start, end, self._check):
            yield record

    async def tail(self, topic: str, partition: int, start: At | None = None) -> AsyncIterator[Record]:
        """See Bus."""
        place = await self._place(topic, partition)
        async for record in reading.tail(self._clients, place, start, self._check):
            yield record

    async def close(self) -> None:
        """See Bus. What runs on this bus ends with BusError `bus-closed`."""
        self._closed = True
        await self._publisher.close()
        await self._asking.close()

    def _check(self) -> None:
        if self._closed:
            raise BusError("bus-closed", "The bus was closed. Open another.")

    async def _place(self, topic: str, partition: int) -> TopicPartition:
        count = await self.partitions(topic)
        if not 0 <= partition < count:
            raise BusError("unknown-partition", f"{topic} has partitions 0 to {count - 1}, and no {partition}.")
        return self._clients.place(topic, partition)
