"""One actor per key at a time, also while a partition goes and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from ownstack_bus.actors import Actors
from ownstack_bus.inboxes import KeyInbox
from ownstack_bus.port import BusError, Inbox, Record


def record(offset: int, key: str = "acme", partition: int = 0) -> Record:
    return Record("deploys", partition, offset, 0, key, b"")


class Stage:
    """Actors that do as they are told, and what they did."""

    def __init__(self) -> None:
        self.actors = Actors(self._act, self._acknowledge)
        self.taken: list[tuple[Inbox, int]] = []
        self.acknowledged: list[int] = []
        self.gates: dict[int, asyncio.Event] = {}
        self.failures: dict[int, Exception] = {}

    def gate(self, offset: int) -> asyncio.Event:
        """Whoever takes this record waits for it."""
        return self.gates.setdefault(offset, asyncio.Event())

    async def _act(self, inbox: Inbox) -> None:
        found = await inbox.get(0)
        assert found
        self.taken.append((inbox, found.offset))
        if gate := self.gates.get(found.offset):
            await gate.wait()
        if failure := self.failures.pop(found.offset, None):
            raise failure
        await inbox.done(found)

    async def _acknowledge(self, inbox: KeyInbox, offsets: Sequence[int]) -> None:
        self.acknowledged += offsets
        self.actors.acknowledged(inbox.partition, inbox.key, offsets)

    @property
    def offsets(self) -> list[int]:
        """What was taken, in order."""
        return [offset for _, offset in self.taken]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


async def turns() -> None:
    """Whoever can do something has done it."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.actors.end()


async def test_the_next_actor_of_a_key_that_came_back_waits_for_the_one_that_still_runs(stage: Stage) -> None:
    gate = stage.gate(0)
    stage.actors.hand_over(record(0))
    await until(lambda: stage.offsets == [0])
    stage.actors.revoke(0)
    assert stage.taken[0][0].revoked
    stage.actors.hand_over(record(0))
    stage.actors.hand_over(record(1))
    await turns()
    assert stage.offsets == [0]
    gate.set()
    await until(lambda: stage.offsets == [0, 1])
    assert not stage.taken[1][0].revoked
    assert stage.acknowledged == [0, 1]


async def test_what_the_one_before_did_not_acknowledge_comes_to_the_next(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    gate = stage.gate(0)
    stage.failures[0] = BusError("partition-lost", "It went.")
    stage.actors.hand_over(record(0))
    await until(lambda: stage.offsets == [0])
    stage.actors.revoke(0)
    stage.actors.hand_over(record(0))
    gate.set()
    await until(lambda: stage.offsets == [0, 0])
    assert "failed" not in caplog.text


async def test_a_failure_after_the_partition_has_gone_is_told(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    gate = stage.gate(0)
    stage.failures[0] = RuntimeError("broken")
    stage.actors.hand_over(record(0))
    await until(lambda: stage.offsets == [0])
    stage.actors.revoke(0)
    gate.set()
    await until(lambda: "its partition has gone" in caplog.text)


async def test_other_partitions_and_keys_go_on(stage: Stage) -> None:
    stage.gate(0)
    stage.actors.hand_over(record(0))
    await until(lambda: stage.offsets == [0])
    stage.actors.revoke(0)
    stage.actors.hand_over(record(5, "other"))
    stage.actors.hand_over(record(7, "acme", partition=1))
    await until(lambda: stage.acknowledged == [5, 7])


async def test_an_actor_that_rests_after_a_failure_keeps_nobody_waiting(stage: Stage) -> None:
    stage.failures[0] = RuntimeError("broken")
    stage.actors.hand_over(record(0))
    inbox = None

    def rests() -> bool:
        nonlocal inbox
        inbox = stage.taken[0][0] if stage.taken else None
        return isinstance(inbox, KeyInbox) and inbox.resting

    await until(rests)
    stage.actors.revoke(0)
    stage.actors.hand_over(record(0))
    await turns()
    assert stage.offsets == [0, 0]


async def test_who_waits_for_a_record_hears_that_the_partition_has_gone(stage: Stage) -> None:
    heard: list[Record | None] = []

    async def wait(inbox: Inbox) -> None:
        heard.append(await inbox.get())
        heard.append(await inbox.get())

    actors = Actors(wait, stage._acknowledge)
    actors.hand_over(record(0))
    await until(lambda: len(heard) == 1)
    actors.revoke(0)
    await until(lambda: heard[1:] == [None])
    await actors.end()
