"""`project` on Kafka where the group, the log or the rows are not as they were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import RecordsToDelete
from tests.contract.bus.parts import PATIENCE_S, D, H, Rows, Seen, keys_on, numbered, running, values
from tests.integration.bus.members import Assigned, Cluster, cluster_at
from tests.real.kafka import kafka, new_bus

from ownstack.serve.meters import PrometheusMeter
from ownstack_bus.kafka import KafkaBus
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.starting import started
from ownstack_bus.port import BusError, Outgoing, Record
from ownstack_contracts.topics import LOGS

GROUP = "readmodel"
L = LOGS.name


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with cluster_at(await asyncio.to_thread(kafka)) as cluster:
        yield cluster


class Shared(Rows):
    """One of several sinks on one database: the second to store an offset is refused."""

    def __init__(self, stored: dict[int, int], seen: Seen[Record]) -> None:
        super().__init__()
        self.stored, self.seen = stored, seen

    async def apply(self, partition: int, records: Sequence[Record]) -> None:
        assert records[0].offset == self.stored.get(partition, 0), "another was here"
        await super().apply(partition, records)


async def delete_before(cluster: Cluster, topic: str, partition: int, offset: int) -> None:
    """As retention does it."""
    clients = Clients(cluster.servers, cluster.settings)
    async with started(clients, clients.admin()) as admin:
        await admin.delete_records({clients.place(topic, partition): RecordsToDelete(offset)})


async def test_two_instances_share_the_partitions_and_apply_each_record_once(cluster: Cluster) -> None:
    stored: dict[int, int] = {}
    seen: Seen[Record] = Seen()
    one, other = Assigned(), Assigned()
    first, second = await cluster.bus(one), await cluster.bus(other)
    count = await first.partitions(H)
    keys = [next(keys_on(partition, count)) for partition in range(count)]
    async with running(first.project(H, GROUP, Shared(stored, seen))):
        await one.until(count)
        await first.publish([record for key in keys for record in numbered(H, key, 50)])
        async with running(second.project(H, GROUP, Shared(stored, seen))):
            assert await other.until(count // 2) | await one.until(count // 2) == set(range(count))
            await first.publish([record for key in keys for record in numbered(H, key, 50, first=50)])
            await seen.reach(100 * count)
        await one.until(count)
        await first.publish([Outgoing(H, key, b"100") for key in keys])
        await seen.reach(101 * count)
    for key in keys:
        assert values([record for record in seen.items if record.key == key]) == [str(i) for i in range(101)]


async def test_a_rebalance_waits_for_the_batch_that_is_being_applied(cluster: Cluster) -> None:
    applying, go_on = asyncio.Event(), asyncio.Event()
    stored: dict[int, int] = {}
    seen: Seen[Record] = Seen()

    class Slow(Shared):
        async def apply(self, partition: int, records: Sequence[Record]) -> None:
            applying.set()
            await go_on.wait()
            await super().apply(partition, records)

    one, other = Assigned(), Assigned()
    first, second = await cluster.bus(one), await cluster.bus(other)
    count = await first.partitions(H)
    async with running(first.project(H, GROUP, Slow(stored, seen))):
        await one.until(count)
        await first.publish(numbered(H, "acme", 3))
        async with asyncio.timeout(PATIENCE_S):
            await applying.wait()
        async with running(second.project(H, GROUP, Shared(stored, seen))):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2):
                    await other.until(count // 2)
            go_on.set()
            await other.until(count // 2)
            await first.publish(numbered(H, "acme", 3, first=3))
            assert values(await seen.reach(6)) == [str(i) for i in range(6)]


async def test_history_that_is_wanted_and_gone_is_refused(cluster: Cluster) -> None:
    bus = await cluster.bus()
    await bus.publish([Outgoing(H, "acme", b"x", partition=0)] * 5)
    await delete_before(cluster, H, 0, 3)
    rows = Rows({0: 2})
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(BusError, match="records 2 to 2 are wanted") as gone:
            await bus.project(H, GROUP, rows)
    assert (gone.value.code, rows.seen.items) == ("records-gone", [])


async def test_logs_that_are_gone_are_passed_over_and_said(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    bus = await cluster.bus()
    await bus.publish([Outgoing(L, "d1", str(i).encode(), partition=0) for i in range(5)])
    await delete_before(cluster, L, 0, 3)
    rows = Rows({0: 1})
    async with running(bus.project(L, GROUP, rows)):
        assert values(await rows.seen.reach(2)) == ["3", "4"]
    assert [message for message in caplog.messages if "ownstack.logs/0: records 1 to 2 are wanted" in message]


async def test_rows_that_are_ahead_of_the_log_are_refused(cluster: Cluster) -> None:
    """They were made of another cluster, or of topics that were deleted since."""
    bus = await cluster.bus()
    await bus.publish([Outgoing(H, "acme", b"x", partition=0)] * 5)
    rows = Rows({0: 6})
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(BusError, match="ends at 5") as ahead:
            await bus.project(H, GROUP, rows)
    assert (ahead.value.code, rows.seen.items) == ("positions-ahead", [])


async def test_rows_that_are_ahead_of_the_logs_are_said_and_the_logs_begin_anew(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Logs are not history: nothing could mend it, and the lines are stored already, or lost."""
    bus = await cluster.bus()
    await bus.publish([Outgoing(L, "d1", str(i).encode(), partition=0) for i in range(5)])
    await delete_before(cluster, L, 0, 2)
    rows = Rows({0: 6})
    async with running(bus.project(L, GROUP, rows)):
        assert values(await rows.seen.reach(3)) == ["2", "3", "4"]
    assert rows.stored[0] == 5
    assert [message for message in caplog.messages if "ownstack.logs/0 ends at 5" in message]


