"""`work` on Kafka when its members come and go: all is done by somebody, and nothing that is done comes again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Collection
from itertools import islice

import pytest
from tests.contract.bus.parts import D, Seen, keys_on, running, values
from tests.integration.bus.members import GROUP, Cluster, cluster_at
from tests.real.kafka import kafka

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.marks import MAX_BYTES, MAX_CHARACTERS
from ownstack_bus.port import Actor, BusError, Inbox, Outgoing, Record


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with cluster_at(await asyncio.to_thread(kafka)) as cluster:
        yield cluster


class Ledger:
    """What all members of a test did, in the order in which they did it."""

    def __init__(self, pause: float = 0.0) -> None:
        self.ended: Seen[tuple[int, int]] = Seen()
        """Records that were acknowledged, or whose actor was stopped over that: once each."""
        self.done: set[tuple[int, int]] = set()
        self._ended: set[tuple[int, int]] = set()
        self.broken: list[str] = []
        self._at_work: set[str] = set()
        self._pause = pause

    def actor(self, member: str, chance: random.Random) -> Actor:
        """One that takes a little time for each record, acknowledges it, and sees that the promises hold."""

        async def act(inbox: Inbox) -> None:
            me = f"{member}/{inbox.key}"
            if me in self._at_work:
                self.broken.append(f"two actors of {me} at once")
            self._at_work.add(me)
            try:
                await self._work_off(inbox, chance)
            finally:
                self._at_work.discard(me)

        return act

    async def _work_off(self, inbox: Inbox, chance: random.Random) -> None:
        last = -1
        while record := await inbox.get(0):
            place = record.partition, record.offset
            if place in self.done:
                self.broken.append(f"{place} came again")
            if record.offset <= last:
                self.broken.append(f"{place} came after {last}")
            last = record.offset
            await asyncio.sleep(chance.random() * self._pause)
            try:
                await inbox.done(record)
                self.done.add(place)
            except BusError as error:
                if error.code != "partition-lost":
                    raise
                return
            finally:
                if place not in self._ended:
                    self._ended.add(place)
                    self.ended.add(place)


async def test_members_join_and_leave_during_traffic_and_all_is_done(cluster: Cluster) -> None:
    ledger, chance = Ledger(pause=0.02), random.Random(11)
    publisher = await cluster.bus()
    total = 4_000

    async def publish() -> None:
        for first in range(0, total, 40):
            await publisher.publish([Outgoing(D, f"key-{i % 97}", str(i).encode()) for i in range(first, first + 40)])

    async def come_and_go(name: str, stays: int) -> None:
        """Leaves after so many records were done by whomever, and comes back at once."""
        bus = await cluster.bus()
        for until in range(stays, total + stays, stays):
            async with running(bus.work(D, GROUP, ledger.actor(name, chance))):
                await ledger.ended.reach(min(until, total))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish())
        for name, stays in (("one", 700), ("two", 900), ("three", total)):
            tasks.create_task(come_and_go(name, stays))
    assert ledger.broken == []
    in_doubt = set(ledger.ended.items) - ledger.done
    assert len(in_doubt) < total / 10
    assert await _left(cluster) <= in_doubt


async def _left(cluster: Cluster) -> set[tuple[int, int]]:
    """What comes to a new member: partition and offset."""
    last = [Outgoing(D, key, b"last") for partition in range(4) for key in islice(keys_on(partition, 4), 1)]
    seen: Seen[Record] = Seen()

    async def look(inbox: Inbox) -> None:
        while record := await inbox.get(0):
            seen.add(record)

    bus = await cluster.bus()
    await bus.publish(last)
    async with running(bus.work(D, GROUP, look)):
        await seen.until(lambda items: values(items).count("last") == len(last))
    return {(record.partition, record.offset) for record in seen.items if record.value != b"last"}


async def test_a_job_goes_on_undisturbed_where_its_partition_stays(cluster: Cluster) -> None:
    begun: Seen[Inbox] = Seen()
    later: Seen[tuple[str, str]] = Seen()
    keys = [next(keys_on(partition, 4)) for partition in range(4)]

    async def long_job(inbox: Inbox) -> None:
        request = await inbox.get()
        assert request
        begun.add(inbox)
        if grant := await inbox.get():
            later.add((inbox.key, grant.value.decode()))
            await inbox.done(request, grant)

    first, has = await cluster.member()
    second, _ = await cluster.member()
    async with running(first.work(D, GROUP, long_job)):
        await first.publish([Outgoing(D, key, b"request") for key in keys])
        await begun.reach(4)
        others: Seen[tuple[str, str]] = Seen()

        async def another(inbox: Inbox) -> None:
            record = await inbox.get()
            assert record
            others.add((inbox.key, record.value.decode()))
            await inbox.done(record)

        async with running(second.work(D, GROUP, another)):
            kept = await has.until(2)
            await others.reach(2)
        await has.until(4)
        await first.publish([Outgoing(D, keys[partition], b"grant") for partition in kept])
        assert sorted(await later.reach(2)) == sorted((keys[partition], "grant") for partition in kept)
    assert {inbox.key for inbox in begun.items if inbox.revoked} >= {keys[p] for p in range(4) if p not in kept}
    assert len(begun.items) == 4, "no job was begun twice"
    assert {key for key, _ in others.items} == {keys[p] for p in range(4) if p not in kept}


async def test_what_was_under_way_when_its_partition_went_can_end_but_not_be_acknowledged(cluster: Cluster) -> None:
    partitions = dict(enumerate(next(keys_on(partition, 4)) for partition in range(4)))
    told: Seen[tuple[str, str]] = Seen()

    async def patient(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        begun.add(record)
        assert await inbox.get() is None, "it has gone"
        assert inbox.revoked
        try:
            await inbox.done(record)
        except BusError as error:
            told.add((inbox.key, error.code))

    begun: Seen[Record] = Seen()
    again: Seen[Record] = Seen()

    async def successor(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        await inbox.done(record)
        again.add(record)

    first, has = await cluster.member()
    second, _ = await cluster.member()
    async with running(first.work(D, GROUP, patient)):
        await first.publish([Outgoing(D, key, b"") for key in partitions.values()])
        await begun.reach(4)
        async with running(second.work(D, GROUP, successor)):
            kept = await has.until(2)
            gone = sorted(key for partition, key in partitions.items() if partition not in kept)
            assert sorted(await told.reach(2)) == [(key, "partition-lost") for key in gone]
            assert sorted(record.key for record in await again.reach(2)) == gone


async def test_a_partition_that_went_and_came_back_waits_for_the_job_under_way(cluster: Cluster) -> None:
    first_keys, others = zip(*(islice(keys_on(partition, 4), 2) for partition in range(4)), strict=True)
    begun: Seen[str] = Seen()
    quick: Seen[str] = Seen()
    go_on = asyncio.Event()

    async def long_job(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        if inbox.key in others:
            quick.add(inbox.key)
        else:
            begun.add(record.value.decode())
            await go_on.wait()
        await inbox.done(record)

    async def idle(inbox: Inbox) -> None:
        idling.add(await inbox.get())
        await asyncio.Event().wait()

    idling: Seen[Record | None] = Seen()
    first, has = await cluster.member()
    second, _ = await cluster.member()
    async with running(first.work(D, GROUP, long_job)):
        await first.publish([Outgoing(D, key, b"job") for key in first_keys])
        await begun.reach(4)
        async with running(second.work(D, GROUP, idle)):
            await idling.reach(2)
        await has.until(4)
        await first.publish([Outgoing(D, key, b"next") for key in first_keys])
        await first.publish([Outgoing(D, key, b"") for key in others])
        await quick.reach(4)  # so what was published before has been taken, too
        assert begun.items == ["job"] * 4, "no second actor of a key begins while the first one runs"
        go_on.set()
        assert sorted(await begun.reach(8)) == ["job"] * 4 + ["next"] * 4, "what the first one did is done"


async def test_intake_waits_when_no_more_can_be_kept_with_a_commit_and_goes_on(cluster: Cluster) -> None:
    room = MAX_BYTES * 8 - 1
    total = room + 1_500
    keys = list(islice(keys_on(0, 4), 50))
    taken: Seen[tuple[Inbox, Record]] = Seen()

    async def hold(inbox: Inbox) -> None:
        while record := await inbox.get():
            taken.add((inbox, record))

    bus = await cluster.bus()
    records = [Outgoing(D, keys[i % 50], str(i).encode()) for i in range(total)]
    for first in range(0, total, 2_000):
        await bus.publish(records[first : first + 2_000])
    chance = random.Random(3)
    async with running(bus.work(D, GROUP, hold)):
        await taken.reach(room)
        ours = [record for _, record in taken.items]
        inboxes = {inbox.key: inbox for inbox, _ in taken.items}
        half = set(chance.sample(ours[1:], room // 2))
        await asyncio.gather(*(_done(inboxes[key], half) for key in keys))
        position, metadata = (await cluster.committed())[0]
        assert position == 0
        assert MAX_CHARACTERS * 0.9 < len(metadata) <= MAX_CHARACTERS
        assert len(taken.items) == room, "nothing more is taken"
        await asyncio.gather(*(_done(inboxes[key], set(ours) - half) for key in keys))
        await taken.reach(total)
    again: Seen[Record] = Seen()

    async def rest(inbox: Inbox) -> None:
        while record := await inbox.get():
            again.add(record)

    async with running(bus.work(D, GROUP, rest)):
        assert sorted(int(value) for value in values(await again.reach(1_500))) == list(range(room, total))


async def _done(inbox: Inbox, records: Collection[Record]) -> None:
    await inbox.done(*(record for record in records if record.key == inbox.key))


async def test_marks_of_transactions_are_passed_over(cluster: Cluster) -> None:
    clients = Clients(cluster.servers, cluster.settings)
    key = next(keys_on(0, 4))
    producer = clients.producer(transactional_id=clients.named("test"))
    await producer.start()
    for i in range(5):
        await producer.begin_transaction()
        await producer.send_and_wait(clients.topic(D), str(i).encode(), key=key.encode(), partition=0)
        await (producer.abort_transaction() if i == 2 else producer.commit_transaction())
    await producer.stop()
    seen: Seen[Record] = Seen()

    async def last_first(inbox: Inbox) -> None:
        records = [record for _ in range(4) if (record := await inbox.get())]
        await inbox.done(*records[1:])
        seen.add(*records)
        await inbox.done(records[0])
        seen.add(records[0])

    async with running((await cluster.bus()).work(D, GROUP, last_first)):
        assert values(await seen.reach(5)) == ["0", "1", "3", "4", "0"]
    assert (await cluster.committed())[0] == (9, ""), "after the last record, before its mark"


async def test_closing_the_bus_ends_the_work_that_runs_on_it(cluster: Cluster) -> None:
    bus, has = await cluster.member()

    async def nothing(inbox: Inbox) -> None:
        raise AssertionError(inbox.key)

    work = asyncio.create_task(bus.work(D, GROUP, nothing))
    await has.until(4)
    await bus.close()
    with pytest.raises(BusError) as closed:
        await work
    assert closed.value.code == "bus-closed"


async def test_a_topic_that_is_not_there_is_named(cluster: Cluster) -> None:
    async def nothing(inbox: Inbox) -> None:
        raise AssertionError(inbox.key)

    with pytest.raises(BusError) as refused:
        await (await cluster.bus()).work("ownstack.nonsense", GROUP, nothing)
    assert refused.value.code == "unknown-topic"
