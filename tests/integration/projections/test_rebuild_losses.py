"""Rebuilds in a PostgreSQL whose connections are lost, or that is away for a while: each ends well, or not at all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import psycopg
import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError, OperationalError
from tests.bench.histories import Chronicle, promoted, shop
from tests.contract.bus.parts import Seen
from tests.integration.projections.conftest import Circle
from tests.integration.projections.losing import COMMIT, Losing
from tests.real import postgres
from tests.unit.projections.house import dump

from ownstack_bus.port import Outgoing
from ownstack_contracts.topics import HISTORY
from ownstack_projections import patience
from ownstack_projections import rebuild as rebuilding
from ownstack_projections.rebuild import Rebuilt, rebuild
from ownstack_projections.stopped import HistoryDamaged
from ownstack_readmodel import DatabaseUnusable, open_readmodel, passes
from ownstack_readmodel.shadows import Shadows
from ownstack_readmodel.tables import REBUILT

SOON = 60
NOT_BEGUN = 3
"""Statements until the lock is taken: a rebuild that fails there has lost nothing, and is not begun."""


@pytest.fixture
def database() -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits, and small batches, so that a small history comes in several."""
    monkeypatch.setattr(patience, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(patience, "LAST_DELAY_S", 0.05)
    monkeypatch.setattr(rebuilding, "BATCH", 40)
    monkeypatch.setattr(rebuilding, "CLOSE", 10)


@pytest.fixture
def told() -> Iterator[Seen[str]]:
    """What is logged about waiting, and about what is left."""
    told: Seen[str] = Seen()
    handler = logging.Handler()
    handler.emit = lambda record: told.add(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("ownstack_projections")
    logger.addHandler(handler)
    yield told
    logger.removeHandler(handler)


async def projected(circle: Circle) -> Chronicle:
    """A small history, and the live tables made of it."""
    chronicle = shop(Chronicle())
    promoted(chronicle, 0)
    await circle.publish(chronicle.records)
    async with circle.projecting():
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
    return chronicle


def beside(circle: Circle) -> list[str]:
    """The tables beside the live ones."""
    with circle.readmodel.reading() as connection:
        return [name for name in inspect(connection).get_table_names() if "__" in name]


def once(monkeypatch: pytest.MonkeyPatch, step: str, before: Callable[[], object], after: Callable[[], object]) -> None:
    """The next time that this is done with the tables beside the live ones, do these as well."""
    real = getattr(Shadows, step)

    def disturbed(shadows: Shadows) -> None:
        monkeypatch.setattr(Shadows, step, real)
        before()
        real(shadows)
        after()

    monkeypatch.setattr(Shadows, step, disturbed)


def nothing() -> None:
    """Is done."""


def edges(seen: list[str]) -> list[int]:
    """Of all that a rebuild asks, the numbers of the first and the last of each kind after each other kind: between
    them are more of the same, about other tables."""
    kinds = [tuple(statement.split()[:2]) for statement in seen]
    pairs = list(zip([("",), *kinds], kinds, strict=False))
    first = {pair: number for number, pair in reversed(list(enumerate(pairs, 1)))}
    last = {pair: number for number, pair in enumerate(pairs, 1)}
    return sorted({*first.values(), *last.values()})


async def test_a_rebuild_goes_on_after_a_connection_that_is_lost_before_any_statement_or_commit(
    circle: Circle, database: str
) -> None:
    chronicle = await projected(circle)
    right = dump(circle.readmodel)
    losing = Losing(circle.readmodel.engine, database, "rebuild")
    await rebuild(circle.bus, circle.readmodel)
    places = edges(losing.seen)
    async with circle.projecting() as projections:
        for at in places:
            losing.arm(at)
            if at <= NOT_BEGUN:
                with pytest.raises(DBAPIError) as refused:
                    await projections.rebuild()
                assert passes(refused.value)
            else:
                assert (await projections.rebuild()).facts == len(chronicle.records), losing.seen
            assert losing.met
            assert (dump(circle.readmodel), beside(circle)) == (right, []), losing.seen[:at]
        losing.arm(0)
        promoted(chronicle, 1)
        await circle.publish(chronicle.records)
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
    right = dump(circle.readmodel)
    await rebuild(circle.bus, circle.readmodel)
    assert dump(circle.readmodel) == right


async def test_a_rebuild_goes_on_after_a_commit_whose_answer_is_lost(circle: Circle, database: str) -> None:
    await projected(circle)
    right = dump(circle.readmodel)
    losing = Losing(circle.readmodel.engine, database, "rebuild")
    await rebuild(circle.bus, circle.readmodel)
    places = [at for at in edges(losing.seen) if losing.seen[at - 1] == COMMIT and at > NOT_BEGUN]
    async with circle.projecting() as projections:
        for at in places:
            losing.arm(at, answer=True)
            assert isinstance(await projections.rebuild(), Rebuilt)
            assert losing.met
            assert (dump(circle.readmodel), beside(circle)) == (right, []), losing.seen[:at]
    assert len(places) > 8


async def test_a_database_that_is_away_once_the_tables_are_exchanged_makes_no_failure_of_it(
    circle: Circle, database: str, monkeypatch: pytest.MonkeyPatch, told: Seen[str]
) -> None:
    chronicle = await projected(circle)
    monkeypatch.setattr(rebuilding, "GIVE_UP_S", 0.02)
    async with circle.projecting() as projections:
        with ExitStack() as away:
            once(monkeypatch, "exchange", nothing, lambda: away.enter_context(postgres.away(database)))
            assert (await projections.rebuild()).facts == len(chronicle.records)
        assert [message for message in told.items if "dropped by the next rebuild" in message]
        promoted(chronicle, 1)
        await circle.publish(chronicle.records)
        assert await circle.readmodel.wait_for_sequence("acme", len(chronicle.records), SOON)
    right = dump(circle.readmodel)
    assert len(beside(circle)) == len(REBUILT)
    await rebuild(circle.bus, circle.readmodel)
    assert (dump(circle.readmodel), beside(circle)) == (right, [])


@pytest.mark.parametrize("step", ["create", "index", "hold_writers", "exchange"])
async def test_a_database_that_is_away_for_a_while_is_waited_for(
    circle: Circle, database: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await projected(circle)
    right = dump(circle.readmodel)
    waited: Seen[float] = Seen()
    sleep = asyncio.sleep

    async def slept(seconds: float) -> None:
        waited.add(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", slept)
    with ExitStack() as away:
        once(monkeypatch, step, lambda: away.enter_context(postgres.away(database)), nothing)
        running = asyncio.create_task(rebuild(circle.bus, circle.readmodel))
        await waited.reach(15)
    await running
    assert waited.items[:4] == [0.01, 0.02, 0.04, 0.05]
    assert (dump(circle.readmodel), beside(circle)) == (right, [])


@pytest.mark.parametrize("step", ["create", "index", "hold_writers", "exchange"])
async def test_a_database_that_stays_away_ends_a_rebuild_and_the_next_one_drops_what_it_left(
    circle: Circle, database: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await projected(circle)
    right = dump(circle.readmodel)
    with monkeypatch.context() as patched, ExitStack() as away:
        patched.setattr(rebuilding, "GIVE_UP_S", 0.02)
        once(patched, step, lambda: away.enter_context(postgres.away(database)), nothing)
        with pytest.raises(DBAPIError) as refused:
            await rebuild(circle.bus, circle.readmodel)
    assert passes(refused.value)
    assert dump(circle.readmodel) == right
    await rebuild(circle.bus, circle.readmodel)
    assert (dump(circle.readmodel), beside(circle)) == (right, [])


async def test_a_rebuild_that_waits_is_cancelled_at_once(
    circle: Circle, database: str, monkeypatch: pytest.MonkeyPatch, told: Seen[str]
) -> None:
    await projected(circle)
    with ExitStack() as away:
        once(monkeypatch, "index", lambda: away.enter_context(postgres.away(database)), nothing)
        running = asyncio.create_task(rebuild(circle.bus, circle.readmodel))
        await told.until(lambda said: any("building the tables anew: waits" in message for message in said))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, SOON)


async def test_a_database_that_is_away_at_the_beginning_is_said_to_be(circle: Circle, database: str) -> None:
    with postgres.away(database), pytest.raises(DBAPIError) as refused:
        await rebuild(circle.bus, circle.readmodel)
    assert passes(refused.value)


async def test_why_a_rebuild_failed_is_told_also_where_its_tables_cannot_be_dropped(
    circle: Circle, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await projected(circle)
    right = dump(circle.readmodel)
    await circle.bus.publish([Outgoing(HISTORY.name, "acme", b"{}")])
    with ExitStack() as away:
        once(monkeypatch, "drop", lambda: away.enter_context(postgres.away(database)), nothing)
        with pytest.raises(HistoryDamaged):
            await rebuild(circle.bus, circle.readmodel)
    assert dump(circle.readmodel) == right
    with suppress(HistoryDamaged):
        await rebuild(circle.bus, circle.readmodel)
    assert beside(circle) == []


@pytest.mark.parametrize("done", [False, True])
async def test_a_rebuild_that_lost_its_turn_to_another_one_does_it_no_harm(
    circle: Circle, database: str, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    """Its lock went with its connection, and another process has begun, which drops what it finds beside the live."""
    await projected(circle)
    monkeypatch.setattr(rebuilding, "GIVE_UP_S", 0.02)
    readmodel = open_readmodel(database)
    other = Shadows(readmodel, "other")

    with ExitStack() as turn:

        def begins() -> None:
            postgres.hang_up(database)
            turn.enter_context(other.alone())
            other.create()
            if done:
                turn.close()

        once(monkeypatch, "create", nothing, begins)
        with pytest.raises(DatabaseUnusable) as refused:
            await rebuild(circle.bus, circle.readmodel)
        assert refused.value.code == "rebuild-running"
        assert len(beside(circle)) == len(REBUILT)
        other.exchange()
        other.drop()
    assert await circle.readmodel.last_sequence("acme") == 0
    readmodel.close()


async def test_a_rebuild_that_begins_a_second_time_drops_nothing_of_another_one(
    circle: Circle, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await projected(circle)
    monkeypatch.setattr(rebuilding, "GIVE_UP_S", 0.02)
    readmodel = open_readmodel(database)
    with ExitStack() as turn:

        def begins() -> None:
            postgres.hang_up(database)
            other = Shadows(readmodel, "other")
            turn.enter_context(other.alone())
            other.create()
            raise OperationalError("CREATE TABLE", None, psycopg.OperationalError("the connection is lost"))

        once(monkeypatch, "create", begins, nothing)
        with pytest.raises(DatabaseUnusable) as refused:
            await rebuild(circle.bus, circle.readmodel)
    assert refused.value.code == "rebuild-running"
    assert len(beside(circle)) == len(REBUILT)
    readmodel.close()
