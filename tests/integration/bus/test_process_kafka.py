"""`process` on Kafka when its members come and go: each input makes what it makes exactly once, in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import KafkaTimeoutError
from tests.contract.bus.parts import C, H, R, running
from tests.integration.bus.members import Cluster, cluster_at
from tests.integration.bus.numbering import Numbering, Traffic
from tests.real.kafka import kafka, new_topics

from ownstack_bus.kafka import KafkaBus
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.processing import process
from ownstack_bus.kafka.transactions import Transactions
from ownstack_bus.port import Bus, BusError


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with cluster_at(await asyncio.to_thread(kafka)) as cluster:
        yield cluster


async def test_members_join_and_leave_during_traffic_and_each_input_is_handled_once(cluster: Cluster) -> None:
    traffic = Traffic(await cluster.bus(), 4)
    chance = random.Random(5)
    total = 4_000

    async def come_and_go(bus: Bus, stays: range) -> None:
        """Leaves whenever so many are handled, and comes back at once."""
        for until in stays:
            async with running(bus.process("promoter", [C, R], H, Numbering)):
                await traffic.handled(until)

    async def publish() -> None:
        while len(traffic.sent) < total:
            await traffic.send(chance.randint(1, 80))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish())
        tasks.create_task(come_and_go(await cluster.bus(), range(500, total, 700)))
        tasks.create_task(come_and_go(await cluster.bus(), range(900, total, 900)))
        tasks.create_task(come_and_go(await cluster.bus(), range(total, total + 1)))
    async with running((await cluster.bus()).process("promoter", [C, R], H, Numbering)):
        await traffic.check()


async def test_an_owner_whose_partition_stays_is_not_built_anew(cluster: Cluster) -> None:
    made: list[int] = []

    def factory(partition: int) -> Numbering:
        made.append(partition)
        return Numbering(partition)

    traffic = Traffic(await cluster.bus(), 4)
    first, first_has = await cluster.member()
    second, second_has = await cluster.member()
    async with running(first.process("promoter", [C, R], H, factory)):
        await first_has.until(4)
        async with running(second.process("promoter", [C, R], H, Numbering)):
            await second_has.until(2)
            kept = await first_has.until(2)
            await traffic.send(40)
            await traffic.handled()
        await first_has.until(4)
        await traffic.send(40)
        await traffic.check()
    assert sorted(made) == sorted([0, 1, 2, 3, *({0, 1, 2, 3} - kept)])


async def test_an_owner_that_gets_nowhere_while_the_cluster_answers_stops_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refused(*_: object) -> None:
        raise KafkaTimeoutError

    servers = await asyncio.to_thread(kafka)
    async with new_topics(servers, partitions=2, stalled_after=5) as settings:
        bus = await KafkaBus.open(servers, settings)
        await Traffic(bus, 2).send(4)
        monkeypatch.setattr(Transactions, "_write", refused)
        with pytest.raises(BusError) as failed:
            await bus.process("promoter", [C, R], H, Numbering)
        await bus.close()
    assert failed.value.code == "bus-stalled"


async def test_inputs_with_different_numbers_of_partitions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def differing(_: Clients) -> dict[str, int]:
        return {C: 12, R: 6, H: 12}

    servers = await asyncio.to_thread(kafka)
    monkeypatch.setattr("ownstack_bus.kafka.processing.counts_of", differing)
    async with new_topics(servers, partitions=1) as settings:
        with pytest.raises(BusError) as failed:
            await process(Clients(servers, settings), "promoter", [C, R], H, Numbering, lambda: None)
    assert failed.value.code == "bus-topics-differ"
    assert "reports has 6" in str(failed.value)
