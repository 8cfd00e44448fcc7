"""Promotions while one of three brokers is away: ended in good order, and as `kill -9` does; again and again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from tests.faults.kafka.house import House, open_house, speaking
from tests.real.brokers import Broker, Cluster, cluster
from tests.real.kafka import need_brokers

STOPS = int(os.environ.get("OWNSTACK_FAULT_BROKER_STOPS", "5"))
"""So many of each kind."""
BROKERS = 3
SURE = 3
"""So often in a row all must be seen to be in sync."""
AWAY = (4.0, 12.0)
"""For how many seconds a broker is away."""
CAUGHT_UP = 120.0
"""Seconds in which a broker that is back has to hold what the others hold."""
BETWEEN = (2.0, 5.0)
"""Seconds until the next one goes."""


@pytest.fixture
async def brokers(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Three, each of which holds everything."""
    await asyncio.to_thread(need_brokers)
    three = await asyncio.to_thread(cluster, tmp_path / "kafka", BROKERS)
    try:
        await asyncio.to_thread(three.start)
        yield three
    finally:
        await asyncio.to_thread(three.stop)


@pytest.mark.timeout(2 * STOPS * (AWAY[1] + CAUGHT_UP) + 600)
async def test_a_broker_that_goes_takes_nothing_with_it(seed: int, brokers: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "house"
    folder.mkdir()
    async with open_house(folder, seed, brokers.servers) as house:
        await _caught_up(house, brokers)
        async with speaking(house):
            for ending in _endings(house):
                await _away(house, brokers, ending)
        await house.judge(await house.drained())
        assert house.deeds.count("stopped") == house.deeds.count("killed broker") == STOPS


def _endings(house: House) -> list[str]:
    endings = ["stopped", "killed broker"] * STOPS
    house.chance.shuffle(endings)
    return endings


async def _away(house: House, brokers: Cluster, ending: str) -> None:
    """One of them goes, comes back, and catches up."""
    broker = house.chance.choice(brokers.brokers)
    house.deeds.note(ending, f"broker-{broker.number}")
    await asyncio.to_thread(_end_of(broker, ending))
    await asyncio.sleep(house.chance.uniform(*AWAY))
    await asyncio.to_thread(broker.start)
    await _caught_up(house, brokers)
    house.deeds.note("caught up", f"broker-{broker.number}")
    await asyncio.sleep(house.chance.uniform(*BETWEEN))


def _end_of(broker: Broker, ending: str) -> Callable[[], None]:
    return broker.stop if ending == "stopped" else broker.kill


async def _caught_up(house: House, brokers: Cluster) -> None:
    """Wait until all three hold every partition again, those of Kafka's own topics too."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers.servers)
    await admin.start()
    try:
        async with asyncio.timeout(CAUGHT_UP):
            in_a_row = 0
            while in_a_row < SURE:
                in_a_row = in_a_row + 1 if _complete(await admin.describe_topics()) else 0
                await asyncio.sleep(0.5)  # nothing tells when a replica is in sync
    except TimeoutError:
        raise AssertionError(house.report(["a broker that came back did not catch up"])) from None
    finally:
        await admin.close()


def _complete(topics: list[dict[str, Any]]) -> bool:
    """What a broker held that has just been killed is still said to be in sync, until the others notice."""
    partitions = [partition for topic in topics for partition in topic["partitions"]]
    return bool(partitions) and all(len(partition["isr"]) == BROKERS for partition in partitions)
