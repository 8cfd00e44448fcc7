"""`process` while the cluster can't be reached: it waits, says so once, and goes on; nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.contract.bus.parts import C, H, R, Seen, running
from tests.integration.bus.members import cluster_at
from tests.integration.bus.numbering import Numbering, Traffic
from tests.real import brokers
from tests.real.kafka import need_brokers

from ownstack_bus.port import BusError


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[brokers.Cluster]:
    need_brokers()
    cluster = await asyncio.to_thread(brokers.cluster, tmp_path)
    await asyncio.to_thread(cluster.start)
    yield cluster
    await asyncio.to_thread(cluster.stop)


@pytest.fixture
def warnings() -> Iterator[Seen[str]]:
    """What `process` warns of."""
    seen: Seen[str] = Seen()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.add(record.getMessage())

    listener, logger = Listener(logging.WARNING), logging.getLogger("ownstack_bus.kafka.membership")
    logger.addHandler(listener)
    yield seen
    logger.removeHandler(listener)


async def sent_at_last(traffic: Traffic, count: int) -> None:
    """As somebody does whose publishing is refused for a while; none of it was written then."""
    while True:
        try:
            return await traffic.send(count)
        except BusError as error:
            if error.code != "bus-unavailable":
                raise


async def test_a_broker_that_is_killed_during_traffic_is_waited_for(
    broker: brokers.Cluster, warnings: Seen[str]
) -> None:
    async with cluster_at(broker.servers) as cluster:
        cluster.settings = cluster.settings.model_copy(update={"request_timeout": 3.0})
        traffic = Traffic(await cluster.bus(), 4)
        bus = await cluster.bus()
        async with running(bus.process("promoter", [C, R], H, Numbering)):
            await traffic.send(8_000)
            await traffic.handled(100)
            [one] = broker.brokers
            await asyncio.to_thread(one.kill)
            await warnings.reach(1)
            await asyncio.to_thread(one.start)
            await traffic.handled()
            await sent_at_last(traffic, 40)
            await traffic.check()
        assert any("waits for Kafka" in warning for warning in warnings.items)


async def test_a_broker_that_is_stopped_and_started_again_loses_and_doubles_nothing(broker: brokers.Cluster) -> None:
    async with cluster_at(broker.servers) as cluster:
        traffic = Traffic(await cluster.bus(), 4)
        bus = await cluster.bus()
        async with running(bus.process("promoter", [C, R], H, Numbering)):
            await traffic.send(8_000)
            await traffic.handled(100)
            [one] = broker.brokers
            await asyncio.to_thread(one.stop)
            await asyncio.to_thread(one.start)
            await sent_at_last(traffic, 40)
            await traffic.check()
