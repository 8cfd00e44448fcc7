"""What every bus promises of `project`."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.contract.bus.parts import H, Rows, everything, numbered, of_key, running, values

from ownstack_bus.port import Bus, Outgoing, Record


class Unreadable(Exception):
    """What a sink raises."""


class ProjectContract:
    """project"""

    async def test_the_sink_is_fed_every_record_in_order(self, bus: Bus) -> None:
        await bus.publish([record for i in range(20) for record in numbered(H, f"team-{i}", 30)])
        rows = Rows()
        async with running(bus.project(H, "readmodel", rows)):
            await rows.seen.reach(600)
        by_partition = sorted(rows.seen.items, key=lambda record: record.partition)
        assert by_partition == await everything(bus, H)

    async def test_the_sink_is_fed_what_comes_later(self, bus: Bus) -> None:
        rows = Rows()
        async with running(bus.project(H, "readmodel", rows)):
            await bus.publish(numbered(H, "acme", 1))
            await rows.seen.reach(1)
            await bus.publish(numbered(H, "acme", 2, first=1))
            assert values(await rows.seen.reach(3)) == ["0", "1", "2"]

    async def test_the_sink_is_fed_from_the_positions_that_it_keeps(self, bus: Bus) -> None:
        await bus.publish([Outgoing(H, "acme", str(i).encode(), partition=p) for p in (0, 1) for i in range(4)])
        rows = Rows({0: 3})
        async with running(bus.project(H, "readmodel", rows)):
            await rows.seen.reach(5)
        assert sorted((r.partition, r.offset) for r in rows.seen.items) == [(0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]

    async def test_a_sink_that_goes_on_gets_nothing_twice(self, bus: Bus) -> None:
        await bus.publish(numbered(H, "acme", 10))
        before = Rows()
        async with running(bus.project(H, "readmodel", before)):
            await before.seen.reach(10)
        await bus.publish(numbered(H, "acme", 10, first=10))
        after = Rows(before.stored)
        async with running(bus.project(H, "readmodel", after)):
            assert values(await after.seen.reach(10)) == [str(i) for i in range(10, 20)]

    async def test_what_the_sink_raises_ends_the_projection(self, bus: Bus) -> None:
        class Strict(Rows):
            async def apply(self, partition: int, records: Sequence[Record]) -> None:
                raise Unreadable(records[0].value)

        await bus.publish(numbered(H, "acme", 3))
        with pytest.raises(Unreadable):
            await bus.project(H, "readmodel", Strict())
        rows = Rows()
        async with running(bus.project(H, "readmodel", rows)):
            assert values(await rows.seen.reach(3)) == await of_key(bus, H, "acme")

    async def test_two_projections_run_beside_each_other(self, bus: Bus) -> None:
        one, other = Rows(), Rows()
        async with running(bus.project(H, "readmodel", one)), running(bus.project(H, "metrics", other)):
            await bus.publish(numbered(H, "acme", 5))
            assert await one.seen.reach(5) == await other.seen.reach(5)
