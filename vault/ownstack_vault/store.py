"""The database of the vault, as its parts share it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite

SETTLING_MS = 100
"""So long a reader of the SQLite file is waited for, while nobody can write."""


@dataclass(frozen=True, slots=True)
class Store:
    """Its engine, and the lock that is held during every write (see `open_vault`)."""

    engine: Engine
    write_lock: AbstractContextManager[object]

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that nothing is written with."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: what is written is durable afterwards, or not there at all."""
        with self.write_lock, self.engine.begin() as connection:
            yield connection

    def settle(self) -> bool:
        """Take from an SQLite's log what was overwritten in its file. False: others are reading; ask again later."""
        if self.engine.dialect.name != "sqlite":
            return True
        with self.write_lock, self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            before = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
            connection.exec_driver_sql(f"PRAGMA busy_timeout={SETTLING_MS}")
            try:
                busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={before}")
        return not busy


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say what happens to a row that is there."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
