"""What anybody with a Kafka client may write on a topic, and no bus of ours would: no reader is stopped by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer import message_accumulator
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from tests.contract.bus.parts import D, Echo, H, R, Rows, Seen, running, until
from tests.integration.bus.members import Cluster, cluster_at
from tests.real.kafka import kafka

from ownstack_bus.dead_letters import KEY_BYTES
from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import Inbox, Outgoing, Record
from ownstack_contracts.envelope import encode
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS, DEAD_LETTERS, LOGS
from ownstack_promoter.main import Promoter, Settings

C, L = COMMANDS.name, LOGS.name
PARTITIONS = 4
P = partition_of("acme", PARTITIONS)


class Raw(str):
    """A name that is written as bytes that are no UTF-8."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return b"\xff\xfe"


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with cluster_at(await asyncio.to_thread(kafka)) as cluster:
        yield cluster


@asynccontextmanager
async def stranger(cluster: Cluster) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that is not ours."""
    async with AIOKafkaProducer(bootstrap_servers=cluster.servers, max_request_size=2 << 20) as producer:
        yield producer


async def say_with_odd_name(cluster: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three records on the partition of acme, in one batch; the second has a header whose name is no UTF-8."""
    monkeypatch.setattr(message_accumulator, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    async with stranger(cluster) as producer:
        batch = producer.create_batch()
        for number, name in enumerate(("fine", Raw("odd"), "fine")):
            batch.append(timestamp=None, key=b"acme", value=b"%d" % number, headers=[(name, b"said")])
        await (await producer.send_batch(batch, cluster.settings.prefix + topic, partition=P))
    monkeypatch.undo()


async def test_a_key_of_900_kilobytes_becomes_a_dead_letter_and_the_partition_goes_on(cluster: Cluster) -> None:
    bus = await cluster.bus()
    async with running(Promoter(bus, Settings()).run()):
        async with stranger(cluster) as producer:
            await producer.send_and_wait(cluster.settings.prefix + C, b"{broken", key=b"\xff" * 900_000, partition=P)
        created = encode(TeamCreated(), source="/test", team="acme", id="created")
        await bus.publish([Outgoing(C, "acme", created)])
        await until(bus, H, P, 1)
    letters = [r for p in range(PARTITIONS) async for r in bus.read(DEAD_LETTERS.name, p)]
    assert [(letter.value, letter.key) for letter in letters] == [(b"{broken", "\ufffd" * (KEY_BYTES // 3))]


async def test_a_name_of_a_header_that_is_no_utf8_stops_no_reader(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bus = await cluster.bus()
    await say_with_odd_name(cluster, L, monkeypatch)
    assert [r.headers for r in await until(bus, L, P, 3)] == [
        (("fine", b"said"),),
        (("\ufffd\ufffd", b"said"),),
        (("fine", b"said"),),
    ]
    assert "of 0 to 2 some have names of headers that are no UTF-8" in caplog.text


async def test_such_a_name_stops_none_that_process_work_or_project(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, processed, worked, rows = await cluster.bus(), Seen[Record](), Seen[Record](), Rows()

    async def actor(inbox: Inbox) -> None:
        while (record := await inbox.get(0)) is not None:
            await inbox.done(record)
            worked.add(record)

    for topic in (C, D, L):
        await say_with_odd_name(cluster, topic, monkeypatch)
    async with (
        running(bus.process("promoter", [C, R], H, lambda partition: Echo(partition, processed))),
        running(bus.work(D, "deployers", actor)),
        running(bus.project(L, "readmodel", rows)),
    ):
        for seen in (processed, worked, rows.seen):
            assert [record.value for record in await seen.reach(3)] == [b"0", b"1", b"2"]
        await bus.publish([Outgoing(topic, "acme", b"3") for topic in (C, D, L)])
        for seen in (processed, worked, rows.seen):
            assert (await seen.reach(4))[-1].value == b"3"
