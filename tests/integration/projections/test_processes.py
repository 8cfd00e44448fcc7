"""Several processes project into one PostgreSQL from one Kafka: killed, stopped, rebuilt beside; the rows are right."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.bench.histories import Chronicle, promoted, shop
from tests.real.kafka import kafka, new_topics
from tests.real.postgres import database
from tests.unit.projections.house import dump

from ownstack_bus.kafka import KafkaBus
from ownstack_bus.port import Outgoing
from ownstack_contracts.topics import HISTORY
from ownstack_projections.rebuild import rebuild
from ownstack_readmodel import ReadModel, open_readmodel

MEMBER = Path(__file__).with_name("member.py")
PARTITIONS = 4
TEAMS = 8
SOON = 60
KILLS = 4
REBUILDS = 6
PUBLISHED_MOST = 25


@dataclass
class Fleet:
    """The processes that project, and what a test talks to beside them."""

    bus: KafkaBus
    readmodel: ReadModel
    command: tuple[str, ...]
    members: list[asyncio.subprocess.Process] = field(default_factory=list)
    chronicles: list[Chronicle] = field(default_factory=lambda: [shop(Chronicle(f"team-{n}")) for n in range(TEAMS)])
    published: dict[str, int] = field(default_factory=dict)

    async def start(self) -> None:
        """Another process, which has its read model open when this returns."""
        member = await asyncio.create_subprocess_exec(sys.executable, *self.command, stdout=asyncio.subprocess.PIPE)
        assert member.stdout is not None
        assert await member.stdout.readline() == b"projecting\n"
        self.members.append(member)

    async def kill(self, member: asyncio.subprocess.Process) -> None:
        """As the machine does that has no memory left."""
        self.members.remove(member)
        member.kill()
        assert await member.wait() == -signal.SIGKILL, "it ended by itself"

    async def publish(self) -> None:
        """Each team promotes once more."""
        for chronicle in self.chronicles:
            team, records = chronicle.team.name, chronicle.records
            promoted(chronicle, len(records))
            new = records[self.published.get(team, 0) :]
            self.published[team] = len(records)
            await self.bus.publish([Outgoing(HISTORY.name, record.key, record.value) for record in new])

    async def is_caught_up(self) -> None:
        """Wait until the read model holds all that was published."""
        for chronicle in self.chronicles:
            held = await self.readmodel.wait_for_sequence(chronicle.team.name, len(chronicle.records), SOON)
            assert held, (chronicle.team.name, len(chronicle.records), [m.returncode for m in self.members])

    async def is_right(self) -> None:
        """What was projected is what a rebuild by one process gives, with every fact once."""
        projected = dump(self.readmodel)
        assert len(projected["rm_history"]) == sum(len(chronicle.records) for chronicle in self.chronicles)
        await rebuild(self.bus, self.readmodel)
        assert dump(self.readmodel) == projected


@asynccontextmanager
async def running() -> AsyncIterator[Fleet]:
    """A Kafka and a PostgreSQL, with no process that projects yet."""
    async with AsyncExitStack() as stack:
        servers = await asyncio.to_thread(kafka)
        settings = await stack.enter_async_context(new_topics(servers, PARTITIONS))
        url = stack.enter_context(database())
        bus = await KafkaBus.open(servers, settings)
        stack.push_async_callback(bus.close)
        readmodel = open_readmodel(url)
        stack.callback(readmodel.close)
        fleet = Fleet(bus, readmodel, (str(MEMBER), servers, settings.prefix, url))
        stack.push_async_callback(_end, fleet)
        yield fleet


async def _end(fleet: Fleet) -> None:
    for member in fleet.members:
        with suppress(ProcessLookupError):
            member.kill()
        await member.wait()


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    async with running() as fleet:
        yield fleet


async def test_two_share_the_partitions_and_either_may_be_killed_at_any_time(fleet: Fleet) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chosen = random.Random(seed)
    for _ in range(2):
        await fleet.start()
    for _ in range(KILLS):
        await fleet.publish()
        which = chosen.randrange(TEAMS)
        team = fleet.chronicles[which]
        await fleet.readmodel.wait_for_sequence(team.team.name, chosen.randrange(len(team.records)), SOON)
        await fleet.kill(chosen.choice(fleet.members))
        await fleet.start()
    await fleet.publish()
    await fleet.is_caught_up()
    assert [member.returncode for member in fleet.members] == [None, None]
    await fleet.is_right()


async def test_one_that_was_stopped_for_too_long_goes_on_and_does_no_harm(fleet: Fleet) -> None:
    await fleet.start()
    await fleet.publish()
    await fleet.is_caught_up()
    zombie = fleet.members[0]
    os.kill(zombie.pid, signal.SIGSTOP)
    await fleet.start()
    await fleet.publish()
    await fleet.is_caught_up()
    os.kill(zombie.pid, signal.SIGCONT)
    await fleet.publish()
    await fleet.is_caught_up()
    await fleet.kill(fleet.members[1])
    await fleet.publish()
    await fleet.is_caught_up()
    assert zombie.returncode is None
    await fleet.is_right()


async def test_rebuilds_by_another_process_disturb_neither_queries_nor_those_who_project(fleet: Fleet) -> None:
    for _ in range(2):
        await fleet.start()
    await fleet.publish()
    await fleet.is_caught_up()
    over = asyncio.Event()
    going_on = [asyncio.create_task(_ask(fleet.readmodel, f"team-{number}", over)) for number in range(3)]
    going_on.append(asyncio.create_task(_publish(fleet, over)))
    for _ in range(REBUILDS):
        assert (await rebuild(fleet.bus, fleet.readmodel)).facts > 0
    over.set()
    asked = await asyncio.gather(*going_on)
    assert min(asked) > 0
    await fleet.is_caught_up()
    assert [member.returncode for member in fleet.members] == [None, None]
    await fleet.is_right()


async def _publish(fleet: Fleet, over: asyncio.Event) -> int:
    """More and more happens; each fact is soon to be seen."""
    times = 0
    while not over.is_set() and times < PUBLISHED_MOST:
        await fleet.publish()
        await fleet.is_caught_up()
        times += 1
    return times


async def _ask(readmodel: ReadModel, team: str, over: asyncio.Event) -> int:
    """Queries find everything, in all tables alike, and never go back in time."""
    last = times = 0
    while not over.is_set():
        app, sequence = await readmodel.app(team, "shop"), await readmodel.last_sequence(team)
        facts = await readmodel.facts_after(team, sequence - 1, 1)
        assert app is not None
        assert app.current_release is not None
        assert facts[0].sequence == sequence >= last
        last, times = sequence, times + 1
    return times
