"""Commits what was acknowledged: one request at a time, for all partitions and whoever waits at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ownstack_bus.kafka.group import Group, Membership
from ownstack_bus.kafka.holding import Holding
from ownstack_bus.port import BusError


@dataclass(slots=True, eq=False)
class Ack:
    """Records of one key that somebody waits for to be done."""

    holding: Holding
    key: str
    offsets: Sequence[int]
    future: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Committer:
    """The commits of one member. It begins suspended."""

    def __init__(self, group: Group, committed: Callable[[Collection[Ack]], None]) -> None:
        """committed: told of what is durable, before those who wait for it are."""
        self._group = group
        self._committed = committed
        self._waiting: list[Ack] = []
        self._asked = asyncio.Event()
        self._open = asyncio.Event()
        self._turn = asyncio.Lock()
        self._membership = Membership(-1, "")
        self._commit: asyncio.Task[bool] | None = None

    async def acknowledge(self, holding: Holding, key: str, offsets: Sequence[int]) -> None:
        """Return when these are done for good.

        Raises BusError `partition-lost`: the partition went to another member before that could be committed.
        """
        ack = Ack(holding, key, offsets)
        self._waiting.append(ack)
        self._asked.set()
        await ack.future

    async def run(self) -> None:
        """Commit until cancelled.

        Raises KafkaError, BusError: the cluster refuses for good.
        """
        while True:
            await self._asked.wait()
            await self._open.wait()
            await asyncio.sleep(0)  # what is acknowledged in this turn of the loop goes along
            async with self._turn:
                if self._open.is_set():
                    await self._round()

    async def suspend(self, patience: float) -> None:
        """The group rebalances: commit what waits, for `patience` seconds at most, and nothing more until `resume`."""
        self._open.clear()
        try:
            async with asyncio.timeout(patience), self._turn:
                if self._waiting:
                    await self._round()
        except TimeoutError:
            # Whether it arrives or not: the group is asked what it has when it is joined again.
            if self._commit:
                self._commit.cancel()

    def resume(self, membership: Membership) -> None:
        """All partitions that are held are ours, as this member."""
        self._membership = membership
        self._open.set()
        if self._waiting:
            self._asked.set()

    def lose(self, holding: Holding) -> None:
        """This partition is not ours any more, or what was taken of it is not what counts."""
        lost = [ack for ack in self._waiting if ack.holding is holding]
        self._waiting = [ack for ack in self._waiting if ack.holding is not holding]
        for ack in lost:
            if not ack.future.done():
                ack.future.set_exception(partition_lost(holding.place.partition, ack.key))

    async def close(self, patience: float) -> None:
        """Commit what waits, for `patience` seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._waiting and self._open.is_set():
                    async with self._turn:
                        await self._round()
        if self._commit:
            self._commit.cancel()
        for ack in self._waiting:
            ack.future.cancel()

    async def _round(self) -> None:
        acks, self._waiting = self._waiting, []
        self._asked.clear()
        try:
            if not acks or await self._written(acks):
                acks = []
        finally:
            if acks:
                self._waiting[:0] = acks
                self._asked.set()

    async def _written(self, acks: Sequence[Ack]) -> bool:
        for ack in acks:
            ack.holding.add(ack.offsets)
        marks = {holding: holding.mark() for holding in {ack.holding for ack in acks}}
        offsets = {holding.place: mark for holding, mark in marks.items()}
        self._commit = asyncio.ensure_future(self._group.commit(self._membership, offsets))
        await asyncio.wait([self._commit])
        if self._commit.cancelled():
            return False
        if not self._commit.result():
            self._open.clear()
            return False
        for holding, mark in marks.items():
            holding.confirm(mark)
        self._committed(acks)
        for ack in acks:
            if not ack.future.done():
                ack.future.set_result(None)
        return True


def partition_lost(partition: int, key: str) -> BusError:
    """What is not done here comes to the partition's new member."""
    return BusError(
        "partition-lost",
        f"Partition {partition} went to another member of the group before records of {key!r} were acknowledged: they "
        "come to that member, too. Finish what has begun, and leave the rest to it.",
    )
