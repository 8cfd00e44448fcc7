"""Streams: from any place on, without a gap and without a double; they end with their reader, token and house."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.exc import OperationalError
from tests.unit.api.asgi import Reader, reading
from tests.unit.api.house import NOW, OTHER_TEAM, TEAM, House, opened, problem_of
from tests.unit.api.test_queries import APP

from ownstack_api.live import BATCH
from ownstack_api.settings import Settings
from ownstack_vault import Vault


async def test_a_stream_begins_now_and_says_where_that_is(house: House) -> None:
    house.readmodel.happened(TEAM, "TeamCreated")
    async with reading(house.app, house.secret, "/events") as reader:
        assert await reader.block() == "id: 1"
        assert reader.status == 200
        assert reader.headers["content-type"] == "text/event-stream"
        assert reader.headers["cache-control"] == "no-store"

        house.readmodel.happened(TEAM, "AppCreated", {"app": "shop"}, app="shop")
        at, kind, data = await reader.event()
        assert (at, kind) == (2, "AppCreated")
        assert json.loads(data) == {"type": "AppCreated", "sequence": 2, "data": {"app": "shop"}}


@pytest.mark.parametrize(
    ("url", "headers"),
    [("/events?after=3", {}), ("/events", {"last-event-id": "3"}), ("/events?after=1", {"last-event-id": "3"})],
)
async def test_a_stream_goes_on_after_the_last_one_seen(house: House, url: str, headers: dict[str, str]) -> None:
    for _ in range(5):
        house.readmodel.happened(TEAM, "AppCreated")
    async with reading(house.app, house.secret, url, **headers) as reader:
        assert await reader.block() == "id: 3"
        assert await reader.ids(2) == [4, 5]


async def test_from_stored_to_live_nothing_is_lost_and_nothing_comes_twice(house: House) -> None:
    stored, live = 3 * BATCH + 7, 500
    for _ in range(stored):
        house.readmodel.happened(TEAM, "AppCreated")

    async def go_on() -> None:
        for number in range(live):
            house.readmodel.happened(TEAM, "AppCreated")
            if number % 7 == 0:
                await asyncio.sleep(0)

    async with reading(house.app, house.secret, "/events?after=0") as reader:
        going_on = asyncio.create_task(go_on())
        assert await reader.ids(stored + live) == list(range(1, stored + live + 1))
        await going_on


async def test_what_happens_while_the_stream_reads_is_not_missed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    read, late = house.readmodel.facts_after, iter([True])

    async def read_then_happen(team: str, after: int, limit: int, *, app: str | None = None) -> object:
        found = await read(team, after, limit, app=app)
        if next(late, False):
            house.readmodel.happened(TEAM, "AppCreated")  # after it was read, before anyone waits
        return found

    monkeypatch.setattr(house.readmodel, "facts_after", read_then_happen)
    async with reading(house.app, house.secret, "/events?after=0") as reader:
        assert await reader.ids(1) == [1]


async def test_a_stream_of_one_app_leaves_out_the_others(house: House) -> None:
    async with reading(house.app, house.secret, "/events?after=0&app=shop") as reader:
        for app in ("shop", "other", None, "shop"):
            house.readmodel.happened(TEAM, "AppCreated", app=app)
        assert await reader.ids(2) == [1, 4]


async def test_another_teams_facts_are_not_sent(house: House) -> None:
    async with reading(house.app, house.secret, "/events?after=0") as reader:
        house.readmodel.happened(OTHER_TEAM, "TeamCreated", {"secret": "theirs"})
        house.readmodel.happened(TEAM, "AppCreated")
        assert (await reader.event())[1] == "AppCreated"


async def test_who_is_ahead_of_the_history_is_told(house: House) -> None:
    house.readmodel.happened(TEAM, "TeamCreated")
    response = await house.client.get("/api/v1/events", headers={"Last-Event-ID": "2"})
    assert problem_of(response) == (409, "ahead-of-history")


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30, "\x00"])
async def test_a_last_event_that_is_none_is_refused(house: House, last: str) -> None:
    response = await house.client.get("/api/v1/events", headers={"Last-Event-ID": last})
    assert problem_of(response) == (422, "invalid-request")


async def test_log_lines_come_as_they_are_printed(house: House) -> None:
    house.readmodel.hold(TEAM, "app", "shop", APP)
    house.readmodel.logged("shop", "before")
    async with reading(house.app, house.secret, "/apps/shop/logs/events") as now:
        assert await now.block() == "id: 1"
        async with reading(house.app, house.secret, "/apps/shop/logs/events?after=0") as all_of_it:
            house.readmodel.logged("shop", "two\nlines\r\n\r\nand \u2028 more: ä")
            assert await all_of_it.ids(2) == [1, 2]
        at, kind, data = await now.event()
        assert (at, kind) == (2, "LogLine")
        assert json.loads(data)["text"] == "two\nlines\r\n\r\nand \u2028 more: ä"


@pytest.fixture
async def lively(vault: Vault) -> AsyncIterator[House]:
    """A house whose heart beats fast, and that allows two streams per token."""
    async with opened(vault, Settings(heartbeat=0.01, streams_per_token=2)) as house:
        yield house


async def test_a_quiet_stream_has_a_heartbeat(lively: House) -> None:
    async with reading(lively.app, lively.secret, "/events") as reader:
        assert [await reader.block() for _ in range(3)] == ["id: 0", ": ", ": "]
        lively.readmodel.happened(TEAM, "TeamCreated")
        assert await reader.ids(1) == [1]


async def end_of(reader: Reader) -> None:
    while await reader.block():
        pass


async def test_a_stream_ends_when_its_token_is_revoked_here(house: House) -> None:
    me = (await house.client.get("/api/v1/me")).json()["token"]
    async with reading(house.app, house.secret, "/events") as reader:
        await reader.block()
        await house.client.delete(f"/api/v1/tokens/{me}")
        await end_of(reader)


async def test_a_stream_ends_at_its_heartbeat_when_its_token_was_revoked_elsewhere(lively: House) -> None:
    me = (await lively.client.get("/api/v1/me")).json()["token"]
    async with reading(lively.app, lively.secret, "/events") as reader:
        await reader.block()
        lively.vault.tokens.revoke(TEAM, me, NOW)
        await end_of(reader)


async def test_a_stream_ends_when_the_house_closes_and_none_opens_any_more(house: House) -> None:
    async with reading(house.app, house.secret, "/events") as reader:
        await reader.block()
        house.parts.stop()
        await end_of(reader)
    async with reading(house.app, house.secret, "/events") as reader:
        await end_of(reader)


async def test_a_reader_who_goes_leaves_nothing_behind(house: House) -> None:
    async with reading(house.app, house.secret, "/events") as reader:
        await reader.block()
        assert len(house.parts.streams) == 1
        assert "ownstack_api_streams_open 1.0" in (await house.anonymous.get("/metrics")).text
    assert len(house.parts.streams) == 0
    assert house.readmodel.changes.watches == 0
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_reader_who_goes_in_the_middle_of_a_batch_leaves_nothing_behind(house: House) -> None:
    for _ in range(10 * BATCH):
        house.readmodel.happened(TEAM, "AppCreated")
    async with reading(house.app, house.secret, "/events?after=0") as reader:
        await reader.ids(1)
        reader.taking.clear()  # the connection is full
    assert len(house.parts.streams) == 0
    assert house.readmodel.changes.watches == 0


async def test_a_token_has_so_many_streams_and_no_more(lively: House) -> None:
    async with reading(lively.app, lively.secret, "/events") as first:
        await first.block()
        async with reading(lively.app, lively.secret, "/events") as second:
            await second.block()
            third = await lively.client.get("/api/v1/events")
            assert problem_of(third) == (429, "too-many-streams")
            assert third.headers["retry-after"] == "1"
            assert (await lively.client.get("/api/v1/me")).status_code == 200
            other = lively.vault.tokens.add(TEAM, "bot", NOW).secret
            async with reading(lively.app, other, "/events") as another:
                await another.block()
                assert another.status == 200
        async with reading(lively.app, lively.secret, "/events") as again:
            await again.block()
            assert again.status == 200


async def test_a_stream_ends_when_the_database_does_not_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise OperationalError("SELECT", None, Exception("gone"))

    async with reading(house.app, house.secret, "/events?after=0") as reader:
        await reader.block()
        monkeypatch.setattr(house.readmodel, "facts_after", away)
        house.readmodel.happened(TEAM, "StackAdded")
        await end_of(reader)
    assert len(house.parts.streams) == 0
    assert house.readmodel.changes.watches == 0


async def test_a_stream_that_breaks_leaves_nothing_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(house.readmodel, "facts_after", broken)
    stream = reading(house.app, house.secret, "/events?after=0")
    await (await stream.__aenter__()).block()
    with pytest.raises(RuntimeError, match="the disk is gone"):
        await stream.__aexit__(None, None, None)
    assert len(house.parts.streams) == 0
    assert house.readmodel.changes.watches == 0
