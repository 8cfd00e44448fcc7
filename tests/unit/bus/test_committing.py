"""One commit at a time for all who wait; none while the group rebalances."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition

from ownstack_bus.kafka.committing import Ack, Committer
from ownstack_bus.kafka.group import Membership
from ownstack_bus.kafka.holding import Holding, Mark
from ownstack_bus.port import BusError, Record

ME, ME_LATER = Membership(3, "me"), Membership(4, "me")


class FakeGroup:
    """Answers commits when it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Membership, Mapping[TopicPartition, Mark]]] = []
        self.answers: asyncio.Queue[bool | Exception] = asyncio.Queue()

    async def commit(self, membership: Membership, marks: Mapping[TopicPartition, Mark]) -> bool:
        """As Group."""
        self.asked.append((membership, dict(marks)))
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Stage:
    """A committer, its group, and two partitions with ten records each."""

    def __init__(self) -> None:
        group: Any = FakeGroup()
        self.group: FakeGroup = group
        self.told: list[Ack] = []
        self.committer = Committer(group, self.told.extend)
        self.holdings = [self.holding(partition) for partition in range(2)]
        self.task = asyncio.create_task(self.committer.run())

    @staticmethod
    def holding(partition: int) -> Holding:
        """A partition of which ten records were taken."""
        holding = Holding(TopicPartition("deploys", partition), None, 0)
        holding.take([Record("deploys", partition, offset, 0, "acme", b"") for offset in range(10)])
        return holding

    def done(self, partition: int, *offsets: int) -> asyncio.Task[None]:
        """Somebody acknowledges these, and waits."""
        return asyncio.create_task(self.committer.acknowledge(self.holdings[partition], "acme", offsets))

    def answers(self, *answers: bool | Exception) -> None:
        """What the group says to the next commits."""
        for answer in answers:
            self.group.answers.put_nowait(answer)

    @property
    def marks(self) -> list[dict[int, int]]:
        """What was asked to be committed: per commit, the offset by partition."""
        return [{place.partition: mark[0] for place, mark in marks.items()} for _, marks in self.group.asked]


async def turns() -> None:
    """Whoever can do something has done it."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    stage.task.cancel()
    await asyncio.wait([stage.task])


async def test_whoever_acknowledges_while_a_commit_is_under_way_goes_with_the_next(stage: Stage) -> None:
    stage.committer.resume(ME)
    first = [stage.done(0, 0), stage.done(1, 0), stage.done(0, 1)]
    await turns()
    assert stage.marks == [{0: 2, 1: 1}]
    later = [stage.done(0, 2), stage.done(0, 3, 4)]
    await turns()
    assert stage.marks == [{0: 2, 1: 1}]
    stage.answers(True)
    await asyncio.gather(*first)
    await turns()
    assert stage.marks[1:] == [{0: 5}]
    assert not any(task.done() for task in later)
    stage.answers(True)
    await asyncio.gather(*later)


async def test_nobody_is_told_before_the_commit_returned(stage: Stage) -> None:
    stage.committer.resume(ME)
    task = stage.done(0, 0)
    await turns()
    assert not task.done()
    assert stage.told == []
    stage.answers(True)
    await task
    assert [ack.offsets for ack in stage.told] == [(0,)]


async def test_who_stops_waiting_has_acknowledged_all_the_same(stage: Stage) -> None:
    stage.committer.resume(ME)
    task = stage.done(0, 0)
    await turns()
    task.cancel()
    stage.answers(True)
    await turns()
    assert [ack.offsets for ack in stage.told] == [(0,)]


async def test_a_commit_that_came_too_late_is_tried_again_under_the_next_membership(stage: Stage) -> None:
    stage.committer.resume(ME)
    task = stage.done(0, 0)
    stage.answers(False)
    await turns()
    assert len(stage.group.asked) == 1
    assert not task.done()
    stage.committer.resume(ME_LATER)
    stage.answers(True)
    await task
    assert [membership for membership, _ in stage.group.asked] == [ME, ME_LATER]


async def test_before_a_rebalance_what_waits_is_committed_and_nothing_after_it(stage: Stage) -> None:
    stage.committer.resume(ME)
    first = stage.done(0, 0)
    await turns()
    second = stage.done(0, 1)
    suspending = asyncio.create_task(stage.committer.suspend(5))
    await turns()
    stage.answers(True, True)
    await suspending
    await asyncio.gather(first, second)
    third = stage.done(0, 2)
    await turns()
    assert stage.marks == [{0: 1}, {0: 2}]
    assert not third.done()
    stage.answers(True)
    stage.committer.resume(ME_LATER)
    await third


async def test_a_rebalance_does_not_wait_for_a_cluster_that_does_not_answer(stage: Stage) -> None:
    stage.committer.resume(ME)
    task = stage.done(0, 0)
    await turns()
    await stage.committer.suspend(0.01)
    await turns()
    assert not task.done()
    stage.answers(True)
    stage.committer.resume(ME_LATER)
    await task
    assert stage.marks == [{0: 1}, {0: 1}]


async def test_what_waits_of_a_partition_that_has_gone_is_lost_and_nothing_else(stage: Stage) -> None:
    lost, kept = stage.done(0, 0), stage.done(1, 0)
    await turns()
    stage.committer.lose(stage.holdings[0])
    with pytest.raises(BusError) as refused:
        await lost
    assert refused.value.code == "partition-lost"
    stage.answers(True)
    stage.committer.resume(ME)
    await kept
    assert stage.marks == [{1: 1}]


async def test_what_the_cluster_refuses_for_good_ends_it(stage: Stage) -> None:
    stage.committer.resume(ME)
    stage.done(0, 0).add_done_callback(lambda task: task.cancelled() or task.exception())
    stage.answers(BusError("bus-metadata-refused", "Too long."))
    with pytest.raises(BusError, match="Too long"):
        await stage.task
    await stage.committer.close(0.01)


async def test_on_leaving_what_waits_is_committed(stage: Stage) -> None:
    stage.committer.resume(ME)
    task = stage.done(0, 0)
    await asyncio.sleep(0)
    stage.answers(True)
    await stage.committer.close(5)
    await task
    assert stage.marks == [{0: 1}]
