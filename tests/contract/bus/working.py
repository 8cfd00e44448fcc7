"""What every bus promises of `work`."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import islice

from tests.contract.bus.parts import PATIENCE_S, D, Seen, keys_on, numbered, running, values

from ownstack_bus.port import Bus, Inbox, Outgoing, Record

BLINK_S = 0.01


class ActorFailed(Exception):
    """What an actor raises."""


async def keys_of_one_partition(bus: Bus, count: int) -> list[str]:
    return list(islice(keys_on(0, await bus.partitions(D)), count))


class WorkContract:
    """work"""

    async def test_an_actor_gets_the_records_of_its_key_in_order(self, bus: Bus) -> None:
        seen: Seen[Record] = Seen()

        async def actor(inbox: Inbox) -> None:
            while record := await inbox.get(timeout=BLINK_S):
                assert record.key == inbox.key
                seen.add(record)
                await inbox.done(record)

        keys = [f"key-{i}" for i in range(50)]
        await bus.publish([Outgoing(D, key, str(i).encode()) for i in range(10) for key in keys])
        async with running(bus.work(D, "deployers", actor)):
            await seen.reach(500)
        for key in keys:
            assert values([r for r in seen.items if r.key == key]) == [str(i) for i in range(10)]

    async def test_keys_of_one_partition_are_worked_on_at_the_same_time(self, bus: Bus) -> None:
        keys = await keys_of_one_partition(bus, 2_000)
        begun: Seen[str] = Seen()

        async def actor(inbox: Inbox) -> None:
            assert await inbox.get()
            begun.add(inbox.key)
            await begun.reach(len(keys))  # ends only if all have begun

        await bus.publish([Outgoing(D, key, b"") for key in keys])
        async with running(bus.work(D, "deployers", actor)):
            assert set(await begun.reach(len(keys))) == set(keys)

    async def test_a_running_actor_finds_later_records_in_its_inbox(self, bus: Bus) -> None:
        answers: Seen[str] = Seen()

        async def actor(inbox: Inbox) -> None:
            request = await inbox.get()
            assert request
            answers.add(request.value.decode())
            grant = await inbox.get()
            assert grant
            await inbox.done(request, grant)
            answers.add(grant.value.decode())

        async with running(bus.work(D, "deployers", actor)):
            await bus.publish([Outgoing(D, "acme/shop@eu-1", b"request")])
            await answers.reach(1)
            await bus.publish(
                [Outgoing(D, "acme/shop@us-1", b"another request"), Outgoing(D, "acme/shop@eu-1", b"grant")]
            )
            assert "grant" in await answers.reach(3)

    async def test_an_empty_inbox_gives_nothing_in_time(self, bus: Bus) -> None:
        answers: Seen[Record | None] = Seen()

        async def actor(inbox: Inbox) -> None:
            answers.add(await inbox.get())
            answers.add(await inbox.get(timeout=BLINK_S), await inbox.get(timeout=0))

        async with running(bus.work(D, "deployers", actor)):
            await bus.publish(numbered(D, "acme", 1))
            assert (await answers.reach(3))[1:] == [None, None]

    async def test_an_actor_is_started_again_for_what_comes_later(self, bus: Bus) -> None:
        seen: Seen[str] = Seen()

        async def actor(inbox: Inbox) -> None:
            record = await inbox.get()
            assert record
            await inbox.done(record)
            seen.add(record.value.decode())

        async with running(bus.work(D, "deployers", actor)):
            await bus.publish(numbered(D, "acme", 3))
            await seen.reach(3)
            await bus.publish(numbered(D, "acme", 1, first=3))
            assert await seen.reach(4) == ["0", "1", "2", "3"]

    async def test_only_the_unacknowledged_comes_again_whatever_the_order_of_acknowledging(self, bus: Bus) -> None:
        keys = await keys_of_one_partition(bus, 40)
        acknowledged: Seen[str] = Seen()
        taken: Seen[str] = Seen()

        async def odd_ones_only(inbox: Inbox) -> None:
            record = await inbox.get()
            assert record
            if keys.index(inbox.key) % 2:
                await inbox.done(record)
                acknowledged.add(inbox.key)
            taken.add(inbox.key)

        await bus.publish([Outgoing(D, key, b"") for key in keys])
        async with running(bus.work(D, "deployers", odd_ones_only)):
            await taken.reach(40)
        again: Seen[str] = Seen()

        async def all_of_them(inbox: Inbox) -> None:
            record = await inbox.get()
            assert record
            await inbox.done(record)
            again.add(inbox.key)

        async with running(bus.work(D, "deployers", all_of_them)):
            await again.reach(20)
            await bus.publish([Outgoing(D, "last", b"")])
            assert Counter(await again.reach(21)) == Counter([*keys[::2], "last"])
        assert set(acknowledged.items) == set(keys[1::2])

    async def test_inside_a_key_the_unacknowledged_comes_again_too(self, bus: Bus) -> None:
        held: Seen[Record] = Seen()

        async def first_and_third(inbox: Inbox) -> None:
            records = [await inbox.get() for _ in range(4)]
            kept = [record for record in records if record]
            await inbox.done(kept[2], kept[0])
            held.add(*kept)

        await bus.publish(numbered(D, "acme", 4))
        async with running(bus.work(D, "deployers", first_and_third)):
            await held.reach(4)
        again: Seen[Record] = Seen()

        async def remember(inbox: Inbox) -> None:
            record = await inbox.get()
            assert record
            again.add(record)

        async with running(bus.work(D, "deployers", remember)):
            await again.reach(2)
            await bus.publish(numbered(D, "acme", 1, first=4))
            assert values(await again.reach(3)) == ["1", "3", "4"]

    async def test_what_an_actor_that_failed_did_not_acknowledge_comes_again_in_order(self, bus: Bus) -> None:
        seen: Seen[str] = Seen()
        failures = 0

        async def actor(inbox: Inbox) -> None:
            nonlocal failures
            first, second = await inbox.get(), await inbox.get()
            assert first
            assert second
            seen.add(first.value.decode(), second.value.decode())
            await inbox.done(first)
            if failures == 0:
                failures += 1
                raise ActorFailed
            await inbox.done(second)

        await bus.publish(numbered(D, "acme", 3))
        async with running(bus.work(D, "deployers", actor)):
            assert await seen.reach(4) == ["0", "1", "1", "2"]

    async def test_the_failure_of_one_actor_is_not_that_of_others(self, bus: Bus) -> None:
        good, bad = await keys_of_one_partition(bus, 2)
        seen: Seen[str] = Seen()

        async def actor(inbox: Inbox) -> None:
            record = await inbox.get()
            assert record
            if inbox.key == bad:
                raise ActorFailed
            await inbox.done(record)
            seen.add(record.value.decode())

        async with running(bus.work(D, "deployers", actor)):
            await bus.publish([Outgoing(D, bad, b""), *numbered(D, good, 20)])
            assert await seen.reach(20) == [str(i) for i in range(20)]

    async def test_cancelling_cancels_the_actors_and_takes_nothing_more(self, bus: Bus) -> None:
        begun: Seen[str] = Seen()
        ended: Seen[str] = Seen()

        async def actor(inbox: Inbox) -> None:
            begun.add(inbox.key)
            try:
                while await inbox.get():
                    pass
            finally:
                ended.add(inbox.key)

        await bus.publish([Outgoing(D, "one", b""), Outgoing(D, "two", b"")])
        async with running(bus.work(D, "deployers", actor)):
            await begun.reach(2)
        assert sorted(ended.items) == ["one", "two"]
        await bus.publish([Outgoing(D, "three", b"")])
        assert sorted(begun.items) == ["one", "two"]

    async def test_groups_know_nothing_of_each_other(self, bus: Bus) -> None:
        async def first(inbox: Inbox) -> None:
            record = await inbox.get()
            assert record
            await inbox.done(record)
            seen.add(record.value.decode())

        await bus.publish(numbered(D, "acme", 3))
        for group in ("deployers", "others"):
            seen: Seen[str] = Seen()
            async with running(bus.work(D, group, first)):
                assert await seen.reach(3) == ["0", "1", "2"]

    async def test_thousands_of_acknowledgements_at_once_are_all_kept(self, bus: Bus) -> None:
        keys = [f"key-{i}" for i in range(3_000)]
        begun: Seen[str] = Seen()
        acknowledged: Seen[str] = Seen()

        async def actor(inbox: Inbox) -> None:
            record = await inbox.get()
            assert record
            begun.add(inbox.key)
            await begun.reach(len(keys))
            await inbox.done(record)
            acknowledged.add(inbox.key)

        await bus.publish([Outgoing(D, key, b"") for key in keys])
        async with running(bus.work(D, "deployers", actor)):
            await acknowledged.reach(len(keys))
        begun = Seen()
        keys = ["last"]
        async with running(bus.work(D, "deployers", actor)), asyncio.timeout(PATIENCE_S):
            await bus.publish([Outgoing(D, "last", b"")])
            await acknowledged.reach(3_001)
        assert begun.items == ["last"]
