"""`work` on Kafka: an actor per key; what is done out of order is kept in the metadata of the offset commit."""

from __future__ import annotations

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.port import Actor


async def work(clients: Clients, topic: str, group: str, actor: Actor) -> None:
    """See Bus."""
    raise NotImplementedError
