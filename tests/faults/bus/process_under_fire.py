"""A service of its own, to be killed: a processor that makes five records of each input.

Arguments: the URL of the bus, and after how many inputs that were handled, or outputs that are durable, it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence

from tests.faults.bus.doom import Doom
from tests.faults.seeds import follow

from ownstack_bus.connect import open_bus
from ownstack_bus.port import Bus, Outgoing, Record, Restored
from ownstack_contracts.topics import COMMANDS, HISTORY

OUTPUTS = 5


class Five:
    """Its state is a count per key, so that an input handled twice, or not at all, shows in all that follow."""

    def __init__(self, partition: int, doom: Doom) -> None:
        self._partition = partition
        self._doom = doom
        self._written: dict[str, int] = {}

    async def restore(self, tail: AsyncIterator[Record]) -> Restored:
        async for record in tail:
            self._written[record.key] = self._written.get(record.key, 0) + 1
        return Restored()

    def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
        self._doom.count(len(batch))
        return [[self._next(record) for _ in range(OUTPUTS)] for record in batch]

    def _next(self, record: Record) -> Outgoing:
        number = self._written.get(record.key, 0)
        self._written[record.key] = number + 1
        return Outgoing(HISTORY.name, record.key, f"{record.value.decode()}/{number}".encode(), self._partition)

    def wake_at(self) -> int | None:
        return None

    def wake(self, now: int) -> Sequence[Outgoing]:
        return ()


async def count_written(bus: Bus, partition: int, doom: Doom) -> None:
    """Outputs count once they can be read: then they are durable."""
    async for _ in bus.tail(HISTORY.name, partition):
        doom.count(1)


async def main() -> None:
    follow()
    doom, doom_of_written = Doom(int(sys.argv[2])), Doom(int(sys.argv[3]))
    bus = await open_bus(sys.argv[1])
    async with asyncio.TaskGroup() as group:
        for partition in range(await bus.partitions(HISTORY.name)):
            group.create_task(count_written(bus, partition, doom_of_written))
        group.create_task(
            bus.process("promoter", [COMMANDS.name], HISTORY.name, lambda partition: Five(partition, doom))
        )


if __name__ == "__main__":
    asyncio.run(main())
