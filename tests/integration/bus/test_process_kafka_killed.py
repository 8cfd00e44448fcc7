"""`process` on Kafka when its members are killed, or stand still beyond their session and go on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.integration.bus.members import SESSION_S, Cluster, Member, cluster_at
from tests.integration.bus.numbering import Traffic
from tests.real.kafka import kafka


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with cluster_at(await asyncio.to_thread(kafka)) as cluster:
        yield cluster


@asynccontextmanager
async def processor(cluster: Cluster, stops_at: str = "") -> AsyncIterator[Member]:
    """A member that is a process (processor.py)."""
    program = Path(__file__).with_name("processor.py")
    arguments = [cluster.servers, cluster.settings.prefix, str(SESSION_S), *([stops_at] if stops_at else [])]
    process = await asyncio.create_subprocess_exec(sys.executable, str(program), *arguments, stdout=PIPE)
    started = Member(process)
    try:
        yield started
    finally:
        await started.kill()


async def has_all(member: Member) -> None:
    await member.said.until(lambda lines: bool(lines) and lines[-1] == "has 0 1 2 3")


async def stopped(member: Member) -> None:
    """Return once it stands still."""
    await asyncio.to_thread(os.waitid, os.P_PID, member.process.pid, os.WSTOPPED | os.WNOWAIT)


async def test_who_was_stopped_in_a_transaction_and_replaced_writes_nothing_of_it(cluster: Cluster) -> None:
    traffic = Traffic(await cluster.bus(), 4)
    async with processor(cluster, stops_at="41") as first:
        await has_all(first)
        await traffic.send(40)
        await traffic.handled()
        await traffic.send(20)  # 41 is in partition 1: written, and not committed
        await stopped(first)
        async with processor(cluster) as second:
            await has_all(second)  # in less time than that after which the cluster aborts a transaction by itself
            first.process.send_signal(signal.SIGCONT)
            await first.said.until(lambda lines: "restarted 1" in lines)
            await first.said.until(lambda lines: len(lines[-1].split()) == 3)  # has its share again
            await traffic.send(40)
            await traffic.check()


async def test_members_are_killed_during_traffic_and_each_input_is_handled_once(cluster: Cluster) -> None:
    traffic = Traffic(await cluster.bus(), 4)
    chance = random.Random(9)

    async def publish() -> None:
        while len(traffic.sent) < 3_000:
            await traffic.send(chance.randint(1, 30))

    async with processor(cluster) as survivor, asyncio.TaskGroup() as tasks:
        await has_all(survivor)
        tasks.create_task(publish())
        for handled in (300, 900, 1_500):
            async with processor(cluster) as victim:
                await victim.said.until(lambda lines: len(lines[-1].split()) == 3 if lines else False)
                await traffic.handled(handled)
                await victim.kill()
        await has_all(survivor)
    async with processor(cluster):
        await traffic.check()
