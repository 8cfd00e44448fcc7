"""Opens the read model, migrated to the present: in SQLite, beside other rooms in one file, or in PostgreSQL."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from ownstack_readmodel.model import READERS, WRITES, ReadModel

BUSY_TIMEOUT_MS = 10_000
CHECKPOINT_PAGES = 8_000
"""After so many pages in the log they go to the file: not too often, since whoever commits then waits for the disk."""

CACHE_KIB = 12 * 1024
"""Pages that a connection keeps: SQLite's own 2 MiB cost a quarter of the time of a promotion to 5,000 stacks."""


def open_readmodel(url: str, write_lock: AbstractContextManager[object] | None = None) -> ReadModel:
    """Open, or create, the read model in the database at `url` (as SQLAlchemy writes it: `sqlite:////var/lib/own.db`).

    write_lock: held during every write; whoever writes to the same SQLite file shares it. None: nobody else writes.
    Raises sqlalchemy.exc.DBAPIError if the database can't be opened.
    """
    lock = write_lock or nullcontext()
    engine = _engine(url)
    with lock, engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        _upgrade(connection)
    return ReadModel(engine, lock)


def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_size=READERS + 2, max_overflow=2)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """NORMAL is enough: after a power cut the model may be a little behind, and goes on from there."""
    connection.isolation_level = None  # sqlite3 leaves BEGIN to us
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    cursor.execute(f"PRAGMA cache_size={-CACHE_KIB}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A query of many statements sees one state of the database; a writer takes its turn at the beginning."""
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _upgrade(connection: Connection) -> None:
    config = Config()
    scripts = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
