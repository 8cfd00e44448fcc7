"""How far the read model is behind: however many ask, and whoever they are, the bus is asked once."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.api.house import FakeBus, House

from ownstack_api.lags import KEPT_S
from ownstack_bus.port import BusError


class AskedBus(FakeBus):
    """Remembers which partitions it was asked for, and answers once `answer` is set."""

    def __init__(self) -> None:
        super().__init__(ends={0: 7, 1: 3})
        self.asked: list[int] = []
        self.answer = asyncio.Event()

    async def behind(self, topic: str, partition: int, position: int) -> int:
        self.asked.append(partition)
        await self.answer.wait()
        return await super().behind(topic, partition, position)


@pytest.fixture
def bus(house: House, monkeypatch: pytest.MonkeyPatch) -> AskedBus:
    bus = AskedBus()
    monkeypatch.setattr(house.bus, "behind", bus.behind)
    return bus


async def test_all_partitions_are_asked_at_once(house: House, bus: AskedBus) -> None:
    asking = asyncio.create_task(house.anonymous.get("/readyz"))
    await until_asked(bus)
    assert bus.asked == [0, 1]
    bus.answer.set()
    assert (await asking).status_code == 200


async def test_many_who_ask_at_once_ask_the_bus_once(house: House, bus: AskedBus) -> None:
    asking = [asyncio.create_task(house.anonymous.get(path)) for path in ["/readyz", "/metrics"] * 20]
    await until_asked(bus)
    bus.answer.set()
    assert {answer.status_code for answer in await asyncio.gather(*asking)} == {200}
    assert bus.asked == [0, 1]


async def test_who_asks_shortly_after_is_told_the_same_and_later_it_is_asked_again(
    house: House, bus: AskedBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(house.parts.lags, "_clock", lambda: now)
    bus.answer.set()
    await house.anonymous.get("/readyz")
    now += KEPT_S - 0.01
    assert 'ownstack_readmodel_lag{partition="0"} 7.0' in (await house.anonymous.get("/metrics")).text
    assert bus.asked == [0, 1]
    now += 0.01
    await house.anonymous.get("/readyz")
    assert bus.asked == [0, 1, 0, 1]


async def test_that_the_bus_is_away_is_told_to_all_who_ask(house: House, bus: AskedBus) -> None:
    bus.failure = BusError("bus-unavailable", "away")
    bus.answer.set()
    answers = [await house.anonymous.get("/readyz") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {503}
    assert bus.asked == [0, 1]


async def test_one_who_goes_takes_nothing_from_the_others(house: House, bus: AskedBus) -> None:
    impatient, patient = (asyncio.create_task(house.anonymous.get("/readyz")) for _ in range(2))
    await until_asked(bus)
    impatient.cancel()
    await asyncio.wait([impatient])
    bus.answer.set()
    assert (await patient).status_code == 200
    assert bus.asked == [0, 1]


async def until_asked(bus: AskedBus) -> None:
    """As far as all can come while the bus has not answered."""
    while not bus.asked:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
