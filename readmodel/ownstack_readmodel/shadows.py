"""Tables beside the live ones, in which the model is built anew, and their exchange in one transaction."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, Table, inspect
from sqlalchemy.sql import quoted_name

from ownstack_readmodel.model import ReadModel
from ownstack_readmodel.tables import REBUILT

SLICE = 2_000
"""So many rows are deleted in one transaction."""
SEPARATOR = "__"
"""Between the name of a live table and the suffix of one beside it."""


class Shadows:
    """One set of such tables. Their indexes keep the suffix when the tables take the live names."""

    def __init__(self, readmodel: ReadModel, build: str) -> None:
        self.suffix = f"{SEPARATOR}{build}"
        self._old = f"{SEPARATOR}old{SEPARATOR}{build}"
        self._readmodel = readmodel

    def create(self) -> None:
        """Create the tables, empty; what an interrupted build left is dropped first."""
        self.drop()
        metadata = MetaData()
        for table in REBUILT:
            _copy(table, metadata, self.suffix)
        with self._readmodel.writing() as connection:
            metadata.create_all(connection, checkfirst=False)

    def exchange(self) -> None:
        """Let these tables take the place of the live ones, all at once. Queries see either the ones or the others."""
        with self._readmodel.writing() as connection:
            for table in REBUILT:
                _rename(connection, table.name, table.name + self._old)
                _rename(connection, table.name + self.suffix, table.name)

    def drop(self) -> None:
        """Drop all tables beside the live ones, little by little, so that no other writer waits for long."""
        with self._readmodel.reading() as connection:
            names = set(inspect(connection).get_table_names())
        for table in REBUILT:
            for name in sorted(name for name in names if name.startswith(table.name + SEPARATOR)):
                if self._readmodel.engine.dialect.name == "sqlite":
                    self._empty(table, name)
                with self._readmodel.writing() as connection:
                    connection.exec_driver_sql(f"DROP TABLE {name}")

    def _empty(self, table: Table, name: str) -> None:
        """SQLite goes through all pages of a table that it drops, for seconds if there are many."""
        keys = ", ".join(column.name for column in table.primary_key)
        some = f"SELECT {keys} FROM {name} LIMIT {SLICE}"  # noqa: S608 - our own names
        emptied = False
        while not emptied:
            with self._readmodel.writing() as connection:
                deleted = connection.exec_driver_sql(f"DELETE FROM {name} WHERE ({keys}) IN ({some})")  # noqa: S608 - as above
                emptied = deleted.rowcount < SLICE


def _copy(table: Table, metadata: MetaData, suffix: str) -> None:
    copy = table.to_metadata(metadata, name=table.name + suffix)
    for index in copy.indexes:
        index.name = quoted_name(f"{index.name}{suffix}", quote=None)  # SQLite can't rename an index later


def _rename(connection: Connection, name: str, to: str) -> None:
    connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {to}")
