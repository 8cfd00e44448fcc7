"""The promoter, composed: one owner per partition of commands and reports, over any bus."""

from __future__ import annotations

import time

from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import Bus, Processor
from ownstack_contracts.topics import COMMANDS, HISTORY, REPORTS
from ownstack_promoter.partition import Memory, PartitionOwner, Terms
from ownstack_promoter.settings import Settings

__all__ = ["SERVICE", "Promoter", "Settings"]

SERVICE = "promoter"


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Promoter:
    """Decides over commands and reports; the only writer of history."""

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._terms = Terms(settings.lease, settings.leases_at_start, now_ms)
        self.tally = self._terms.tally
        self._memories: dict[int, Memory] = {}

    async def run(self) -> None:
        """Own partitions until cancelled. Raises BusError, `history-damaged` among them."""
        partitions = await self._bus.partitions(HISTORY.name)

        def owner_of(partition: int) -> Processor:
            return PartitionOwner(
                self._bus,
                partition,
                owns=lambda team: partition_of(team, partitions) == partition,
                terms=self._terms,
                memory=self._memory(partition),
            )

        await self._bus.process(SERVICE, [COMMANDS.name, REPORTS.name], HISTORY.name, owner_of)

    async def restored(self) -> None:
        """Wait until every partition was restored; only where this process owns them all."""
        for partition in range(await self._bus.partitions(HISTORY.name)):
            await self._memory(partition).restored.wait()

    def _memory(self, partition: int) -> Memory:
        return self._memories.setdefault(partition, Memory())
