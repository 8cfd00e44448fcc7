"""Writes many rows with one statement: multi-row VALUES, in a text that SQLite and PostgreSQL both read.

A statement with one row per step would take the interpreter's lock back for each; and SQLAlchemy compiles a statement
of many rows anew each time. So the text is made here, for a few numbers of rows, and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, Table

Values = tuple[Any, ...]

SIZES = (64, 16, 4, 1)
"""Numbers of rows in a statement: few, so that the driver finds them prepared."""


def upsert(connection: Connection, table: Table, name: str, rows: Sequence[Values]) -> None:
    """Insert rows of all columns of `table` into the table called `name`, or put them in the place of those with their keys."""
    for size, chunk in _chunks(rows):
        connection.exec_driver_sql(_upsert(connection.dialect, table, name, size), tuple(chain.from_iterable(chunk)))


def insert(connection: Connection, table: Table, name: str, rows: Sequence[Values]) -> None:
    """Insert rows of all columns. Raises sqlalchemy.exc.IntegrityError if one is there already."""
    for size, chunk in _chunks(rows):
        connection.exec_driver_sql(_insert(connection.dialect, table, name, size), tuple(chain.from_iterable(chunk)))


def delete(connection: Connection, table: Table, name: str, keys: Sequence[Values]) -> None:
    """Delete the rows with these primary keys."""
    for size, chunk in _chunks(keys):
        connection.exec_driver_sql(_delete(connection.dialect, table, name, size), tuple(chain.from_iterable(chunk)))


def select(connection: Connection, table: Table, name: str, wanted: dict[str, Any]) -> list[Values]:
    """All columns of the rows that have these values."""
    text = _select(connection.dialect, table, name, tuple(wanted))
    return [tuple(row) for row in connection.exec_driver_sql(text, tuple(wanted.values()))]


def _chunks(rows: Sequence[Values]) -> Iterator[tuple[int, Sequence[Values]]]:
    start = 0
    for size in SIZES:
        while len(rows) - start >= size:
            yield size, rows[start : start + size]
            start += size


def _mark(dialect: Dialect) -> str:
    return "?" if dialect.paramstyle == "qmark" else "%s"


def _columns(dialect: Dialect, names: Sequence[str]) -> str:
    return ", ".join(dialect.identifier_preparer.quote(name) for name in names)


def _keys(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]


def _tuples(dialect: Dialect, width: int, count: int) -> str:
    one = f"({', '.join([_mark(dialect)] * width)})"
    return ", ".join([one] * count)


@lru_cache(maxsize=512)
def _insert(dialect: Dialect, table: Table, name: str, count: int) -> str:
    names = table.columns.keys()
    return f"INSERT INTO {name} ({_columns(dialect, names)}) VALUES {_tuples(dialect, len(names), count)}"


@lru_cache(maxsize=512)
def _upsert(dialect: Dialect, table: Table, name: str, count: int) -> str:
    keys = _keys(table)
    rest = [_columns(dialect, [column]) for column in table.columns.keys() if column not in keys]
    taken = ", ".join(f"{column} = excluded.{column}" for column in rest)
    return f"{_insert(dialect, table, name, count)} ON CONFLICT ({_columns(dialect, keys)}) DO UPDATE SET {taken}"


@lru_cache(maxsize=512)
def _delete(dialect: Dialect, table: Table, name: str, count: int) -> str:
    keys = _keys(table)
    return f"DELETE FROM {name} WHERE ({_columns(dialect, keys)}) IN (VALUES {_tuples(dialect, len(keys), count)})"


@lru_cache(maxsize=128)
def _select(dialect: Dialect, table: Table, name: str, wanted: tuple[str, ...]) -> str:
    where = " AND ".join(f"{_columns(dialect, [column])} = {_mark(dialect)}" for column in wanted)
    return f"SELECT {_columns(dialect, table.columns.keys())} FROM {name} WHERE {where}"
