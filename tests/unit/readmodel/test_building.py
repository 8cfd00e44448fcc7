"""One process at a time builds tables beside the live ones; and what it asks and drops is its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError
from tests.real.postgres import away, database, hang_up

from ownstack_readmodel import DatabaseUnusable, ReadModel, open_readmodel, passes, shadows
from ownstack_readmodel.shadows import BUILD_LOCK, Shadows
from ownstack_readmodel.tables import REBUILT


@pytest.fixture
def shared() -> Iterator[str]:
    """The URL of a PostgreSQL."""
    with database() as url:
        yield url


@pytest.fixture
def first(shared: str) -> Iterator[ReadModel]:
    readmodel = open_readmodel(shared)
    yield readmodel
    readmodel.close()


@pytest.fixture
def second(shared: str) -> Iterator[ReadModel]:
    """Another process."""
    readmodel = open_readmodel(shared)
    yield readmodel
    readmodel.close()


def test_a_build_ends_as_it_does_also_where_the_connection_of_its_lock_was_lost(shared: str, first: ReadModel) -> None:
    with Shadows(first, "one").alone():
        hang_up(shared)
    with pytest.raises(KeyError), Shadows(first, "one").alone():
        _fail(shared)


def _fail(shared: str) -> None:
    hang_up(shared)
    raise KeyError


def test_a_server_that_is_away_is_a_failure_that_passes(shared: str, first: ReadModel) -> None:
    with away(shared), pytest.raises(DBAPIError) as refused, Shadows(first, "one").alone():
        pytest.fail("nobody was asked")
    assert passes(refused.value)


def test_the_next_build_is_let_in_at_once_also_after_one_that_failed(
    first: ReadModel, second: ReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may notice only later that a connection was closed: here, after both."""
    closed: list[Connection] = []
    monkeypatch.setattr(shadows, "_close", closed.append)
    for readmodel in (first, second):
        with pytest.raises(KeyError), Shadows(readmodel, "any").alone():
            raise KeyError
    assert len(closed) == 2
    for connection in closed:
        connection.close()


def test_who_loses_the_lock_is_told_and_takes_it_anew(shared: str, first: ReadModel, second: ReadModel) -> None:
    building = Shadows(first, "one")
    with building.alone():
        building.keep_alone()
        hang_up(shared)
        with pytest.raises(DBAPIError) as lost:
            building.keep_alone()
        assert passes(lost.value)
        building.keep_alone()
        with pytest.raises(DatabaseUnusable, match="Another process"), Shadows(second, "two").alone():
            pytest.fail("both build")


def test_who_loses_the_lock_to_another_process_waits_for_it(shared: str, first: ReadModel, second: ReadModel) -> None:
    building = Shadows(first, "one")
    with building.alone():
        hang_up(shared)
        with pytest.raises(DBAPIError):
            building.keep_alone()
        with Shadows(second, "two").alone():
            with pytest.raises(DatabaseUnusable) as refused:
                building.keep_alone()
            assert (refused.value.code, refused.value.passing) == ("rebuild-running", True)
        building.keep_alone()


def test_a_lock_that_is_held_for_long_is_no_transaction(first: ReadModel) -> None:
    """The server ends a transaction that is idle for some seconds."""
    held = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {BUILD_LOCK}"
    asked = f"SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid IN ({held})"
    building = Shadows(first, "one")
    with building.alone():
        for _ in range(2):
            with first.reading() as connection:
                assert connection.exec_driver_sql(asked).scalars().all() == ["idle"]
            building.keep_alone()


def test_a_build_can_be_asked_whether_its_tables_are_the_live_ones(readmodel: ReadModel) -> None:
    build = Shadows(readmodel, "build")
    build.create()
    assert not build.are_exchanged()
    build.exchange()
    assert build.are_exchanged()
    Shadows(readmodel, "next").create()
    with pytest.raises(DatabaseUnusable) as refused:
        build.are_exchanged()
    assert (refused.value.code, refused.value.passing) == ("rebuild-running", False)


def test_a_build_drops_what_is_its_own(readmodel: ReadModel) -> None:
    """Also if it lost its lock, and another process has begun to build meanwhile."""
    first = Shadows(readmodel, "first")
    first.create()
    first.exchange()
    Shadows(readmodel, "second").create()
    first.drop()
    with readmodel.reading() as connection:
        beside = {name for name in inspect(connection).get_table_names() if "__" in name}
    assert beside == {f"{table.name}__second" for table in REBUILT}


def test_indexes_that_are_there_are_made_no_second_time(readmodel: ReadModel) -> None:
    """The answer to a commit may be lost: then it is done again."""
    build = Shadows(readmodel, "build")
    build.create()
    again = list(build._indexes)
    build.index()
    build._indexes += again
    build.exchange()
    assert build.are_exchanged()


def test_writers_are_let_go_also_where_the_connection_that_held_them_was_lost(shared: str, first: ReadModel) -> None:
    """Whatever ended the exchange, such as a cancellation, is not masked."""
    build = Shadows(first, "build")
    build.create()
    build.hold_writers()
    hang_up(shared)
    build.let_go()
    build.hold_writers()
    build.exchange()
    build.let_go()
