"""The database: what migrations make of it, what else may live in the file, and one that can't be opened."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from ownstack_readmodel import ReadModel, open_readmodel
from ownstack_readmodel.migrations.recreate import recreate, shape
from ownstack_readmodel.migrations.versions import v0003_config
from ownstack_readmodel.shadows import Shadows
from ownstack_readmodel.tables import LOG_POSITIONS, METADATA, POSITIONS, REBUILT, TEAMS
from ownstack_vault import open_vault


def test_the_migrations_make_the_tables_that_the_queries_read(readmodel: ReadModel) -> None:
    with readmodel.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "readmodel_alembic_version"})
        assert compare_metadata(context, METADATA) == []


def test_tables_that_change_shape_come_with_a_migration() -> None:
    assert shape() == v0003_config.SHAPE, "add a migration that recreates the tables, with the new SHAPE"


def test_a_database_of_an_older_release_gets_the_present_tables_and_keeps_its_logs(url: str) -> None:
    first = open_readmodel(url)
    with first.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE rm_app_stacks DROP COLUMN reference")
        connection.exec_driver_sql("DROP TABLE rm_runs")
        connection.exec_driver_sql("ALTER TABLE rm_log_lines DROP COLUMN app_id")
        connection.exec_driver_sql("UPDATE readmodel_alembic_version SET version_num = 'v0001'")
        connection.execute(POSITIONS.insert().values(topic="t", partition=0, next=7))
        connection.execute(LOG_POSITIONS.insert().values(topic="l", partition=0, next=7))
    first.close()
    second = open_readmodel(url)
    with second.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "readmodel_alembic_version"})
        assert compare_metadata(context, METADATA) == []
        assert connection.execute(POSITIONS.select()).all() == []
        assert len(connection.execute(LOG_POSITIONS.select()).all()) == 1
    second.close()


def test_opening_again_keeps_what_is_there(url: str) -> None:
    first = open_readmodel(url)
    with first.writing() as connection:
        connection.execute(TEAMS.insert().values(team="acme", sequence=1, hash=""))
    first.close()
    second = open_readmodel(url)
    with second.reading() as connection:
        assert connection.execute(TEAMS.select()).one().team == "acme"
    second.close()


def test_it_lives_in_one_file_with_the_vault(url: str) -> None:
    lock = threading.Lock()
    vault, readmodel = open_vault(url, lock), open_readmodel(url, lock)
    with readmodel.reading() as connection:
        assert {"vault_tokens", "rm_history", "readmodel_alembic_version"} <= set(inspect(connection).get_table_names())
    readmodel.close()
    vault.close()


def test_sqlite_is_set_up_to_read_beside_a_writer(tmp_path: Path) -> None:
    readmodel = open_readmodel(f"sqlite:///{tmp_path / 'model.db'}")
    with readmodel.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000
    readmodel.close()


def test_a_query_of_many_statements_sees_one_state(readmodel: ReadModel) -> None:
    def write() -> None:
        with readmodel.writing() as connection:
            connection.execute(TEAMS.insert().values(team="acme", sequence=1, hash=""))

    with readmodel.reading() as connection, ThreadPoolExecutor(1) as other:
        before = connection.execute(TEAMS.select()).all()
        other.submit(write).result()
        assert connection.execute(TEAMS.select()).all() == before == []
    with readmodel.reading() as connection:
        assert len(connection.execute(TEAMS.select()).all()) == 1


def test_a_write_that_fails_leaves_nothing(readmodel: ReadModel) -> None:
    with pytest.raises(ZeroDivisionError), readmodel.writing() as connection:  # noqa: PT012 - two steps of one write
        connection.execute(TEAMS.insert().values(team="acme", sequence=1, hash=""))
        _ = 1 / 0
    with readmodel.reading() as connection:
        assert connection.execute(TEAMS.select()).all() == []


def test_writers_hold_the_lock_that_they_share_with_others_on_the_file(url: str) -> None:
    lock = threading.Lock()
    readmodel = open_readmodel(url, lock)
    with readmodel.writing():
        assert lock.locked()
    assert not lock.locked()
    readmodel.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("This is no database, and long enough to be taken for one.\n" * 10)
    with pytest.raises(DBAPIError, match="not a database"):
        open_readmodel(f"sqlite:///{path}")


def test_an_error_tells_nothing_of_the_rows(readmodel: ReadModel) -> None:
    row = {"team": "canary", "sequence": 1, "hash": None}
    for rows in ([row], [row] * 2):
        with pytest.raises(DBAPIError) as refused, readmodel.writing() as connection:
            connection.execute(TEAMS.insert(), rows)
        assert "hash" in str(refused.value)
        assert "canary" not in f"{refused.value} {refused.value.orig}"


def test_a_migration_of_what_can_be_rebuilt_empties_it(readmodel: ReadModel) -> None:
    with readmodel.writing() as connection:
        connection.execute(TEAMS.insert().values(team="acme", sequence=1, hash=""))
    with readmodel.writing() as connection:
        recreate(connection)
    with readmodel.reading() as connection:
        assert connection.execute(TEAMS.select()).all() == []


def test_what_an_interrupted_rebuild_left_is_dropped_by_the_next(url: str) -> None:
    readmodel = open_readmodel(url)
    Shadows(readmodel, "first").create()
    second = Shadows(readmodel, "second")
    second.create()
    with readmodel.reading() as connection:
        names = set(inspect(connection).get_table_names())
    assert not [name for name in names if "first" in name]
    assert {f"{table.name}__second" for table in REBUILT} <= names
    second.drop()
    with readmodel.reading() as connection:
        assert not [name for name in inspect(connection).get_table_names() if "__" in name]
    readmodel.close()


def test_exchanged_tables_have_the_indexes_that_they_had(readmodel: ReadModel) -> None:
    with readmodel.reading() as connection:
        before = _indexes(connection)
    shadows = Shadows(readmodel, "build")
    shadows.create()
    shadows.exchange()
    shadows.drop()
    with readmodel.reading() as connection:
        assert _indexes(connection) == before


def _indexes(connection: object) -> dict[str, list[tuple[object, ...]]]:
    seen = inspect(connection)
    return {
        table.name: sorted((tuple(i["column_names"]), i["unique"]) for i in seen.get_indexes(table.name))
        for table in REBUILT
    }
