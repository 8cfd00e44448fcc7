"""`work` on Kafka when a member is killed, or stands still for so long that others take over."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from itertools import islice

import pytest
from tests.contract.bus.parts import D, Seen, keys_on, running
from tests.integration.bus.members import GROUP, Cluster, cluster_at, member
from tests.real.kafka import kafka

from ownstack_bus.port import Inbox, Outgoing

KEYS = list(islice(keys_on(0, 4), 201))


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with cluster_at(await asyncio.to_thread(kafka)) as cluster:
        yield cluster


async def test_after_a_kill_only_what_was_not_acknowledged_comes_again(cluster: Cluster) -> None:
    bus = await cluster.bus()
    await bus.publish([Outgoing(D, key, b"") for key in KEYS[:200]])
    async with member(cluster, "odd") as killed:
        await killed.until("took", 200)
        assert sorted(await killed.until("done", 100)) == list(range(1, 200, 2))
        await killed.kill()
    again: Seen[int] = Seen()

    async def acknowledge(inbox: Inbox) -> None:
        while record := await inbox.get(0):
            await inbox.done(record)
            again.add(record.offset)

    async with running(bus.work(D, GROUP, acknowledge)):
        await again.reach(100)
        await bus.publish([Outgoing(D, KEYS[200], b"")])
        assert sorted(await again.reach(101)) == [*range(0, 200, 2), 200]
    assert (await cluster.committed())[0] == (201, "")


async def test_one_that_stood_still_while_others_took_over_takes_nothing_of_theirs_back(cluster: Cluster) -> None:
    bus = await cluster.bus()
    await bus.publish([Outgoing(D, key, b"") for key in KEYS[:200]])
    async with member(cluster, "told") as stopped:
        await stopped.until("took", 200)
        stopped.process.send_signal(signal.SIGSTOP)
        done: Seen[int] = Seen()

        async def acknowledge(inbox: Inbox) -> None:
            while record := await inbox.get(0):
                if record.offset != 100:
                    await inbox.done(record)
                done.add(record.offset)

        async with running(bus.work(D, GROUP, acknowledge)):
            assert sorted(await done.reach(200)) == list(range(200))
        before = (await cluster.committed())[0]
        assert before[0] == 100
        stopped.tell()
        stopped.process.send_signal(signal.SIGCONT)
        await stopped.until("took", 201)
        await bus.publish([Outgoing(D, KEYS[200], b"")])
        took = await stopped.until("took", 202)
        assert sorted(took) == sorted([*range(200), 100, 200]), "what the others left, and what came later"
        await stopped.said.until(lambda said: {"done 100", "done 200"} <= set(said))
        assert (await cluster.committed())[0] == (201, "")
        assert not set(stopped.offsets("done")) - {100, 200}, "the rest was not its own to acknowledge"
