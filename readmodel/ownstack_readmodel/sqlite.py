"""The engine of a read model in SQLite, beside other rooms in one file."""

from __future__ import annotations

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from ownstack_readmodel.model import READERS, WRITES

BUSY_TIMEOUT_MS = 10_000
CHECKPOINT_PAGES = 8_000
"""After so many pages in the log they go to the file: not too often, since whoever commits then waits for the disk."""

CACHE_KIB = 12 * 1024
"""Pages that a connection keeps: SQLite's own 2 MiB cost a quarter of the time of a promotion to 5,000 stacks."""


def sqlite_engine(url: URL) -> Engine:
    """An engine whose connections read beside a writer."""
    engine = create_engine(url, pool_size=READERS + 2, max_overflow=2, hide_parameters=True)
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """NORMAL is enough: after a power cut the model may be a little behind, and goes on from there."""
    connection.isolation_level = None  # sqlite3 leaves BEGIN to us
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    cursor.execute(f"PRAGMA cache_size={-CACHE_KIB}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """A query of many statements sees one state of the database; a writer takes its turn at the beginning."""
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
