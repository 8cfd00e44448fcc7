"""The publisher: batches, order, repetition until it is durable, back-pressure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.unit.deployer.fakes import FakeBus, idle

from ownstack_bus.port import BusError, Outgoing
from ownstack_deployer.publisher import MOST_RECORDS, Publisher


def record(number: int, size: int = 4) -> Outgoing:
    return Outgoing("ownstack.reports", "acme", b"%0*d" % (size, number))


class Story:
    def __init__(self) -> None:
        self.bus = FakeBus()
        self.pauses: list[float] = []
        self.publisher = Publisher(self.bus, "reports", sleep=self._sleep, most_waiting=100)
        self.running = asyncio.create_task(self.publisher.run())

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
async def story() -> AsyncIterator[Story]:
    story = Story()
    yield story
    story.running.cancel()
    await asyncio.gather(story.running, return_exceptions=True)


async def test_all_that_is_said_in_a_turn_goes_out_together(story: Story) -> None:
    async def say(number: int) -> None:
        await story.publisher.add(record(number)).wait()

    await asyncio.gather(*(say(number) for number in range(100)))
    assert [len(call) for call in story.bus.calls] == [100]
    assert story.bus.records == [record(number) for number in range(100)]


async def test_what_is_said_while_a_batch_is_under_way_waits_for_the_next(story: Story) -> None:
    story.bus.flowing.clear()
    first = story.publisher.add(record(1))
    await idle()
    second = story.publisher.add(record(2))
    third = story.publisher.add(record(3))
    await idle()
    assert not first.is_set()
    story.bus.flowing.set()
    await third.wait()
    assert first.is_set()
    assert second is third
    assert [len(call) for call in story.bus.calls] == [1, 2]


async def test_a_batch_that_fails_is_published_again_before_anything_else(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    story.bus.failures = [BusError("disk-full", "no room"), OSError("gone")]
    first = story.publisher.add(record(1))
    await idle()
    await story.publisher.add(record(2)).wait()
    assert first.is_set()
    assert story.bus.records == [record(1), record(2)]
    assert story.pauses == [0.1, 0.2]
    assert "no room" in caplog.text


async def test_the_pause_between_two_tries_grows_to_five_seconds(story: Story) -> None:
    story.bus.failures = [BusError("disk-full", "no room")] * 9
    await story.publisher.add(record(1)).wait()
    assert story.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


async def test_many_records_are_cut_into_batches(story: Story) -> None:
    for number in range(MOST_RECORDS + 1):
        last = story.publisher.add(record(number))
    await last.wait()
    assert [len(call) for call in story.bus.calls] == [MOST_RECORDS, 1]
    assert story.bus.records == [record(number) for number in range(MOST_RECORDS + 1)]


async def test_whoever_says_much_waits_until_there_is_room(story: Story) -> None:
    story.bus.flowing.clear()
    story.publisher.add(record(1, size=101))
    waiting = asyncio.create_task(story.publisher.room())
    await idle()
    assert not waiting.done()
    story.bus.flowing.set()
    await waiting


async def test_flushed_waits_for_what_is_under_way_and_for_what_waits(story: Story) -> None:
    story.bus.flowing.clear()
    story.publisher.add(record(1))
    await idle()
    story.publisher.add(record(2))
    flushing = asyncio.create_task(story.publisher.flushed())
    await idle()
    assert not flushing.done()
    story.bus.flowing.set()
    await flushing
    assert story.bus.records == [record(1), record(2)]
    await story.publisher.flushed()


async def test_one_who_waits_may_be_cancelled_without_harm_to_the_others(story: Story) -> None:
    story.bus.flowing.clear()
    durable = story.publisher.add(record(1))
    impatient = asyncio.create_task(durable.wait())
    await idle()
    impatient.cancel()
    await idle()
    story.bus.flowing.set()
    await durable.wait()
    assert story.bus.records == [record(1)]
