"""The topics on a cluster: made once, with the settings that they must have; what differs is said and left as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from tests.contract.bus.parts import PATIENCE_S, everything, numbered
from tests.real.kafka import kafka, new_prefix

from ownstack_bus.kafka import KafkaBus, KafkaSettings
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.starting import started
from ownstack_bus.kafka.topics import Difference, check, set_up
from ownstack_bus.port import BusError, Outgoing
from ownstack_contracts.topics import COMMANDS, DEAD_LETTERS, DEPLOYS, HISTORY, LOGS, REPORTS, TOPICS

DAY = 24 * 60 * 60 * 1_000
RIGHT = {
    "max.message.bytes": "2097152",
    "compression.type": "uncompressed",
    "message.timestamp.type": "LogAppendTime",
    "min.insync.replicas": "1",
}


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    """On a cluster that has none of these topics."""
    clients = Clients(await asyncio.to_thread(kafka), KafkaSettings(prefix=new_prefix()))
    yield clients
    async with started(clients, clients.admin()) as admin:
        there = set(await admin.list_topics())
        await admin.delete_topics([name for name in map(clients.topic, TOPICS) if name in there])


async def make(clients: Clients, name: str, partitions: int, settings: Mapping[str, str]) -> None:
    """A topic as somebody else made it, once it is there."""
    async with started(clients, clients.admin()) as admin:
        await admin.create_topics([NewTopic(clients.topic(name), partitions, 1, topic_configs=dict(settings))])
        async with asyncio.timeout(PATIENCE_S):
            while (await admin.describe_topics([clients.topic(name)]))[0]["error_code"]:
                await asyncio.sleep(0)


async def settings_of(clients: Clients, name: str) -> dict[str, str]:
    """The settings of a topic, as the broker says."""
    async with started(clients, clients.admin()) as admin:
        response: Any = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, clients.topic(name))])
    (resource,) = response[0].resources
    return {entry[0]: entry[1] for entry in resource[4]}


async def test_what_is_missing_is_made_as_it_must_be(clients: Clients) -> None:
    made = await set_up(clients, partitions=3)
    assert (list(made.missing), list(made.differences)) == (list(TOPICS), [])
    days = {COMMANDS: 14, REPORTS: 14, HISTORY: None, DEPLOYS: 14, LOGS: 7, DEAD_LETTERS: 30}
    for topic, kept in days.items():
        found = await settings_of(clients, topic.name)
        assert found["retention.ms"] == ("-1" if kept is None else str(kept * DAY)), topic.name
        assert (found["retention.bytes"], found["cleanup.policy"]) == ("-1", "delete")
        assert found["unclean.leader.election.enable"] == "false"
        assert {name: found[name] for name in RIGHT} == RIGHT
    assert await check(clients) == dict.fromkeys(TOPICS, 3)


async def test_a_second_time_there_is_nothing_to_do(clients: Clients) -> None:
    await set_up(clients, partitions=2)
    again = await set_up(clients, partitions=2)
    assert (list(again.missing), list(again.differences)) == ([], [])


async def test_who_sets_up_at_the_same_time_does_not_fail(clients: Clients) -> None:
    both = await asyncio.gather(set_up(clients, partitions=2), set_up(clients, partitions=2))
    assert [list(setup.differences) for setup in both] == [[], []]
    assert await check(clients) == dict.fromkeys(TOPICS, 2)


async def test_what_differs_is_said_and_left_as_it_is(clients: Clients) -> None:
    await make(clients, HISTORY.name, 1, RIGHT | {"retention.ms": "1000", "message.timestamp.type": "CreateTime"})
    setup = await set_up(clients, partitions=2)
    assert set(setup.differences) == {
        Difference(HISTORY.name, "partitions", "1", "2"),
        Difference(HISTORY.name, "retention.ms", "1000", "-1"),
        Difference(HISTORY.name, "message.timestamp.type", "CreateTime", "LogAppendTime"),
    }
    assert (await settings_of(clients, HISTORY.name))["retention.ms"] == "1000"
    assert HISTORY.name not in setup.missing
    async with started(clients, clients.admin()) as admin:
        assert [name for name in map(clients.topic, TOPICS) if name in await admin.list_topics()] == [
            clients.topic(HISTORY.name)
        ], "nothing is made beside what is not right"


async def test_a_topic_that_takes_no_big_records_is_said(clients: Clients) -> None:
    await make(clients, HISTORY.name, 2, RIGHT | {"retention.ms": "-1", "max.message.bytes": "1000000"})
    setup = await set_up(clients, partitions=2)
    assert setup.differences == [Difference(HISTORY.name, "max.message.bytes", "1000000", "2097152")]


async def test_fewer_copies_than_asked_for_are_said_and_nothing_is_made(clients: Clients) -> None:
    await make(clients, HISTORY.name, 2, RIGHT | {"retention.ms": "-1"})
    setup = await set_up(clients, 2, replication=3)
    assert setup.differences == [Difference(HISTORY.name, "replication", "1", "3")]
    async with started(clients, clients.admin()) as admin:
        there = await admin.list_topics()
    assert [name for name in TOPICS if clients.topic(name) in there] == [HISTORY.name]


async def test_more_than_what_is_needed_is_right(clients: Clients) -> None:
    longer = RIGHT | {"retention.ms": str(60 * DAY), "max.message.bytes": str(8 * 1024 * 1024)}
    await make(clients, COMMANDS.name, 2, longer | {"unclean.leader.election.enable": "false"})
    assert list((await set_up(clients, partitions=2)).differences) == []
    assert await check(clients) == dict.fromkeys(TOPICS, 2)


async def test_a_bus_on_topics_that_are_missing_is_refused(clients: Clients) -> None:
    with pytest.raises(BusError, match="ownstack bus setup") as refused:
        await KafkaBus.open(clients.servers, clients.settings)
    assert refused.value.code == "bus-topics-missing"
    assert clients.topic(HISTORY.name) in str(refused.value)


async def test_a_bus_on_topics_that_are_not_right_is_refused(clients: Clients) -> None:
    await make(clients, HISTORY.name, 2, RIGHT | {"retention.ms": str(14 * DAY)})
    for name in [name for name in TOPICS if name != HISTORY.name]:
        await make(clients, name, 3 if name == REPORTS.name else 2, RIGHT)
    with pytest.raises(BusError, match="ownstack bus setup") as refused:
        await KafkaBus.open(clients.servers, clients.settings)
    assert refused.value.code == "bus-topics-differ"
    for part in ("ownstack.history: retention.ms is 1209600000, and must be -1", "ownstack.reports: partitions is 3"):
        assert part in str(refused.value)


async def test_more_copies_than_brokers_are_refused(clients: Clients) -> None:
    with pytest.raises(BusError, match="eplication") as refused:
        await set_up(clients, partitions=2, replication=9)
    assert refused.value.code == "bus-replication"


async def test_the_biggest_record_fits(clients: Clients) -> None:
    await set_up(clients, partitions=2)
    bus = await KafkaBus.open(clients.servers, clients.settings)
    biggest = numbered(HISTORY.name, "acme", 1)[0]._replace(value=b"x" * 1024 * 1024, headers=(("why", b"y" * 9_000),))
    await bus.publish([biggest])
    (found,) = await everything(bus, HISTORY.name)
    await bus.close()
    assert (found.value, found.headers) == (biggest.value, biggest.headers)


async def test_records_carry_the_time_of_the_broker(clients: Clients) -> None:
    await set_up(clients, partitions=1)
    async with started(clients, clients.producer()) as producer:
        for name in TOPICS:
            sent = await producer.send_and_wait(clients.topic(name), b"x", timestamp_ms=1)
            assert sent.timestamp > DAY, name


async def test_after_a_record_that_the_broker_refuses_others_are_published(clients: Clients) -> None:
    await set_up(clients, partitions=1)
    bus = await KafkaBus.open(clients.servers, clients.settings)
    await bus.publish([Outgoing(LOGS.name, "d1", b"before")])
    async with started(clients, clients.admin()) as admin:
        small = {"max.message.bytes": "1000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, clients.topic(LOGS.name), small)])
    too_large, fitting = Outgoing(LOGS.name, "d1", b"x" * 5_000), Outgoing(LOGS.name, "d1", b"after")
    async with asyncio.timeout(PATIENCE_S):
        while await accepts(bus, too_large):
            await asyncio.sleep(0)  # brokers hear of it a little later
    written = len(await everything(bus, LOGS.name))
    await bus.publish([fitting] * 2)
    assert [record.value for record in (await everything(bus, LOGS.name))[written:]] == [b"after"] * 2
    await bus.close()


async def accepts(bus: KafkaBus, record: Outgoing) -> bool:
    """Whether it is written. The only refusal is that it is too large."""
    try:
        await bus.publish([record])
    except BusError as error:
        if error.code != "record-too-large":
            raise
        return False
    return True
