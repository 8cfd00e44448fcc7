"""What every bus promises of `publish`, `read`, `tail` and `end`."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from tests.contract.bus.parts import PATIENCE_S, C, D, Echo, H, everything, numbered, of_key, running, until, values

from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import At, Bus, BusError, Outgoing


class PublishContract:
    """publish"""

    async def test_records_of_a_key_lie_in_the_order_in_which_they_were_given(self, bus: Bus) -> None:
        await bus.publish(numbered(C, "acme", 50) + numbered(C, "umbrella", 50))
        await bus.publish(numbered(C, "acme", 50, first=50))
        assert await of_key(bus, C, "acme") == [str(i) for i in range(100)]
        assert await of_key(bus, C, "umbrella") == [str(i) for i in range(50)]

    async def test_publishes_that_wait_at_once_keep_the_order_of_their_calls(self, bus: Bus) -> None:
        await asyncio.gather(*[bus.publish([record]) for record in numbered(C, "acme", 200)])
        assert await of_key(bus, C, "acme") == [str(i) for i in range(200)]

    async def test_a_key_lies_on_the_partition_that_murmur2_gives(self, bus: Bus) -> None:
        keys = [f"team-{i}" for i in range(100)]
        await bus.publish([Outgoing(C, key, b"") for key in keys])
        partitions = await bus.partitions(C)
        found = {record.key: record.partition for record in await everything(bus, C)}
        assert found == {key: partition_of(key, partitions) for key in keys}

    async def test_a_record_lies_on_the_partition_that_it_names(self, bus: Bus) -> None:
        await bus.publish([Outgoing(C, "acme", b"x", partition=p) for p in range(await bus.partitions(C))])
        assert [record.partition for record in await everything(bus, C)] == list(range(await bus.partitions(C)))

    async def test_a_record_comes_back_as_it_was_given(self, bus: Bus) -> None:
        given = Outgoing(D, "équipe/shop@eu-1", bytes(range(256)), headers=(("reason", b"\x00\xff"), ("empty", b"")))
        await bus.publish([given, Outgoing(D, given.key, b"")])
        first, second = await everything(bus, D)
        assert (first.topic, first.key, first.value, first.headers) == (D, given.key, given.value, given.headers)
        assert (second.value, second.headers, second.offset) == (b"", (), first.offset + 1)

    async def test_nothing_is_published_at_no_cost(self, bus: Bus) -> None:
        await bus.publish([])
        assert await everything(bus, C) == []

    async def test_all_topics_of_one_call_are_written(self, bus: Bus) -> None:
        await bus.publish([Outgoing(C, "acme", b"1"), Outgoing(D, "acme", b"2")])
        assert (await of_key(bus, C, "acme"), await of_key(bus, D, "acme")) == (["1"], ["2"])

    async def test_commands_reports_and_history_have_the_same_partitions(self, bus: Bus) -> None:
        assert len({await bus.partitions(f"ownstack.{topic}") for topic in ("commands", "reports", "history")}) == 1

    async def test_an_unknown_topic_is_refused(self, bus: Bus) -> None:
        with pytest.raises(BusError) as refused:
            await bus.publish([Outgoing("ownstack.commends", "acme", b"x")])
        assert refused.value.code == "unknown-topic"

    async def test_an_unknown_partition_is_refused(self, bus: Bus) -> None:
        with pytest.raises(BusError) as refused:
            await bus.publish([Outgoing(C, "acme", b"x", partition=await bus.partitions(C))])
        assert refused.value.code == "unknown-partition"

    async def test_a_closed_bus_refuses(self, bus: Bus) -> None:
        await bus.close()
        with pytest.raises(BusError) as refused:
            await bus.publish([Outgoing(C, "acme", b"x")])
        assert refused.value.code == "bus-closed"

    async def test_closing_twice_is_harmless(self, bus: Bus) -> None:
        await bus.close()
        await bus.close()


class ReadContract:
    """read, tail, end"""

    async def test_the_end_is_the_offset_that_the_next_record_gets(self, bus: Bus) -> None:
        before = await bus.end(C, 1)
        await bus.publish([Outgoing(C, "acme", b"x", partition=1)] * 3)
        (*_, last) = [record async for record in bus.read(C, 1)]
        assert (before, await bus.end(C, 1), last.offset) == (0, 3, 2)

    async def test_how_many_records_lie_behind_a_position_is_counted(self, bus: Bus) -> None:
        assert await bus.behind(C, 1, 0) == 0
        await bus.publish([Outgoing(C, "acme", b"x", partition=1)] * 3)
        await bus.publish([Outgoing(C, "acme", b"y", partition=1)] * 2)
        assert [await bus.behind(C, 1, position) for position in (0, 2, 4, 5, 9)] == [5, 3, 1, 0, 0]

    async def test_nothing_is_behind_the_last_record_of_a_processor(self, bus: Bus) -> None:
        """Where transactions leave marks, these are no records."""
        partition = partition_of("acme", await bus.partitions(H))
        async with running(bus.process("promoter", [C], H, Echo)):
            for number in range(3):
                await bus.publish(numbered(C, "acme", 1, first=number))
                written = await until(bus, H, partition, number + 1)
        assert await bus.behind(H, partition, written[-1].offset + 1) == 0
        assert await bus.behind(H, partition, written[0].offset) == 3
        assert values([record async for record in bus.read(H, partition)]) == values(written) == ["0", "1", "2"]

    async def test_offsets_and_append_times_never_go_back(self, bus: Bus) -> None:
        for _ in range(5):
            await bus.publish([Outgoing(C, "acme", b"x", partition=1)] * 3)
        records = [record async for record in bus.read(C, 1)]
        assert all(a.offset < b.offset and a.timestamp <= b.timestamp for a, b in itertools.pairwise(records))

    async def test_a_part_can_be_read(self, bus: Bus) -> None:
        await bus.publish([Outgoing(C, "acme", str(i).encode(), partition=0) for i in range(10)])
        assert values([r async for r in bus.read(C, 0, At(offset=3), 6)]) == ["3", "4", "5"]
        assert values([r async for r in bus.read(C, 0, At(offset=8), 99)]) == ["8", "9"]
        assert [r async for r in bus.read(C, 0, At(offset=10))] == []

    async def test_reading_goes_up_to_the_end_as_it_was(self, bus: Bus) -> None:
        await bus.publish([Outgoing(C, "acme", b"old", partition=0)] * 3)
        found = []
        async for record in bus.read(C, 0):
            found.append(record.value)
            await bus.publish([Outgoing(C, "acme", b"new", partition=0)])
        assert found == [b"old"] * 3

    async def test_reading_from_a_time_begins_with_the_first_record_of_then_or_later(self, bus: Bus) -> None:
        for i in range(20):
            await bus.publish([Outgoing(H, "acme", str(i).encode(), partition=0)] * 3)
        records = [record async for record in bus.read(H, 0)]
        for time in {0, *(r.timestamp for r in records), records[-1].timestamp + 1}:
            expected = [r.offset for r in records if r.timestamp >= time]
            assert [r.offset async for r in bus.read(H, 0, At(time=time))] == expected

    async def test_a_tail_goes_on_with_what_comes(self, bus: Bus) -> None:
        await bus.publish([Outgoing(C, "acme", str(i).encode(), partition=0) for i in range(3)])
        tail = bus.tail(C, 0, At(offset=1))
        async with asyncio.timeout(PATIENCE_S):
            found = [(await anext(tail)).value for _ in range(2)]
            await bus.publish([Outgoing(C, "acme", b"3", partition=0)])
            found.append((await anext(tail)).value)
            coming = asyncio.ensure_future(anext(tail))
            await bus.publish([Outgoing(C, "acme", b"4", partition=0)])
            found.append((await coming).value)
        assert found == [b"1", b"2", b"3", b"4"]

    async def test_a_tail_without_a_start_begins_now(self, bus: Bus) -> None:
        await bus.publish([Outgoing(C, "acme", b"old", partition=0)] * 3)
        first = asyncio.ensure_future(anext(bus.tail(C, 0)))
        async with asyncio.timeout(PATIENCE_S):
            while not first.done():
                await bus.publish([Outgoing(C, "acme", b"new", partition=0)])
        assert first.result().value == b"new"

    async def test_a_tail_ends_with_an_error_when_the_bus_is_closed(self, bus: Bus) -> None:
        waiting = asyncio.ensure_future(anext(bus.tail(C, 0, At(offset=0))))
        await bus.publish([Outgoing(C, "acme", b"x", partition=1)])
        await bus.close()
        with pytest.raises(BusError) as closed:
            await waiting
        assert closed.value.code == "bus-closed"
