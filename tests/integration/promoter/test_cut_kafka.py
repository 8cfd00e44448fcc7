"""A decision that a broker cut, on a real Kafka: the promoter completes it when it restores itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.contract.bus.parts import PATIENCE_S, C, D, H, everything, running, until
from tests.real.kafka import new_bus

from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import At, Bus, Outgoing, Record
from ownstack_contracts.apps import AppCreated
from ownstack_contracts.catalog import deploys_key
from ownstack_contracts.envelope import Event, decode, encode
from ownstack_contracts.history import GENESIS, is_intact
from ownstack_contracts.jobs import StackDeployRequested
from ownstack_contracts.message import Command
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_promoter.main import Promoter, Settings

PARTITIONS = 3
ACME = partition_of("acme", PARTITIONS)
IMAGE = "registry.example/shop@sha256:" + "a" * 64
SAID: Sequence[Command] = [
    TeamCreated(),
    StackAdded(stack="eu-1", driver="noop"),
    StackAdded(stack="us-1", driver="noop"),
    AppCreated(app="shop", stacks=("eu-1", "us-1")),
    DeployRequested(app="shop", image=IMAGE),
]


@asynccontextmanager
async def deciding(bus: Bus) -> AsyncIterator[None]:
    async with running(Promoter(bus, Settings()).run()):
        yield


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with new_bus(partitions=PARTITIONS) as bus:
        yield bus


@pytest.fixture
async def commands() -> list[Outgoing]:
    return [Outgoing(C, "acme", encode(c, source="/test", team="acme", id=f"c{i}")) for i, c in enumerate(SAID)]


@pytest.fixture
async def whole(commands: list[Outgoing]) -> list[Record]:
    """The history of these commands, as it is when nothing goes wrong; the last decision asks for two deployments."""
    async with new_bus(partitions=PARTITIONS) as bus, deciding(bus):
        await bus.publish(commands)
        count = 1
        while not _is_complete(found := await until(bus, H, ACME, count)):
            count += 1
    return found


def _is_complete(history: Sequence[Record]) -> bool:
    last = decode(H, history[-1].value).envelope
    return last.input == f"{C}/{ACME}/{len(SAID) - 1}" and last.step is not None and last.step + 1 == last.steps


def type_of(record: Record) -> str:
    return str(decode(H, record.value).envelope.type)


def assert_chained(history: Sequence[Record]) -> None:
    """Sequences without gap or double, and each fact sealed to the one before."""
    before = GENESIS
    for number, record in enumerate(history, 1):
        envelope = decode(H, record.value).envelope
        assert is_intact(record.value)
        assert (envelope.sequence, envelope.previoushash) == (number, before)
        assert envelope.hash is not None
        before = envelope.hash


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_a_decision_that_lost_its_last_facts_and_requests_is_completed(
    bus: Bus, commands: list[Outgoing], whole: list[Record], lost: int
) -> None:
    await bus.publish(commands)
    await bus.publish([Outgoing(H, "acme", record.value, ACME) for record in whole[:-lost]])
    async with deciding(bus):
        await until(bus, H, ACME, len(whole))
        again = encode(TeamCreated(), source="/test", team="acme", id="again")  # what is decided next follows on
        await bus.publish([Outgoing(C, "acme", again)])
        history = await until(bus, H, ACME, len(whole) + 1)
    assert [record.value for record in history[:-1]] == [record.value for record in whole]
    assert_chained(history)
    asked = [record.value for record in whole if type_of(record) == "StackDeployRequested"]
    assert len(asked) == 2
    assert set(asked) <= {record.value for record in await everything(bus, D)}


async def test_requests_that_were_lost_beside_a_whole_history_are_sent_again(
    bus: Bus, commands: list[Outgoing], whole: list[Record]
) -> None:
    await bus.publish(commands)
    await bus.publish([Outgoing(H, "acme", record.value, ACME) for record in whole])
    asked = [decode(H, record.value) for record in whole if type_of(record) == "StackDeployRequested"]
    async with deciding(bus):
        await asyncio.gather(*[sent(bus, one) for one in asked])
    assert [record.value for record in await everything(bus, H)] == [record.value for record in whole]


async def sent(bus: Bus, request: Event) -> None:
    """Return once this request is on `deploys`."""
    message = request.message
    assert isinstance(message, StackDeployRequested)
    partition = partition_of(deploys_key("acme", message), PARTITIONS)
    async with asyncio.timeout(PATIENCE_S):
        async for record in bus.tail(D, partition, At(offset=0)):
            if decode(D, record.value).envelope.id == request.envelope.id:
                return
