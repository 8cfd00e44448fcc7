"""What others publish with tools of their own: `kcat`, which chooses partitions otherwise, and plain garbage."""

from __future__ import annotations

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence

import pytest
from tests.contract.bus.parts import C, H, everything, running, until
from tests.real.kafka import kafka, new_topics

from ownstack_bus.kafka import KafkaBus
from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import Outgoing
from ownstack_contracts.dead_letters import KEPT_BYTES
from ownstack_contracts.envelope import decode, encode
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import DEAD_LETTERS
from ownstack_promoter.main import Promoter, Settings

PARTITIONS = 12
TEAMS = [f"team-{i}" for i in range(20)]
HOW = "kcat is not here, so publishing with it was not tested: apt-get install kcat."


class Installation:
    """A bus, and where others find it."""

    def __init__(self, servers: str, topic: str, bus: KafkaBus) -> None:
        self.servers, self.topic, self.bus = servers, topic, bus


@pytest.fixture
async def here() -> AsyncIterator[Installation]:
    servers = await asyncio.to_thread(kafka)
    async with new_topics(servers, partitions=PARTITIONS) as settings:
        bus = await KafkaBus.open(servers, settings)
        yield Installation(servers, settings.prefix + C, bus)
        await bus.close()


async def kcat(here: Installation, lines: Sequence[bytes], *options: str) -> None:
    """Publish `key:value` lines on `commands`."""
    program = shutil.which("kcat")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(HOW)
        pytest.skip(HOW)
    arguments = ["-P", "-b", here.servers, "-t", here.topic, "-K", ":", *options]
    process = await asyncio.create_subprocess_exec(program, *arguments, stdin=PIPE, stderr=PIPE)
    _, complaints = await process.communicate(b"\n".join(lines) + b"\n")
    assert process.returncode == 0, complaints


async def test_teams_published_by_kcat_are_forwarded_and_each_is_obeyed_once(here: Installation) -> None:
    bus = here.bus
    said = {
        team: [
            encode(TeamCreated(), source="/test", team=team, id=f"{team}-created"),
            encode(StackAdded(stack="eu-1", driver="noop"), source="/test", team=team, id=f"{team}-stack"),
        ]
        for team in TEAMS
    }
    lines = [f"{team}:".encode() + value for team, values in said.items() for value in values]
    async with running(Promoter(bus, Settings()).run()):
        await kcat(here, lines)
        await kcat(here, lines)
        shares = [2 * sum(partition_of(team, PARTITIONS) == p for team in TEAMS) for p in range(PARTITIONS)]
        await asyncio.gather(*[until(bus, H, p, share) for p, share in enumerate(shares) if share])
        last = [Outgoing(C, team, encode(TeamCreated(), source="/test", team=team, id="last")) for team in TEAMS]
        await bus.publish(last)
        await asyncio.gather(*[until(bus, H, p, share + share // 2) for p, share in enumerate(shares) if share])
    commands = await everything(bus, C)
    strayed = [r for r in commands if r.partition != partition_of(r.key, PARTITIONS)]
    assert strayed
    assert len(commands) == 2 * len(lines) + len(strayed) + len(last)
    history = await everything(bus, H)
    for team in TEAMS:
        facts = [decode(H, record.value).envelope for record in history if record.key == team]
        assert [fact.type for fact in facts] == ["TeamCreated", "StackAdded", "CommandRejected"]
        assert [fact.sequence for fact in facts] == [1, 2, 3]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_whatever_compression_a_publisher_chose_it_is_obeyed(here: Installation, codec: str) -> None:
    many = [b"acme:" + encode(TeamCreated(), source="/test", team="acme", id=f"same-{i}") for i in range(100)]
    async with running(Promoter(here.bus, Settings()).run()):
        await kcat(here, many, "-z", codec)
        facts = await until(here.bus, H, partition_of("acme", PARTITIONS), 100)
    assert decode(H, facts[0].value).envelope.type == "TeamCreated"


async def test_900_kilobytes_of_garbage_become_a_dead_letter_and_the_partition_goes_on(here: Installation) -> None:
    bus, partition = here.bus, partition_of("acme", PARTITIONS)
    garbage = os.urandom(900 * 1024)
    async with running(Promoter(bus, Settings()).run()):
        await bus.publish([Outgoing(C, "acme", garbage)])
        await bus.publish([Outgoing(C, "acme", encode(TeamCreated(), source="/test", team="acme"))])
        [fact] = await until(bus, H, partition, 1)
    assert decode(H, fact.value).envelope.type == "TeamCreated"
    [letter] = await everything(bus, DEAD_LETTERS.name)
    headers = dict(letter.headers)
    assert letter.value == garbage[:KEPT_BYTES]
    assert headers["length"] == str(len(garbage)).encode()
    assert headers["origin-topic"] == C.encode()
    assert headers["reason-code"]