class Unreachable(Rows):
    """A sink whose database is away."""

    async def positions(self) -> Mapping[int, int]:
        raise OSError("the database is away")


async def test_whose_rows_cannot_be_reached_does_not_join_and_disturbs_nobody(cluster: Cluster) -> None:
    one, rows = Assigned(), Rows()
    first, second = await cluster.bus(one), await cluster.bus()
    everything = frozenset(range(await first.partitions(H)))
    async with running(first.project(H, GROUP, rows)):
        await one.until(len(everything))
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(OSError, match="is away"):
                await second.project(H, GROUP, Unreachable())
        await first.publish(numbered(H, "acme", 1))
        await rows.seen.reach(1)
        assert one.now.items == [everything]


async def test_a_member_that_ended_is_not_said_to_take_part(cluster: Cluster) -> None:
    meter, taking_part = PrometheusMeter(), list[str]()

    class Full(Rows):
        async def apply(self, partition: int, records: Sequence[Record]) -> None:
            taking_part.extend(meter.joined)
            raise OSError("the disk is full")

    bus = await KafkaBus.open(cluster.servers, cluster.settings, meter)
    await bus.publish(numbered(H, "acme", 1))
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(OSError, match="is full"):
            await bus.project(H, GROUP, Full())
    await bus.close()
    assert (taking_part, meter.joined) == ([f"{GROUP}.{H}"], set())


async def never(*_: object) -> None:
    """An actor that gets nothing."""
    raise AssertionError


@pytest.mark.parametrize(
    ("topic", "verb"),
    [
        (H, lambda bus: bus.project(H, GROUP, Rows())),
        (D, lambda bus: bus.work(D, "deployers", never)),
    ],
    ids=["project", "work"],
)
async def test_a_member_that_gets_nothing_ends_after_as_long_as_is_set(
    topic: str, verb: Callable[[KafkaBus], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object, **__: object) -> dict[object, object]:
        await asyncio.sleep(0.1)  # as long as one waits there for records
        return {}

    async with new_bus(partitions=2, stalled_after=5) as bus:
        await bus.publish(numbered(topic, "acme", 1))
        monkeypatch.setattr(AIOKafkaConsumer, "getmany", nothing)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(BusError) as failed:
                await verb(bus)
    assert failed.value.code == "bus-stalled"
