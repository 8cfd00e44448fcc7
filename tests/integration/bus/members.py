"""What tests of `work` on Kafka share: several members on the topics of one test, and what the group has committed."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from tests.contract.bus.parts import PATIENCE_S, D, Seen
from tests.real.kafka import new_topics

from ownstack_bus.kafka import KafkaBus, KafkaSettings
from ownstack_bus.kafka.clients import Clients

GROUP = "deployers"
SESSION_S = 6.0
"""The shortest that a broker takes by default."""


class Assigned:
    """A meter that says which partitions a member has."""

    def __init__(self) -> None:
        self.now: Seen[frozenset[int]] = Seen()

    def batch(self, consumer: str, records: int) -> None:
        """Not looked at."""

    def lag(self, consumer: str, topic: str, partition: int, records: int) -> None:
        """Not looked at."""

    def restarted(self, consumer: str, partition: int) -> None:
        """Not looked at."""

    def assigned(self, consumer: str, partitions: Collection[int], beginning: int = 0) -> None:
        """Which they are, from the last to join on."""
        self.now.add(frozenset(partitions))

    async def until(self, count: int) -> frozenset[int]:
        """Those that it has, once it has so many."""
        return (await self.now.until(lambda seen: bool(seen) and len(seen[-1]) == count))[-1]


class Cluster:
    """Buses on the topics of one test."""

    def __init__(self, servers: str, settings: KafkaSettings) -> None:
        self.servers = servers
        self.settings = settings
        self._open: list[KafkaBus] = []

    async def bus(self, meter: Assigned | None = None) -> KafkaBus:
        """Another bus, as another process has it."""
        bus = await KafkaBus.open(self.servers, self.settings, meter)
        self._open.append(bus)
        return bus

    async def member(self) -> tuple[KafkaBus, Assigned]:
        """One for a member, and what tells which partitions it has."""
        assigned = Assigned()
        return await self.bus(assigned), assigned

    async def committed(self) -> dict[int, tuple[int, str]]:
        """What the group has, by partition."""
        clients = Clients(self.servers, self.settings)
        admin = clients.admin()
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(clients.named(GROUP))
        finally:
            await admin.close()
        return {place.partition: (mark.offset, mark.metadata) for place, mark in found.items()}

    async def close(self) -> None:
        """Close them all."""
        for bus in self._open:
            await bus.close()


@asynccontextmanager
async def cluster_at(servers: str) -> AsyncIterator[Cluster]:
    """Topics of four partitions each, empty; and no bus yet."""
    async with new_topics(servers, partitions=4, session_timeout=SESSION_S) as settings:
        cluster = Cluster(servers, settings)
        yield cluster
        await cluster.close()


class Member:
    """A process that works in the group (member.py)."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.said: Seen[str] = Seen()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            self.said.add(line.decode().strip())

    def offsets(self, word: str) -> list[int]:
        """Those that it said this of."""
        return [int(line.split()[1]) for line in self.said.items if line.split()[0] == word]

    async def until(self, word: str, count: int) -> list[int]:
        """Those that it said this of, once they are so many."""
        await self.said.until(lambda _: len(self.offsets(word)) >= count)
        return self.offsets(word)

    def tell(self) -> None:
        """It is to acknowledge now."""
        assert self.process.stdin
        self.process.stdin.write(b"now\n")

    async def kill(self) -> None:
        """As `kill -9` does."""
        if self.process.returncode is None:
            self.process.kill()
        async with asyncio.timeout(PATIENCE_S):
            await self.process.wait()
            await self._reading
        if self.process.stdin:
            self.process.stdin.close()  # that its end was noticed is not waited for


@asynccontextmanager
async def member(cluster: Cluster, mode: str) -> AsyncIterator[Member]:
    """A member that is a process."""
    prefix, program = cluster.settings.prefix, Path(__file__).with_name("member.py")
    arguments = [cluster.servers, prefix, str(SESSION_S), D, GROUP, mode]
    process = await asyncio.create_subprocess_exec(sys.executable, str(program), *arguments, stdin=PIPE, stdout=PIPE)
    started = Member(process)
    try:
        yield started
    finally:
        await started.kill()
