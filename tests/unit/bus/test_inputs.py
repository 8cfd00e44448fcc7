"""The order in which a processor is given the inputs of several topics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.contract.bus.parts import Echo, Seen, running, values

from ownstack_bus.embedded import EmbeddedBus, inputs
from ownstack_bus.port import Outgoing, Record
from ownstack_contracts.topics import COMMANDS, HISTORY, REPORTS

C, R, H = COMMANDS.name, REPORTS.name, HISTORY.name


class Clock:
    now = 1_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def bus(tmp_path: Path, clock: Callable[[], int]) -> AsyncIterator[EmbeddedBus]:
    bus = await EmbeddedBus.open(tmp_path / "bus.db", partitions=1, clock=clock, window_bytes=0)
    yield bus
    await bus.close()


async def handled(bus: EmbeddedBus, count: int) -> list[str]:
    seen: Seen[Record] = Seen()
    async with running(bus.process("promoter", [C, R], H, lambda p: Echo(p, seen))):
        return values(await seen.reach(count))


async def test_what_was_appended_earlier_is_handled_earlier(bus: EmbeddedBus, clock: Clock) -> None:
    for i, topic in enumerate([C, R, R, C, R]):
        clock.now += 1
        await bus.publish([Outgoing(topic, "acme", str(i).encode())])
    assert await handled(bus, 5) == ["0", "1", "2", "3", "4"]


async def test_of_one_time_the_first_topic_goes_first(bus: EmbeddedBus) -> None:
    await bus.publish([Outgoing(topic, "acme", topic.encode()) for topic in (R, C, R, C)])
    assert await handled(bus, 4) == [C, C, R, R]


async def test_a_topic_that_is_far_behind_holds_up_what_was_appended_later(bus: EmbeddedBus, clock: Clock) -> None:
    count = 3 * inputs.BATCH
    await bus.publish([Outgoing(C, "acme", b"old")] * count)
    clock.now += 1
    await bus.publish([Outgoing(R, "acme", b"new")])
    assert await handled(bus, count + 1) == ["old"] * count + ["new"]


async def test_it_does_so_too_when_its_records_are_too_large_to_be_read_at_once(bus: EmbeddedBus, clock: Clock) -> None:
    old = ["x" * 500_000] * 20  # of which the file gives a part
    for value in old:
        await bus.publish([Outgoing(C, "acme", value.encode())])
    clock.now += 1
    await bus.publish([Outgoing(R, "acme", b"new")])
    assert await handled(bus, 21) == [*old, "new"]
