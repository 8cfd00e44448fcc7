"""A clock that is put back: append times go on, and so do deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.contract.bus.parts import Echo, Seen, everything, running

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import Outgoing, Record
from ownstack_contracts.topics import COMMANDS, DEPLOYS, HISTORY, REPORTS

YEAR = 365 * 24 * 3_600_000
IN_2030 = 60 * YEAR
IN_2026 = 56 * YEAR


class Machine:
    """Its clock can be set; its ticks only go on."""

    def __init__(self, now: int) -> None:
        self.offset, self.passed = now, 0

    def clock(self) -> int:
        return self.offset + self.passed

    def ticks(self) -> int:
        return self.passed

    async def open(self, folder: Path) -> EmbeddedBus:
        return await EmbeddedBus.open(folder / "bus.db", partitions=1, clock=self.clock, ticks=self.ticks)


async def appended(bus: EmbeddedBus, topic: str = COMMANDS.name) -> int:
    """Append something. When it was appended."""
    await bus.publish([Outgoing(topic, "acme", b"")])
    return (await everything(bus, topic))[-1].timestamp


async def test_while_the_clock_is_put_back_append_times_go_on(tmp_path: Path) -> None:
    machine = Machine(IN_2030)
    bus = await machine.open(tmp_path)
    assert await appended(bus) == IN_2030
    machine.offset = IN_2026
    for passed in (0, 1, 1, 5_000, 600_000):
        machine.passed = passed
        assert await appended(bus) == IN_2030 + passed
    assert await appended(bus, REPORTS.name) == IN_2030 + 600_000  # what is decided on together has one time
    machine.offset = IN_2030 + YEAR
    assert await appended(bus) == machine.clock()
    await bus.close()


async def test_a_file_from_the_future_is_told_of_and_goes_on_from_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus = await Machine(IN_2030).open(tmp_path)
    await appended(bus)
    await bus.close()
    assert caplog.messages == []
    machine = Machine(IN_2030 - 61_000)
    bus = await machine.open(tmp_path)
    assert "61 s in the future" in caplog.text
    machine.passed = 10_000
    assert await appended(bus, DEPLOYS.name) == IN_2030 + 10_000
    await bus.close()


async def test_a_clock_that_is_a_minute_behind_is_nothing_to_tell_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus = await Machine(IN_2030).open(tmp_path)
    await appended(bus)
    await bus.close()
    await (await Machine(IN_2030 - 60_000).open(tmp_path)).close()
    assert caplog.messages == []


class Deadline(Echo):
    """Wants to be woken a moment after its input was appended."""

    MOMENT_MS = 50

    def __init__(self, partition: int, woken: Seen[int]) -> None:
        super().__init__(partition)
        self.due: int | None = None
        self.woken = woken

    def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
        self.due = batch[-1].timestamp + self.MOMENT_MS
        return [() for _ in batch]

    def wake_at(self) -> int | None:
        return self.due

    def wake(self, now: int) -> Sequence[Outgoing]:
        self.due = None
        self.woken.add(now)
        return ()


async def test_a_deadline_comes_although_the_clock_was_put_back(tmp_path: Path) -> None:
    machine = Machine(IN_2030)
    bus = await machine.open(tmp_path)
    woken: Seen[int] = Seen()
    await appended(bus)
    machine.offset = IN_2026
    async with running(bus.process("promoter", [COMMANDS.name], HISTORY.name, lambda p: Deadline(p, woken))):
        await appended(bus)
        machine.passed = Deadline.MOMENT_MS
        assert await woken.reach(1) == [IN_2030 + Deadline.MOMENT_MS]
    await bus.close()
