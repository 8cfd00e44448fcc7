"""A member that gets nothing although records wait and the cluster answers is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError

from ownstack_bus.kafka.watching import Watchdog
from ownstack_bus.port import BusError

PLACE = TopicPartition("deploys", 0)


class FakeConsumer:
    """`end`: of the partition; None: the cluster does not answer. `at`: where it reads."""

    def __init__(self) -> None:
        self.end: int | None = 10
        self.at = 0
        self.looked = asyncio.Event()
        self.each: Callable[[], None] = lambda: None

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        """As aiokafka's."""
        self.each()
        if self.end is None:
            raise KafkaTimeoutError
        return dict.fromkeys(places, self.end)

    async def position(self, place: TopicPartition) -> int:
        """As aiokafka's."""
        return self.at


def watched(consumer: FakeConsumer, wanted: dict[TopicPartition, int]) -> tuple[Watchdog, list[int]]:
    lags: list[int] = []
    fake: Any = consumer
    return Watchdog(fake, lambda: wanted, lambda _, records: lags.append(records), patience=0.02), lags


async def survives(dog: Watchdog, consumer: FakeConsumer, looks: int) -> None:
    """It looks so many times and does not bark."""
    enough = asyncio.Event()
    left = iter(range(looks))
    before = consumer.each

    def count() -> None:
        before()
        if next(left, None) is None:
            enough.set()

    consumer.each = count
    task = asyncio.create_task(dog.run())
    await asyncio.wait({task, waiter := asyncio.create_task(enough.wait())}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_records_that_wait_and_do_not_come_stop_it() -> None:
    dog, lags = watched(FakeConsumer(), {PLACE: 4})
    with pytest.raises(BusError) as stalled:
        await asyncio.wait_for(dog.run(), 5)
    assert stalled.value.code == "bus-stalled"
    assert set(lags) == {6}


async def test_one_that_gets_on_is_left_alone() -> None:
    consumer, wanted = FakeConsumer(), {PLACE: 0}
    dog, _ = watched(consumer, wanted)

    def step() -> None:
        wanted[PLACE] += 1
        consumer.end = wanted[PLACE] + 5

    consumer.each = step
    await survives(dog, consumer, 60)


async def test_what_comes_after_the_last_record_may_be_marks_of_transactions() -> None:
    consumer = FakeConsumer()
    consumer.at = 10
    dog, lags = watched(consumer, {PLACE: 9})
    await survives(dog, consumer, 60)
    assert set(lags) == {0}


async def test_a_partition_that_has_no_room_is_not_waited_for() -> None:
    consumer = FakeConsumer()
    dog, lags = watched(consumer, {})
    task = asyncio.create_task(dog.run())
    await asyncio.wait([task], timeout=0.1)
    assert not task.done()
    assert lags == []
    task.cancel()


async def test_without_the_cluster_nobody_gets_on() -> None:
    consumer = FakeConsumer()
    consumer.end = None
    dog, lags = watched(consumer, {PLACE: 4})
    await survives(dog, consumer, 60)
    assert lags == []
