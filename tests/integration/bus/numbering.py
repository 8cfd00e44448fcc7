"""A processor whose every mistake shows in the log, and what looks for mistakes there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from tests.contract.bus.parts import C, D, H, everything, until

from ownstack_bus.port import Bus, Outgoing, Record, Restored


class Numbering:
    """Writes for each input one record to the history, numbered, and one to another topic."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.number = 0

    async def restore(self, tail: AsyncIterator[Record]) -> Restored:
        async for record in tail:
            number = int(record.value.split()[0])
            assert number == self.number + 1, f"{self.number} is followed by {record}"
            self.number = number
        return Restored()

    def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
        return [self._made_of(record) for record in batch]

    def wake_at(self) -> int | None:
        return None

    def wake(self, now: int) -> Sequence[Outgoing]:
        return ()

    def _made_of(self, record: Record) -> Sequence[Outgoing]:
        self.number += 1
        numbered = f"{self.number} {record.offset} ".encode() + record.value
        return [Outgoing(H, record.key, numbered, self.partition), Outgoing(D, record.value.decode(), record.value)]


class Traffic:
    """Inputs with a value each that no other has, evenly over the partitions."""

    def __init__(self, bus: Bus, partitions: int) -> None:
        self._bus = bus
        self._partitions = partitions
        self.sent: list[str] = []

    async def send(self, count: int) -> None:
        """So many more."""
        values = [str(len(self.sent) + i) for i in range(count)]
        await self._bus.publish([Outgoing(C, "acme", v.encode(), int(v) % self._partitions) for v in values])
        self.sent += values

    async def handled(self, count: int | None = None) -> None:
        """Return once so many, or all, have been handled."""
        count = len(self.sent) if count is None else count
        shares = [len(range(partition, count, self._partitions)) for partition in range(self._partitions)]
        await asyncio.gather(*[until(self._bus, H, p, share) for p, share in enumerate(shares) if share])

    async def check(self) -> None:
        """Each input has made exactly its two records, in its order, and the numbers have neither gap nor double."""
        await self.handled()
        history = await everything(self._bus, H)
        for partition in range(self._partitions):
            lines = [record.value.decode().split() for record in history if record.partition == partition]
            assert [line[0] for line in lines] == [str(i) for i in range(1, len(lines) + 1)]
            assert [line[2] for line in lines] == [v for v in self.sent if int(v) % self._partitions == partition]
        others = [record.value.decode() for record in await everything(self._bus, D)]
        assert sorted(others) == sorted(self.sent)
