"""`process` on Kafka: a transactional producer per owned partition; outputs and input offsets commit together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.port import Processor


async def process(
    clients: Clients, service: str, inputs: Sequence[str], history: str, factory: Callable[[int], Processor]
) -> None:
    """See Bus."""
    raise NotImplementedError
