"""A broker that goes and comes back, under `publish`, `tail` and `project`: what was acknowledged is there, once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from tests.contract.bus.parts import PATIENCE_S, H, Rows, Seen, everything, keys_on, running, values
from tests.real import brokers
from tests.real.kafka import need_brokers, new_topics

from ownstack_bus.kafka import KafkaBus, KafkaSettings
from ownstack_bus.port import PASSING, At, Bus, BusError, Outgoing

PARTITIONS = 2


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[brokers.Cluster]:
    """Each test leaves it running."""
    need_brokers()
    cluster = brokers.cluster(tmp_path_factory.mktemp("brokers"))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
async def settings(cluster: brokers.Cluster) -> AsyncIterator[KafkaSettings]:
    """Of topics that are there; requests are given up soon."""
    async with new_topics(cluster.servers, PARTITIONS, request_timeout=2.0) as settings:
        yield settings


@pytest.fixture
async def bus(cluster: brokers.Cluster, settings: KafkaSettings) -> AsyncIterator[Bus]:
    bus = await KafkaBus.open(cluster.servers, settings)
    yield bus
    await bus.close()


class Publishing:
    """Publishes numbers, one after another, each until it is acknowledged."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._keys = [next(keys_on(partition, PARTITIONS)) for partition in range(PARTITIONS)]
        self.acknowledged: Seen[int] = Seen()
        self.refused: Seen[BusError] = Seen()

    async def run(self) -> None:
        number = 0
        while True:
            try:
                await self._bus.publish([Outgoing(H, self._keys[number % PARTITIONS], str(number).encode())])
            except BusError as error:
                self.refused.add(error)
            else:
                self.acknowledged.add(number)
                number += 1


async def tailing(bus: Bus, partition: int, seen: Seen[int]) -> None:
    async for record in bus.tail(H, partition, At(offset=0)):
        seen.add(int(record.value))


def has_all(numbers: list[int]) -> Callable[[list[int]], bool]:
    return lambda seen: set(seen) >= set(numbers)


@pytest.mark.parametrize("end", [brokers.Broker.stop, brokers.Broker.kill])
async def test_all_that_was_acknowledged_is_tailed_and_projected(
    bus: Bus, cluster: brokers.Cluster, end: Callable[[brokers.Broker], None]
) -> None:
    broker = cluster.brokers[0]
    publishing, tailed, rows = Publishing(bus), Seen[int](), Rows()
    tails = [asyncio.ensure_future(tailing(bus, partition, tailed)) for partition in range(PARTITIONS)]
    async with running(bus.project(H, "readmodel", rows)), running(publishing.run()):
        await publishing.acknowledged.reach(50)
        await rows.seen.reach(20)
        await asyncio.to_thread(end, broker)
        await publishing.refused.reach(2)
        await asyncio.to_thread(broker.start)
        count = len(await publishing.acknowledged.reach(len(publishing.acknowledged.items) + 50))
        numbers = publishing.acknowledged.items[:count]
        await tailed.until(has_all(numbers))
        await rows.seen.until(lambda seen: has_all(numbers)([int(record.value) for record in seen]))
    for tail in tails:
        tail.cancel()
    assert {error.code for error in publishing.refused.items} <= PASSING
    offsets = [(record.partition, record.offset) for record in rows.seen.items]
    assert len(offsets) == len(set(offsets)), "nothing is projected twice"
    for partition in range(PARTITIONS):
        lying = [int(record.value) async for record in bus.read(H, partition)]
        assert lying == sorted(lying), "what was tried again lies before what came later"


async def test_a_publish_that_finds_nobody_says_so_in_time(bus: Bus, cluster: brokers.Cluster) -> None:
    await bus.publish([Outgoing(H, "acme", b"before")])
    await asyncio.to_thread(cluster.brokers[0].kill)
    async with asyncio.timeout(2 * 2.0):
        several = [bus.publish([Outgoing(H, "acme", b"meanwhile")]) for _ in range(3)]
        refused = await asyncio.gather(*several, return_exceptions=True)
    assert [error.code for error in refused if isinstance(error, BusError)] == ["bus-unavailable"] * 3
    await asyncio.to_thread(cluster.brokers[0].start)
    async with asyncio.timeout(PATIENCE_S):
        while await bus_refuses(bus):
            await asyncio.sleep(0)
    assert {"before", "after"} <= set(values(await everything(bus, H)))


async def bus_refuses(bus: Bus) -> bool:
    """Whether it says that it is unavailable."""
    try:
        await bus.publish([Outgoing(H, "acme", b"after")])
    except BusError as error:
        if error.code != "bus-unavailable":
            raise
        return True
    return False


async def test_a_broker_that_stands_still_does_not_hold_up_a_publish_for_ever(
    bus: Bus, cluster: brokers.Cluster
) -> None:
    await bus.publish([Outgoing(H, "acme", b"before")])
    cluster.brokers[0].pause()
    try:
        async with asyncio.timeout(2 * 2.0):
            assert await bus_refuses(bus)
    finally:
        cluster.brokers[0].resume()
    async with asyncio.timeout(PATIENCE_S):
        while await bus_refuses(bus):
            await asyncio.sleep(0)


async def test_who_opens_a_bus_that_is_away_is_told(cluster: brokers.Cluster, settings: KafkaSettings) -> None:
    await asyncio.to_thread(cluster.brokers[0].stop)
    with pytest.raises(BusError, match=cluster.servers) as away:
        await KafkaBus.open(cluster.servers, settings)
    assert away.value.code == "bus-unavailable"
    await asyncio.to_thread(cluster.brokers[0].start)


async def test_tail_and_project_begin_when_the_cluster_comes(
    bus: Bus, cluster: brokers.Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    await bus.publish([Outgoing(H, "acme", b"1", partition=0)])
    await asyncio.to_thread(cluster.brokers[0].stop)
    caplog.set_level(logging.WARNING, "ownstack_bus.waiting")
    tailed, rows = Seen[int](), Rows()
    tail = asyncio.ensure_future(tailing(bus, 0, tailed))
    async with running(bus.project(H, "readmodel", rows)):
        async with asyncio.timeout(PATIENCE_S):
            while len(waits(caplog)) < 2:
                await asyncio.sleep(0)
        await asyncio.to_thread(cluster.brokers[0].start)
        assert await tailed.reach(1) == [1]
        assert values(await rows.seen.reach(1)) == ["1"]
    tail.cancel()
    assert len(waits(caplog)) == 2, "one line each"


def waits(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [message for message in caplog.messages if "waits, and goes on by itself" in message]
