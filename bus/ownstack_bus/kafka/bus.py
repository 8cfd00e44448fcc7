"""The bus on Kafka: its parts put together behind the port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.processing import process
from ownstack_bus.kafka.settings import KafkaSettings
from ownstack_bus.kafka.working import work
from ownstack_bus.meter import Meter, Unmetered
from ownstack_bus.port import Actor, At, Outgoing, Processor, Record, Sink

_BEGINNING = At(offset=0)


class KafkaBus:
    """See ownstack_bus.port.Bus. Belongs to the event loop that it was opened on."""

    def __init__(self, clients: Clients) -> None:
        """Use `open`."""
        self._clients = clients

    @classmethod
    async def open(cls, servers: str, settings: KafkaSettings | None = None, meter: Meter | None = None) -> KafkaBus:
        """Connect to the cluster at `servers` (`host:port,…`)."""
        return cls(Clients(servers, settings or KafkaSettings(), meter or Unmetered()))

    async def partitions(self, topic: str) -> int:
        """See Bus."""
        raise NotImplementedError

    async def end(self, topic: str, partition: int) -> int:
        """See Bus."""
        raise NotImplementedError

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See Bus."""
        raise NotImplementedError

    async def process(
        self, service: str, inputs: Sequence[str], history: str, factory: Callable[[int], Processor]
    ) -> None:
        """See Bus."""
        await process(self._clients, service, inputs, history, factory)

    async def work(self, topic: str, group: str, actor: Actor) -> None:
        """See Bus."""
        await work(self._clients, topic, group, actor)

    async def project(self, topic: str, group: str, sink: Sink) -> None:
        """See Bus."""
        raise NotImplementedError

    def read(self, topic: str, partition: int, start: At = _BEGINNING, end: int | None = None) -> AsyncIterator[Record]:
        """See Bus."""
        raise NotImplementedError

    def tail(self, topic: str, partition: int, start: At | None = None) -> AsyncIterator[Record]:
        """See Bus."""
        raise NotImplementedError

    async def close(self) -> None:
        """See Bus."""
