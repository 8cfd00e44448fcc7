"""What is PostgreSQL's alone: why it can't be opened, many processes at once, its restarts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from tests.real.postgres import away, database, hang_up, postgres

from ownstack_readmodel import DatabaseUnusable, ReadModel, open_readmodel, passes
from ownstack_readmodel.engine import MIGRATION_LOCK
from ownstack_readmodel.postgres import IDLE_MS, LOCK_WAIT_MS
from ownstack_readmodel.shadows import Shadows
from ownstack_readmodel.tables import METADATA, POSITIONS, TEAMS

KEEPALIVES = ("idle", "interval", "count")


@pytest.fixture
def url() -> Iterator[str]:
    with database() as url:
        yield url


def refusal(url: str) -> DatabaseUnusable:
    with pytest.raises(DatabaseUnusable) as refused:
        open_readmodel(url)
    return refused.value


def test_a_database_that_is_not_there() -> None:
    refused = refusal(make_url(postgres()).set(database="nowhere").render_as_string(hide_password=False))
    assert (refused.code, refused.passing) == ("database-missing", False)


def test_a_server_that_is_not_there() -> None:
    refused = refusal("postgresql://somebody:secret@127.0.0.1:1/nowhere")
    assert (refused.code, refused.passing) == ("database-unreachable", True)
    assert "secret" not in str(refused)


def test_a_server_that_takes_no_connections_at_the_moment(url: str) -> None:
    with away(url):
        assert refusal(url).passing
    open_readmodel(url).close()


def test_a_user_that_is_not_known() -> None:
    refused = refusal(make_url(postgres()).set(username="nobody-of-ours").render_as_string(hide_password=False))
    assert (refused.code, refused.passing) == ("database-refused", False)


def test_a_server_that_takes_no_writes_for_now(url: str) -> None:
    readmodel = open_readmodel(url)
    with readmodel.writing() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {make_url(url).database} SET default_transaction_read_only = on")
        connection.exec_driver_sql("DROP TABLE readmodel_alembic_version")
    readmodel.close()
    refused = refusal(url)
    assert (refused.code, refused.passing) == ("database-read-only", True)


@pytest.mark.parametrize("url", ["mysql://host/name", "nonsense", ""])
def test_an_address_of_something_else(url: str) -> None:
    assert refusal(url).code == "database-url"


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    refused = refusal("postgresql://somebody@127.0.0.1:1/nowhere")
    assert refused.code == "database-driver-missing"
    assert "ownstack[postgres]" in refused.hint


def test_a_read_model_of_a_newer_release(url: str) -> None:
    readmodel = open_readmodel(url)
    with readmodel.writing() as connection:
        connection.exec_driver_sql("UPDATE readmodel_alembic_version SET version_num = 'v9999'")
    readmodel.close()
    assert refusal(url).code == "database-newer"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
async def test_the_ways_to_write_its_address(url: str, scheme: str) -> None:
    readmodel = open_readmodel(f"{scheme}://{url.partition('://')[2]}")
    assert await readmodel.last_sequence("acme") == 0
    readmodel.close()


def test_of_many_that_open_it_at_once_each_finds_it_migrated(url: str) -> None:
    def names(_: int) -> bool:
        readmodel = open_readmodel(url)
        try:
            with readmodel.reading() as connection:
                context = MigrationContext.configure(connection, opts={"version_table": "readmodel_alembic_version"})
                return compare_metadata(context, METADATA) == []
        finally:
            readmodel.close()

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(names, range(6)))


async def test_queries_survive_a_restart_of_the_server(url: str) -> None:
    readmodel = open_readmodel(url)
    assert await readmodel.last_sequence("acme") == 0
    with away(url):
        with pytest.raises(DBAPIError) as refused:
            await readmodel.last_sequence("acme")
        assert passes(refused.value)
    assert await readmodel.last_sequence("acme") == 0
    readmodel.close()


async def test_a_query_whose_connection_is_lost_under_way_is_asked_again(url: str) -> None:
    readmodel, times = open_readmodel(url), 0

    def asked(connection: object) -> int:
        nonlocal times
        times += 1
        if times == 1:
            hang_up(url)
        return len(connection.execute(TEAMS.select()).all())  # type: ignore[attr-defined]

    assert await readmodel.query(asked) == 0
    assert times == 2
    readmodel.close()


def test_who_stops_in_the_middle_of_a_transaction_holds_up_nobody_for_long(url: str) -> None:
    readmodel = open_readmodel(url)
    for way in (readmodel.reading, readmodel.writing):
        with way() as connection:
            shown = connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar_one()
            assert shown == f"{IDLE_MS // 1_000}s"
    readmodel.close()


def test_the_server_notices_a_process_that_is_gone(url: str) -> None:
    readmodel = open_readmodel(url)
    with readmodel.writing() as connection:
        told = [connection.exec_driver_sql(f"SHOW tcp_keepalives_{what}").scalar_one() for what in KEEPALIVES]
    assert told == ["10", "5", "3"]
    readmodel.close()


def test_a_writer_waits_for_a_lock_for_a_while_and_then_tries_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ownstack_readmodel.postgres.LOCK_WAIT_MS", 50)
    holding, waiting = open_readmodel(url), open_readmodel(url)
    lock = f"LOCK TABLE {POSITIONS.name} IN EXCLUSIVE MODE"
    with holding.writing() as holder:
        holder.exec_driver_sql(lock)
        with pytest.raises(DBAPIError, match="lock timeout") as refused, waiting.writing() as connection:
            connection.exec_driver_sql(lock)
    assert passes(refused.value)
    with waiting.writing() as connection:
        connection.exec_driver_sql(lock)
    holding.close()
    waiting.close()


def test_only_a_writer_has_no_more_than_a_while_for_a_lock(url: str) -> None:
    readmodel = open_readmodel(url)
    for way, wait in ((readmodel.writing, f"{LOCK_WAIT_MS // 1_000}s"), (readmodel.reading, "0")):
        with way() as connection:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == wait
    readmodel.close()


def test_whoever_opens_it_waits_for_a_migration_as_long_as_it_takes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ownstack_readmodel.postgres.LOCK_WAIT_MS", 50)
    migrating = open_readmodel(url)
    with ThreadPoolExecutor(1) as pool:
        with migrating.writing() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            opening = pool.submit(open_readmodel, url)
            _until_waiting(migrating)
            with pytest.raises(TimeoutError):
                opening.result(0.3)
        opening.result(30).close()
    migrating.close()


def test_a_reader_cannot_write(url: str) -> None:
    readmodel = open_readmodel(url)
    with pytest.raises(DBAPIError, match="read-only transaction"), readmodel.reading() as connection:
        connection.execute(TEAMS.insert().values(team="acme", sequence=1, hash=""))
    readmodel.close()


def test_two_never_build_at_once(url: str) -> None:
    first, second = open_readmodel(url), open_readmodel(url)
    with Shadows(first, "one").alone():
        with pytest.raises(DatabaseUnusable) as refused, Shadows(second, "two").alone():
            pytest.fail("both build")
        assert (refused.value.code, refused.value.passing) == ("rebuild-running", True)
    for _ in range(20):
        with Shadows(first, "one").alone():
            pass
        with Shadows(second, "two").alone():
            pass
    first.close()
    second.close()


async def test_a_query_sees_all_tables_of_before_an_exchange_or_all_of_after_it(url: str) -> None:
    """Its first statement came before the exchange, so the exchange waits for the second one."""
    readmodel, other = open_readmodel(url), open_readmodel(url)
    with readmodel.writing() as connection:
        connection.execute(TEAMS.insert().values(team="acme", sequence=1, hash="old"))
    shadows = Shadows(other, "build")
    shadows.create()
    with ThreadPoolExecutor(1) as pool, readmodel.reading() as connection:
        exchanging = pool.submit(_exchange, shadows)
        _until_waiting(other)
        assert connection.execute(TEAMS.select()).one().hash == "old"
        assert not exchanging.done()
        connection.commit()
        exchanging.result(30)
    with readmodel.reading() as connection:
        assert connection.execute(TEAMS.select()).all() == []
    shadows.drop()
    readmodel.close()
    other.close()


def _exchange(shadows: Shadows) -> None:
    shadows.hold_writers()
    shadows.exchange()
    shadows.let_go()


def _until_waiting(readmodel: ReadModel) -> None:
    """Until a lock is waited for in this database."""
    waiting = (
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "WHERE d.datname = current_database() AND NOT granted"
    )
    with readmodel.engine.connect().execution_options(ownstack_writes=True) as connection:
        while connection.exec_driver_sql(waiting).scalar_one() == 0:
            connection.commit()
