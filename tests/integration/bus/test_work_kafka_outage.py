"""`work` while the cluster can't be reached: it waits, says so once, and goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.contract.bus.parts import D, Seen, keys_on, running, values
from tests.integration.bus.members import GROUP, cluster_at
from tests.real import brokers
from tests.real.kafka import need_brokers

from ownstack_bus.port import Inbox, Outgoing, Record


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[brokers.Cluster]:
    need_brokers()
    cluster = await asyncio.to_thread(brokers.cluster, tmp_path)
    await asyncio.to_thread(cluster.start)
    yield cluster
    await asyncio.to_thread(cluster.stop)


@pytest.fixture
def warnings() -> Iterator[Seen[str]]:
    """What `work` warns of."""
    seen: Seen[str] = Seen()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.add(record.getMessage())

    listener, logger = Listener(logging.WARNING), logging.getLogger("ownstack_bus.waiting")
    logger.addHandler(listener)
    yield seen
    logger.removeHandler(listener)


async def test_a_broker_that_is_killed_and_started_again(broker: brokers.Cluster) -> None:
    keys = [next(keys_on(partition, 4)) for partition in range(4)]
    begun: Seen[Record] = Seen()
    done: Seen[Record] = Seen()
    go_on = asyncio.Event()

    async def act(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        begun.add(record)
        await go_on.wait()
        await inbox.done(record)
        done.add(record)

    async with cluster_at(broker.servers) as cluster:
        bus = await cluster.bus()
        async with running(bus.work(D, GROUP, act)):
            await bus.publish([Outgoing(D, key, b"before") for key in keys])
            await begun.reach(4)
            await asyncio.to_thread(broker.brokers[0].kill)
            go_on.set()
            await asyncio.to_thread(broker.brokers[0].start)
            assert values(await done.reach(4)) == ["before"] * 4
            await (await cluster.bus()).publish([Outgoing(D, key, b"after") for key in keys])
            assert values(await done.reach(8))[4:] == ["after"] * 4
        assert values(begun.items) == ["before"] * 4 + ["after"] * 4, "nothing came twice"


async def test_a_cluster_that_is_not_there_yet(broker: brokers.Cluster, warnings: Seen[str]) -> None:
    done: Seen[Record] = Seen()

    async def act(inbox: Inbox) -> None:
        while record := await inbox.get(0):
            await inbox.done(record)
            done.add(record)

    async with cluster_at(broker.servers) as cluster:
        bus = await cluster.bus()
        await bus.publish([Outgoing(D, f"key-{i}", b"") for i in range(20)])
        await asyncio.to_thread(broker.brokers[0].stop)
        async with running(bus.work(D, GROUP, act)):
            await warnings.reach(1)
            await asyncio.to_thread(broker.brokers[0].start)
            await done.reach(20)
    assert len([warning for warning in warnings.items if "waits, and goes on by itself" in warning]) == 1, "said once"
