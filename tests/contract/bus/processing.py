"""What every bus promises of `process`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.contract.bus.parts import (
    C,
    D,
    Echo,
    H,
    R,
    Seen,
    always,
    copy_of,
    everything,
    numbered,
    of_key,
    running,
    until,
    values,
)

from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import Bus, Outgoing, Record


class ProcessContract:
    """process"""

    async def test_what_a_processor_makes_of_an_input_is_written_once_and_in_order(self, bus: Bus) -> None:
        class Five(Echo):
            def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
                return [numbered(H, record.key, 5, first=int(record.value) * 5) for record in batch]

        async with running(bus.process("promoter", [C], H, Five)):
            await bus.publish([Outgoing(C, "acme", str(i).encode(), partition=1) for i in range(100)])
            await until(bus, H, partition_of_acme(await bus.partitions(H)), 500)
        assert await of_key(bus, H, "acme") == [str(i) for i in range(500)]

    async def test_every_partition_has_a_processor_of_its_own(self, bus: Bus) -> None:
        seen: Seen[tuple[int, int]] = Seen()

        class One(Echo):
            def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
                seen.add(*[(self.partition, record.partition) for record in batch])
                return [()] * len(batch)

        partitions = await bus.partitions(C)
        async with running(bus.process("promoter", [C], H, One)):
            await bus.publish([Outgoing(C, "acme", b"", partition=p) for p in range(partitions)])
            assert sorted(await seen.reach(partitions)) == [(p, p) for p in range(partitions)]

    async def test_inputs_of_two_topics_are_handled_by_one_processor_each_in_its_order(self, bus: Bus) -> None:
        seen: Seen[Record] = Seen()
        await bus.publish(numbered(C, "acme", 300) + numbered(R, "acme", 300))
        async with running(bus.process("promoter", [C, R], H, lambda p: Echo(p, seen))):
            await seen.reach(600)
            await bus.publish(numbered(R, "acme", 300, first=300) + numbered(C, "acme", 300, first=300))
            await seen.reach(1_200)
        for topic in (C, R):
            assert values([r for r in seen.items if r.topic == topic]) == [str(i) for i in range(600)]

    async def test_a_successor_goes_on_after_the_last_commit(self, bus: Bus) -> None:
        await bus.publish(numbered(C, "acme", 20))
        async with running(bus.process("promoter", [C], H, Echo)):
            await until(bus, H, partition_of_acme(await bus.partitions(H)), 20)
        await bus.publish(numbered(C, "acme", 20, first=20))
        seen: Seen[Record] = Seen()
        async with running(bus.process("promoter", [C], H, lambda p: Echo(p, seen))):
            assert values(await seen.reach(20)) == [str(i) for i in range(20, 40)]
            await until(bus, H, partition_of_acme(await bus.partitions(H)), 40)
        assert await of_key(bus, H, "acme") == [str(i) for i in range(40)]

    async def test_a_successor_goes_on_where_inputs_made_nothing(self, bus: Bus) -> None:
        class Silent(Echo):
            def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
                super().handle(batch)
                return [[copy_of(r)] if r.value == b"end" else () for r in batch]

        await bus.publish([*numbered(C, "acme", 20), Outgoing(C, "acme", b"end")])
        async with running(bus.process("promoter", [C], H, Silent)):
            await until(bus, H, partition_of_acme(await bus.partitions(H)), 1)
        seen: Seen[Record] = Seen()
        async with running(bus.process("promoter", [C], H, lambda p: Silent(p, seen))):
            await bus.publish([Outgoing(C, "acme", b"new")])
            assert values(await seen.reach(1)) == ["new"]

    async def test_what_a_processor_makes_goes_to_several_topics_in_one_commit(self, bus: Bus) -> None:
        class Both(Echo):
            def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
                return [[copy_of(record), Outgoing(D, "acme/shop@eu-1", record.value)] for record in batch]

        async with running(bus.process("promoter", [C], H, Both)):
            await bus.publish(numbered(C, "acme", 50))
            await until(bus, H, partition_of_acme(await bus.partitions(H)), 50)
        assert await of_key(bus, D, "acme/shop@eu-1") == await of_key(bus, H, "acme")

    async def test_more_than_a_transaction_holds_is_written_all_the_same(self, bus: Bus) -> None:
        class Many(Echo):
            def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
                return [numbered(H, "acme", 6_000, first=int(record.value) * 6_000) for record in batch]

        await bus.publish(numbered(C, "acme", 4))
        async with running(bus.process("promoter", [C], H, Many)):
            await until(bus, H, partition_of_acme(await bus.partitions(H)), 24_000)
        assert await of_key(bus, H, "acme") == [str(i) for i in range(24_000)]

    async def test_a_processor_is_woken_when_it_is_due_and_what_it_says_comes_back_as_an_input(self, bus: Bus) -> None:
        class Clock(Echo):
            def __init__(self, partition: int) -> None:
                super().__init__(partition)
                self.due: int | None = None

            def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
                for record in batch:
                    if record.topic == C:
                        self.due = record.timestamp + 30
                return [[copy_of(record)] for record in batch]

            def wake_at(self) -> int | None:
                return self.due

            def wake(self, now: int) -> Sequence[Outgoing]:
                assert self.due is not None
                late, self.due = now >= self.due, None
                return [Outgoing(R, "clock", b"in time" if late else b"too early", self.partition)]

        async with running(bus.process("promoter", [C, R], H, Clock)):
            await bus.publish([Outgoing(C, "acme", b"wake me", partition=1)])
            assert values(await until(bus, H, 1, 2)) == ["wake me", "in time"]

    async def test_a_processor_that_is_due_from_the_start_is_woken_without_an_input(self, bus: Bus) -> None:
        class Early(Echo):
            due: int | None = 0

            def wake_at(self) -> int | None:
                return self.due if self.partition == 1 else None

            def wake(self, now: int) -> Sequence[Outgoing]:
                self.due = None
                return [Outgoing(H, "clock", b"tick", self.partition)]

        async with running(bus.process("promoter", [C], H, Early)):
            assert values(await until(bus, H, 1, 1)) == ["tick"]

    async def test_two_services_process_the_same_inputs_beside_each_other(self, bus: Bus) -> None:
        one: Seen[Record] = Seen()
        other: Seen[Record] = Seen()
        promoter = bus.process("promoter", [C], H, lambda p: Echo(p, one))
        auditor = bus.process("auditor", [C], H, lambda p: Echo(p, other))
        async with running(promoter), running(auditor):
            await bus.publish(numbered(C, "acme", 10))
            assert values(await one.reach(10)) == values(await other.reach(10))

    async def test_inputs_that_keep_coming_are_all_handled(self, bus: Bus) -> None:
        made: list[Echo] = []
        async with running(bus.process("promoter", [C], H, always(Echo, 1, made))):
            for i in range(100):
                await bus.publish([Outgoing(C, "acme", str(i).encode(), partition=1)])
                await asyncio.gather(*[bus.publish([Outgoing(C, "x", b"", partition=0)]) for _ in range(3)])
            await until(bus, H, 1, 100)
        assert values([record for record in await everything(bus, H) if record.partition == 1]) == [
            str(i) for i in range(100)
        ]
        assert len(made) == 1


def partition_of_acme(partitions: int) -> int:
    return partition_of("acme", partitions)
