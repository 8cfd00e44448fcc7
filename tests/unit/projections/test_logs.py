"""Log lines: stored once each, in order, for a while; what can't be read is kept as a dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.bench.histories import Chronicle, shop
from tests.unit.projections.house import House

from ownstack_bus.port import Outgoing, Record
from ownstack_contracts.envelope import encode
from ownstack_contracts.logs import DeploymentLogged
from ownstack_contracts.topics import DEAD_LETTERS, LOGS
from ownstack_projections.logs import SLICE, LogSink
from ownstack_projections.stopped import Outrun
from ownstack_readmodel import CursorInvalid
from ownstack_readmodel.tables import LOG_LINES

NOW = 1_800_000_000_000
SHOP = "shop.10"


class Logs:
    """A sink of logs, and what it published."""

    def __init__(self, house: House) -> None:
        self.readmodel = house.readmodel
        self.published: list[Outgoing] = []
        self.executor = ThreadPoolExecutor(1)
        self.sink = LogSink(self._publish, house.readmodel, self.executor)
        self._offset = 0

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        self.published += records

    async def take(self, *values: bytes, at: int = NOW) -> None:
        """Apply records with these bytes."""
        records = [
            Record(LOGS.name, 0, self._offset + number, at, "p.eu-1", value) for number, value in enumerate(values)
        ]
        self._offset += len(records)
        await self.sink.apply(0, records)


@pytest.fixture
async def logs(house: House) -> AsyncIterator[Logs]:
    """For the app shop, whose id is SHOP."""
    chronicle = shop(Chronicle())
    assert chronicle.team.apps["shop"].id == SHOP
    await house.take(chronicle.records)
    logs = Logs(house)
    await logs.sink.positions()
    yield logs
    logs.executor.shutdown()


def printed(
    *lines: str,
    number: int = 0,
    stack: str = "eu-1",
    run: str = "r1",
    team: str | None = "acme",
    app_id: str = SHOP,
    deployment: str = "p",
) -> bytes:
    """A record of lines."""
    message = DeploymentLogged(
        deployment=f"{deployment}.{stack}",
        job=f"{deployment}.{stack}.1",
        run=run,
        app="shop",
        app_id=app_id,
        stack=stack,
        phase="restart",
        number=number,
        lines=lines,
    )
    return encode(message, source="/test", team=team)


async def texts(logs: Logs, **about: str) -> list[str]:
    return [line.text for line in (await logs.readmodel.logs("acme", "shop", **about)).items]


async def test_lines_are_found_in_the_order_in_which_they_came(logs: Logs) -> None:
    await logs.take(printed("a", "b"), printed("x", stack="eu-2"))
    await logs.take(printed("c", number=2), at=NOW + 5)
    assert await texts(logs) == ["a", "b", "x", "c"]
    assert await texts(logs, stack="eu-1") == ["a", "b", "c"]
    assert await texts(logs, deployment="p.eu-2") == ["x"]
    line = (await logs.readmodel.logs("acme", "shop")).items[-1]
    assert (line.at, line.number, line.phase, line.job, line.stack) == (NOW + 5, 2, "restart", "p.eu-1.1", "eu-1")
    assert line.cursor == await logs.readmodel.last_line("acme", "shop")


async def test_lines_that_come_twice_are_stored_once(logs: Logs) -> None:
    await logs.take(printed("a", "b"))
    await logs.take(printed("b", "c", number=1), printed("a", "b"))
    assert await texts(logs) == ["a", "b", "c"]


async def test_the_lines_of_another_run_are_others(logs: Logs) -> None:
    await logs.take(printed("a"), printed("a", run="r2"))
    assert await texts(logs) == ["a", "a"]


async def test_another_team_sees_none(logs: Logs) -> None:
    await logs.take(printed("a"))
    assert (await logs.readmodel.logs("beta", "shop")).items == []


async def test_an_app_that_was_made_anew_does_not_have_the_lines_of_the_one_before(logs: Logs) -> None:
    await logs.take(printed("before", app_id="shop.2", deployment="o"), printed("now"))
    await logs.take(printed("later", app_id="shop.2", deployment="o", number=1))
    assert await texts(logs) == await texts(logs, stack="eu-1") == ["now"]
    assert await texts(logs, deployment="o.eu-1") == ["before", "later"], "who asks for its deployments has them"


async def test_lines_that_an_older_release_stored_are_those_of_the_app(logs: Logs) -> None:
    await logs.take(printed("a"))
    with logs.readmodel.writing() as connection:
        connection.execute(LOG_LINES.update().values(app_id=None))
    assert await texts(logs) == ["a"]


async def test_pages_go_on_where_the_last_one_ended(logs: Logs) -> None:
    await logs.take(printed(*"abcde"))
    first = await logs.readmodel.logs("acme", "shop", 2)
    second = await logs.readmodel.logs("acme", "shop", 2, first.next)
    last = await logs.readmodel.logs("acme", "shop", 2, second.next)
    assert [[line.text for line in page.items] for page in (first, second, last)] == [["a", "b"], ["c", "d"], ["e"]]
    assert last.next is None
    with pytest.raises(CursorInvalid):
        await logs.readmodel.logs("acme", "shop", 2, "nonsense")


async def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_goes_on(logs: Logs) -> None:
    await logs.take(b"{", printed("a"), printed("x", team=None))
    assert await texts(logs) == ["a"]
    assert [(out.topic, dict(out.headers)["reason-code"]) for out in logs.published] == [
        (DEAD_LETTERS.name, b"not-json"),
        (DEAD_LETTERS.name, b"no-team"),
    ]


async def test_who_waits_for_lines_is_told(logs: Logs) -> None:
    with logs.readmodel.changes.of_logs("acme", "shop") as signal:
        waiting = asyncio.create_task(signal.wait(30))
        await logs.take(printed("a"))
        assert await waiting


async def test_old_lines_are_deleted_and_new_ones_stay(logs: Logs) -> None:
    lines = [f"line {number}" for number in range(SLICE + 100)]
    for start in range(0, len(lines), 400):
        await logs.take(printed(*lines[start : start + 400], number=start), at=NOW)
    await logs.take(printed("new", run="r2"), at=NOW + 10)
    assert await logs.sink.prune(NOW + 10) == len(lines)
    assert await texts(logs) == ["new"]
    cursor = await logs.readmodel.last_line("acme", "shop")
    await logs.sink.prune(NOW + 11)
    await logs.take(printed("newer", run="r3"), at=NOW + 20)
    assert await logs.readmodel.last_line("acme", "shop") > cursor, "a cursor is never given twice"


async def test_a_topic_that_was_made_anew_is_stored_from_its_beginning_and_gone_on_with(
    logs: Logs, house: House
) -> None:
    await logs.take(printed("a", "b"), printed("c", number=2), printed("d", number=3))
    anew = Logs(house)
    assert await anew.sink.positions() == {0: 3}
    await anew.take(printed("c", number=2))
    await anew.take(printed("e", run="r2"))
    assert await anew.sink.positions() == {0: 2}
    assert await texts(anew) == ["a", "b", "c", "d", "e"]
    anew.executor.shutdown()


async def test_a_sink_that_was_replaced_writes_nothing(logs: Logs, house: House) -> None:
    zombie = Logs(house)
    await zombie.sink.positions()
    await logs.take(printed("a"))
    with pytest.raises(Outrun):
        await zombie.take(printed("b", number=1))
    assert await texts(logs) == ["a"]
    zombie.executor.shutdown()
