"""Several processes on one PostgreSQL: one builds all tables anew, others go on projecting, and none fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy.exc import DBAPIError
from tests.bench.histories import Chronicle, promoted
from tests.real.postgres import away, database
from tests.unit.projections.house import House, dump

from ownstack_projections.stopped import Outrun
from ownstack_readmodel import open_readmodel
from ownstack_readmodel.shadows import Shadows

SOON = 30


@pytest.fixture
def url() -> Iterator[str]:
    with database() as url:
        yield url


@pytest.fixture
def house(url: str) -> Iterator[House]:
    house = House(open_readmodel(url))
    yield house
    house.close()


@pytest.fixture
def builder(url: str) -> Iterator[House]:
    """Another process."""
    house = House(open_readmodel(url))
    yield house
    house.close()


async def build(builder: House, chronicle: Chronicle, upto: int) -> None:
    """Build the tables anew as far as `upto`, and exchange them."""
    shadows = Shadows(builder.readmodel, f"at{upto}")
    await asyncio.to_thread(shadows.create)
    anew = House(builder.readmodel, shadows.suffix)
    await anew.take(chronicle.records[:upto])
    await asyncio.to_thread(_exchange, shadows)


def _exchange(shadows: Shadows) -> None:
    shadows.hold_writers()
    shadows.exchange()
    shadows.let_go()
    shadows.drop()


@pytest.mark.parametrize("ahead", [0, 3, 7, 20])
async def test_after_an_exchange_by_others_it_goes_on_from_their_tables(
    house: House, builder: House, chronicle: Chronicle, ahead: int
) -> None:
    promoted(chronicle, 1)
    await house.take(chronicle.records[:40])
    await build(builder, chronicle, 40 + ahead)
    await house.take(chronicle.records, batch=7)
    assert house.sink.counts.doubled == 0
    assert house.sink.counts.facts == len(chronicle.records) - ahead
    projected = dump(house.readmodel)
    await build(builder, chronicle, len(chronicle.records))
    assert dump(house.readmodel) == projected


async def test_who_was_paused_for_an_exchange_looks_what_the_new_tables_hold_when_facts_come(
    house: House, chronicle: Chronicle, url: str
) -> None:
    """The database may be away just then: that is no matter of whoever exchanged them."""
    promoted(chronicle, 1)
    await house.take(chronicle.records[:40])
    with ExitStack() as gone:
        async with house.sink.paused():
            await build(house, chronicle, 50)
            gone.enter_context(away(url))
        with pytest.raises(DBAPIError):
            await house.take(chronicle.records)
    await house.take(chronicle.records)
    assert house.sink.counts.doubled == 0
    assert house.sink.counts.facts == len(chronicle.records) - 10
    assert await house.readmodel.last_sequence("acme") == len(chronicle.records)


async def test_what_it_had_in_memory_of_the_old_tables_is_forgotten(
    house: House, builder: House, chronicle: Chronicle
) -> None:
    """The old tables were wrong; what was read from them must not come back."""
    await house.take(chronicle.records)
    for row in (house.sink.rows.apps.find("acme", "shop"), house.sink.rows.stacks.find("acme", "eu-1")):
        assert row is not None
    wrong = house.sink.rows.apps.find("acme", "shop")
    assert wrong is not None
    wrong.postdeploy = "wrong"
    await build(builder, chronicle, len(chronicle.records))
    promoted(chronicle, 1)
    await house.take(chronicle.records)
    app = await house.readmodel.app("acme", "shop")
    assert app is not None
    assert app.settings.postdeploy == "once-per-promotion"


async def test_tables_that_are_behind_are_not_written_over(house: House, builder: House, chronicle: Chronicle) -> None:
    """An exchange that did not wait for the writers, or a server that lost its last seconds: records are missing."""
    await house.take(chronicle.records)
    await build(builder, chronicle, 10)
    promoted(chronicle, 1)
    with pytest.raises(Outrun):
        await house.take(chronicle.records)
    assert await house.readmodel.last_sequence("acme") == 10
    await house.restart()
    await house.take(chronicle.records)
    assert await house.readmodel.last_sequence("acme") == len(chronicle.records)


async def test_a_writer_waits_while_tables_are_exchanged(house: House, builder: House, chronicle: Chronicle) -> None:
    await house.take(chronicle.records)
    at = len(chronicle.records)
    shadows = Shadows(builder.readmodel, "held")
    await asyncio.to_thread(shadows.create)
    await House(builder.readmodel, shadows.suffix).take(chronicle.records)
    await asyncio.to_thread(shadows.hold_writers)
    promoted(chronicle, 1)
    writing = asyncio.create_task(house.take(chronicle.records))
    await asyncio.to_thread(_until_waiting, builder)
    assert not writing.done()
    assert await builder.readmodel.last_sequence("acme") == at, "queries go on"
    await asyncio.to_thread(shadows.exchange)
    await asyncio.to_thread(shadows.let_go)
    await writing
    await asyncio.to_thread(shadows.drop)
    assert await builder.readmodel.last_sequence("acme") == len(chronicle.records)


def _until_waiting(house: House) -> None:
    """Until a lock is waited for in this database."""
    waiting = (
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "WHERE d.datname = current_database() AND NOT granted"
    )
    count = 0
    while count == 0:
        with house.readmodel.writing() as connection:
            count = connection.exec_driver_sql(waiting).scalar_one()


async def test_two_that_take_turns_write_what_one_writes(house: House, builder: House, chronicle: Chronicle) -> None:
    """As when a partition goes to and fro between processes: each asks for the positions when it gets it."""
    for number in range(3):
        promoted(chronicle, number)
    records = chronicle.records
    for turn, end in enumerate(range(20, len(records) + 20, 20)):
        one = (house, builder)[turn % 2]
        await one.restart()
        await one.take(records[:end], batch=6)
    taken = dump(house.readmodel)
    await build(builder, chronicle, len(records))
    assert dump(house.readmodel) == taken
