"""Writes many rows with one statement: multi-row VALUES, in a text that SQLite and PostgreSQL both read; and, where
there are many for a PostgreSQL, by COPY.

A statement of one row is slow beside a busy loop, since each step takes the interpreter's lock back; and SQLAlchemy
compiles a statement of many rows anew each time. So the text is made here, for a few numbers of rows, and kept. Names
of tables and columns are our own; values only ever travel as parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table

from ownstack_projections import copying
from ownstack_readmodel.words import escaped, unescaped

Values = tuple[Any, ...]

SQLITE, POSTGRES = "?", "%s"
"""How their drivers mark a parameter."""
SIZES = (64, 16, 4, 1)
"""Numbers of rows in a statement: few, so that the driver finds them prepared."""


class Statements:
    """The statements about one table. name: of the table in the database, if it is another one of the same columns."""

    def __init__(self, table: Table, name: str | None = None) -> None:
        self._name = name or table.name
        self._columns = [str(column.name) for column in table.columns]
        self._keys = [str(column.name) for column in table.primary_key]
        self._texts: dict[tuple[str, str, int | tuple[str, ...]], str] = {}

    def upsert(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Insert whole rows, or put them in the place of those with their keys."""
        if _are_many(connection, rows):
            staged = copying.stage(connection, self._name, self._columns, rows)
            connection.exec_driver_sql(self._taking(staged))
        else:
            self._write(connection, "upsert", self._upsert, rows)

    def insert(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Insert whole rows. Raises sqlalchemy.exc.IntegrityError if one is there already."""
        if _are_many(connection, rows):
            copying.copy(connection, self._name, self._columns, rows)
        else:
            self._write(connection, "insert", self._insert, rows)

    def insert_new(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Insert whole rows but those that are there already. Returns how many were not."""
        return self._write(connection, "insert-new", self._insert_new, rows)

    def insert_new_numbered(self, connection: Connection, rows: Sequence[Values]) -> int:
        """As `insert_new`; the rows are without their first column, which the database counts."""
        return self._write(connection, "insert-new-numbered", self._insert_new_numbered, rows)

    def delete(self, connection: Connection, keys: Sequence[Values]) -> None:
        """Delete the rows with these primary keys."""
        self._write(connection, "delete", self._delete, keys)

    def select(self, connection: Connection, wanted: Mapping[str, Any]) -> list[Values]:
        """The whole rows that have these values."""
        mark, columns = _mark(connection), tuple(wanted)
        text = self._texts.get(("select", mark, columns))
        if text is None:
            where = " AND ".join(f"{column} = {mark}" for column in columns)
            text = f"SELECT {_listed(self._columns)} FROM {self._name} WHERE {where}"  # noqa: S608 - our own names
            self._texts["select", mark, columns] = text
        values = tuple(wanted.values())
        if mark == POSTGRES:
            rows = connection.exec_driver_sql(text, tuple(map(escaped, values)))
            return [tuple(map(unescaped, row)) for row in rows]
        return [tuple(row) for row in connection.exec_driver_sql(text, values)]

    def _write(self, connection: Connection, verb: str, make: Callable[[str, int], str], rows: Sequence[Values]) -> int:
        mark, start, written = _mark(connection), 0, 0
        for size in SIZES:
            text = self._texts.get((verb, mark, size))
            if text is None:
                text = self._texts[verb, mark, size] = make(mark, size)
            while len(rows) - start >= size:
                values = tuple(chain.from_iterable(rows[start : start + size]))
                if mark == POSTGRES:
                    values = tuple(map(escaped, values))
                written += connection.exec_driver_sql(text, values).rowcount
                start += size
        return written

    def _insert(self, mark: str, count: int) -> str:
        return self._insert_of(self._columns, mark, count)

    def _insert_of(self, columns: Sequence[str], mark: str, count: int) -> str:
        values = _tuples(mark, len(columns), count)
        return f"INSERT INTO {self._name} ({_listed(columns)}) VALUES {values}"  # noqa: S608 - our own names

    def _upsert(self, mark: str, count: int) -> str:
        return f"{self._insert(mark, count)} {self._on_conflict()}"

    def _taking(self, staged: str) -> str:
        columns = _listed(self._columns)
        return f"INSERT INTO {self._name} ({columns}) SELECT {columns} FROM {staged} {self._on_conflict()}"  # noqa: S608 - our own names

    def _on_conflict(self) -> str:
        taken = _listed([f"{column} = excluded.{column}" for column in self._columns if column not in self._keys])
        return f"ON CONFLICT ({_listed(self._keys)}) DO UPDATE SET {taken}"

    def _insert_new(self, mark: str, count: int) -> str:
        return f"{self._insert(mark, count)} ON CONFLICT DO NOTHING"

    def _insert_new_numbered(self, mark: str, count: int) -> str:
        return f"{self._insert_of(self._columns[1:], mark, count)} ON CONFLICT DO NOTHING"

    def _delete(self, mark: str, count: int) -> str:
        keys = _tuples(mark, len(self._keys), count)
        return f"DELETE FROM {self._name} WHERE ({_listed(self._keys)}) IN (VALUES {keys})"  # noqa: S608 - our own names


def take_turn(connection: Connection, turn: int) -> None:
    """Wait until no other process has this turn, and keep it to the end of the transaction. SQLite has one writer."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (turn,))


def _mark(connection: Connection) -> str:
    """How the driver marks a parameter."""
    return SQLITE if connection.dialect.name == "sqlite" else POSTGRES


def _are_many(connection: Connection, rows: Sequence[Values]) -> bool:
    return len(rows) >= copying.MANY and connection.dialect.name == "postgresql"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _tuples(mark: str, width: int, count: int) -> str:
    one = f"({', '.join([mark] * width)})"
    return ", ".join([one] * count)
